// Images in parts, for fastcv.dask: not for users, but no argument can make it touch memory that is not the arrays'.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <vector>

#include "bindings.hpp"
#include "fastcv/tv.hpp"

namespace fastcv::python {
namespace {

constexpr const char* kFunction = "chambolle_part";

// The numbers of a contiguous array of T with at least `values` of them; null for None.
template <class T>
T* values_of(const char* argument, const py::object& object, std::ptrdiff_t values, bool writes) {
  if (object.is_none()) return nullptr;
  if (!py::isinstance<py::array_t<std::remove_const_t<T>, py::array::c_style>>(object)) {
    refuse<py::type_error>(kFunction, ": ", argument, " must be a contiguous array of the image's dtype");
  }
  py::array array = py::reinterpret_borrow<py::array>(object);
  if (array.size() < values || (writes && !array.writeable())) {
    refuse<py::value_error>(kFunction, ": ", argument, " must be ", writes ? "writeable and " : "", "of at least ",
                            values, " values, got ", array.size());
  }
  return const_cast<T*>(static_cast<const T*>(array.data()));
}

template <class T>
void run_part(const py::array& image, const std::vector<py::object>& arrays, std::ptrdiff_t begin, std::ptrdiff_t end,
              double weight, double tau, int passes, bool update_last, int num_threads) {
  ChambollePart<T> part{};
  part.shape.assign(image.shape(), image.shape() + image.ndim());
  const ChambolleLayout layout = chambolle_layout<T>(part.shape);
  std::ptrdiff_t row_values = part.shape.back(), slice_rows = 1;
  for (std::size_t a = 1; a + 1 < part.shape.size(); a++) slice_rows *= part.shape[a];
  const std::ptrdiff_t slices = part.shape[0], own_rows = (end - begin) * slice_rows;
  const bool whole = begin == 0 && end == slices;
  if (begin < 0 || end <= begin || end > slices || row_values < 1 || passes < 1 ||
      (part.shape.size() > 2 && passes > 1) || !(weight > 0) || !(tau > 0)) {
    refuse<py::value_error>(kFunction, ": begin, end, passes, weight or tau out of range");
  }
  if (!whole && ((begin > 0 && begin < passes) || (end < slices && slices - end < passes))) {
    refuse<py::value_error>(kFunction, ": as many slices as passes are needed on both sides");
  }
  part.begin = begin;
  part.end = end;
  part.image = values_of<const T>("image", image, slices * slice_rows * row_values, false);
  part.from = values_of<const T>("from", arrays[0], layout.values, false);
  part.to = values_of<T>("to", arrays[1], layout.values, true);
  part.u = values_of<T>("u", arrays[2], own_rows * row_values, true);
  part.energies = values_of<double>("energies", arrays[3], passes * own_rows, true);
  part.changes = values_of<double>("changes", arrays[4], passes, true);
  if (part.to == nullptr && (update_last || passes > 1 || part.energies != nullptr)) {
    refuse<py::value_error>(kFunction, ": to is needed for update_last, for several passes and for energies");
  }
  if (part.changes != nullptr && part.energies == nullptr) {
    refuse<py::value_error>(kFunction, ": changes need energies");
  }
  part.weight = weight;
  part.tau = tau;
  part.passes = passes;
  part.update_last = update_last;
  part.num_threads = num_threads;
  run_interruptible(true, [&] { chambolle_part(part); });
}

void chambolle_part_of(const py::array& image, py::object from, py::object to, py::object u, py::object energies,
                       py::object changes, std::ptrdiff_t begin, std::ptrdiff_t end, double weight, double tau,
                       int passes, bool update_last, int num_threads) {
  if (image.ndim() < 2) refuse<py::value_error>(kFunction, ": image must have at least 2 dimensions");
  const std::vector<py::object> arrays{from, to, u, energies, changes};
  if (py::isinstance<py::array_t<float>>(image)) {
    run_part<float>(image, arrays, begin, end, weight, tau, passes, update_last, num_threads);
  } else {
    run_part<double>(image, arrays, begin, end, weight, tau, passes, update_last, num_threads);
  }
}

py::tuple layout_of(const std::vector<std::ptrdiff_t>& shape, bool wide) {
  if (shape.size() < 2) refuse<py::value_error>(kFunction, ": shape must have at least 2 dimensions");
  const ChambolleLayout l = wide ? chambolle_layout<double>(shape) : chambolle_layout<float>(shape);
  return py::make_tuple(l.lead, l.plane, l.pitch, l.values, l.most_passes);
}

// ---- denoise_tv ----------------------------------------------------------------------------------

DenoisePartShape part_shape(const std::vector<std::ptrdiff_t>& shape, bool isotropic) {
  const bool fits = shape.size() == 3 && shape[0] > 0 && shape[1] > 0 && (shape[2] == 1 || shape[2] == 3);
  if (!fits) refuse<py::value_error>(kFunction, ": shape must be (rows, columns, 1 or 3)");
  return {shape[0], shape[1], static_cast<int>(shape[2]), isotropic};
}

// A state's memory, as large and as aligned as it must be.
template <class T>
T* state_of(const DenoisePartShape& shape, const py::object& state, bool writes) {
  T* memory = values_of<T>("state", state, denoise_part_layout<T>(shape).values, writes);
  if (memory == nullptr || (writes && reinterpret_cast<std::uintptr_t>(memory) % 64 != 0)) {
    refuse<py::value_error>(kFunction, ": state must be an array aligned to 64 bytes");
  }
  return memory;
}

bool is_wide(const py::array& array) { return !py::isinstance<py::array_t<float>>(array); }

py::tuple denoise_layout(const std::vector<std::ptrdiff_t>& shape, bool wide) {
  const DenoisePartShape s = part_shape(shape, true);
  const DenoisePartLayout l = wide ? denoise_part_layout<double>(s) : denoise_part_layout<float>(s);
  return py::make_tuple(l.values, l.row_values, l.strips);
}

template <class T>
py::tuple load_part(const DenoisePartShape& s, const py::object& pixels, const py::object& state) {
  const T* from = values_of<const T>("pixels", pixels, s.rows * s.columns * s.channels, false);
  if (from == nullptr) refuse<py::type_error>(kFunction, ": pixels must be an array");
  T* to = state_of<T>(s, state, true);
  std::vector<T> low(s.channels), high(s.channels);
  run_interruptible(true, [&] { denoise_part_load(s, from, to, low.data(), high.data()); });
  return py::make_tuple(low, high);
}

py::tuple denoise_load(const py::array& pixels, const py::array& state) {
  const DenoisePartShape s = part_shape({pixels.shape(), pixels.shape() + pixels.ndim()}, true);
  return is_wide(pixels) ? load_part<double>(s, pixels, state) : load_part<float>(s, pixels, state);
}

template <class T>
void move_rows(const DenoisePartShape& s, const py::array& state, std::ptrdiff_t begin, const py::array& rows,
               bool take) {
  const std::ptrdiff_t row_values = denoise_part_layout<T>(s).row_values, count = rows.size() / row_values;
  if (begin < 0 || begin + count > s.rows) refuse<py::value_error>(kFunction, ": no such rows");
  T* memory = state_of<T>(s, state, !take);
  T* values = values_of<T>("rows", rows, count * row_values, take);
  if (take) {
    denoise_part_take(s, memory, begin, count, values);
  } else {
    denoise_part_put(s, memory, begin, count, values);
  }
}

void denoise_take(const std::vector<std::ptrdiff_t>& shape, const py::array& state, std::ptrdiff_t begin,
                  const py::array& rows) {
  const DenoisePartShape s = part_shape(shape, true);
  is_wide(state) ? move_rows<double>(s, state, begin, rows, true) : move_rows<float>(s, state, begin, rows, true);
}

void denoise_put(const std::vector<std::ptrdiff_t>& shape, const py::array& state, std::ptrdiff_t begin,
                 const py::array& rows) {
  const DenoisePartShape s = part_shape(shape, true);
  is_wide(state) ? move_rows<double>(s, state, begin, rows, false) : move_rows<float>(s, state, begin, rows, false);
}

template <class T>
void round_of(const DenoisePartShape& s, const DenoisePartRound& round, const py::array& state,
              const std::vector<double>& low, const std::vector<double>& high, std::ptrdiff_t begin, std::ptrdiff_t end,
              const py::object& u, const py::object& sums) {
  T* memory = state_of<T>(s, state, true);
  const std::vector<T> least(low.begin(), low.end()), most(high.begin(), high.end());
  if (begin < 0 || end <= begin || end > s.rows) refuse<py::value_error>(kFunction, ": no such rows");
  const std::ptrdiff_t strips = denoise_part_layout<T>(s).strips;
  T* result = values_of<T>("u", u, (end - begin) * s.columns * s.channels, true);
  double* rows = values_of<double>("sums", sums, (end - begin) * strips * 3, true);
  if (result != nullptr &&
      (rows == nullptr || least.size() != static_cast<std::size_t>(s.channels) || most.size() != least.size())) {
    refuse<py::value_error>(kFunction, ": a check needs sums, low and high");
  }
  run_interruptible(true, [&] {
    if (result == nullptr) {
      denoise_part_run(s, round, memory);
    } else {
      denoise_part_run_and_check(s, round, least.data(), most.data(), begin, end, memory, result, rows);
    }
  });
}

void denoise_round(const std::vector<std::ptrdiff_t>& shape, bool isotropic, const py::array& state, double weight,
                   double sigma, double slope, std::int64_t done, std::int64_t iterations, int num_threads,
                   const std::vector<double>& low, const std::vector<double>& high, std::ptrdiff_t begin,
                   std::ptrdiff_t end, const py::object& u, const py::object& sums) {
  const DenoisePartShape s = part_shape(shape, isotropic);
  if (!(weight > 0) || !(sigma > 0) || !(slope > 0) || done < 0 || iterations < 1) {
    refuse<py::value_error>(kFunction, ": weight, sigma, slope, done or iterations out of range");
  }
  const DenoisePartRound round{weight, sigma, slope, done, iterations, num_threads};
  if (is_wide(state)) {
    round_of<double>(s, round, state, low, high, begin, end, u, sums);
  } else {
    round_of<float>(s, round, state, low, high, begin, end, u, sums);
  }
}

}  // namespace

void bind_tv_parts(py::module_& m) {
  m.def("chambolle_layout", &layout_of, py::arg("shape"), py::arg("wide"), py::pos_only());
  m.def("chambolle_part", &chambolle_part_of, py::arg("image").noconvert(), py::arg("from_"), py::arg("to"),
        py::arg("u"), py::arg("energies"), py::arg("changes"), py::arg("begin"), py::arg("end"), py::arg("weight"),
        py::arg("tau"), py::arg("passes"), py::arg("update_last"), py::arg("num_threads"), py::pos_only());
  m.def("denoise_part_layout", &denoise_layout, py::arg("shape"), py::arg("wide"), py::pos_only());
  m.def("denoise_part_load", &denoise_load, py::arg("pixels").noconvert(), py::arg("state").noconvert(),
        py::pos_only());
  m.def("denoise_part_take", &denoise_take, py::arg("shape"), py::arg("state"), py::arg("begin"), py::arg("rows"),
        py::pos_only());
  m.def("denoise_part_put", &denoise_put, py::arg("shape"), py::arg("state"), py::arg("begin"), py::arg("rows"),
        py::pos_only());
  m.def("denoise_part_round", &denoise_round, py::arg("shape"), py::arg("isotropic"), py::arg("state"),
        py::arg("weight"), py::arg("sigma"), py::arg("slope"), py::arg("done"), py::arg("iterations"),
        py::arg("num_threads"), py::arg("low"), py::arg("high"), py::arg("begin"), py::arg("end"), py::arg("u"),
        py::arg("sums"), py::pos_only());
}

}  // namespace fastcv::python
