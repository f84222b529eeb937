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

using Sizes = std::vector<std::ptrdiff_t>;

DenoisePartShape any_shape(const Sizes& shape, bool isotropic) {
  constexpr std::ptrdiff_t kMostChannels = 64;
  const bool fits = shape.size() == 3 && shape[0] > 0 && shape[1] > 0 && shape[2] > 0 && shape[2] <= kMostChannels;
  if (!fits) refuse<py::value_error>(kFunction, ": shape must be (rows, columns, channels)");
  return {shape[0], shape[1], static_cast<int>(shape[2]), isotropic};
}

// For the fast solver.
DenoisePartShape part_shape(const Sizes& shape, bool isotropic) {
  const DenoisePartShape s = any_shape(shape, isotropic);
  if (s.channels != 1 && s.channels != 3) refuse<py::value_error>(kFunction, ": channels must be 1 or 3");
  return s;
}

DenoisePartShape shape_of(const py::array& pixels) {
  return any_shape({pixels.shape(), pixels.shape() + pixels.ndim()}, true);
}

void check_rows(const DenoisePartShape& s, std::ptrdiff_t begin, std::ptrdiff_t end) {
  if (begin < 0 || end <= begin || end > s.rows) refuse<py::value_error>(kFunction, ": no such rows");
}

// Calls fn with a value of the type that is worked in.
template <class Fn>
void with_type(bool wide, const Fn& fn) {
  if (wide) {
    fn(double());
  } else {
    fn(float());
  }
}
template <class Fn>
void with_type(const py::array& array, const Fn& fn) {
  with_type(!py::isinstance<py::array_t<float>>(array), fn);
}

template <class T>
T* needed_values(const char* argument, const py::object& object, std::ptrdiff_t values, bool writes) {
  T* found = values_of<T>(argument, object, values, writes);
  if (found == nullptr) refuse<py::type_error>(kFunction, ": ", argument, " must be an array");
  return found;
}

// An image's least and greatest pixel, by channel: two rows of an array.
template <class T>
class Limits {
 public:
  Limits(const py::array& bounds, int channels) {
    const double* values = needed_values<const double>("bounds", bounds, 2 * channels, false);
    low_.assign(values, values + channels);
    high_.assign(values + channels, values + 2 * channels);
  }
  const T* low() const { return low_.data(); }
  const T* high() const { return high_.data(); }

 private:
  std::vector<T> low_, high_;
};

template <class T>
const T* pixels_of(const DenoisePartShape& s, const py::array& pixels) {
  return needed_values<const T>("pixels", pixels, s.rows * s.columns * s.channels, false);
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

py::tuple denoise_layout(const std::vector<std::ptrdiff_t>& shape, bool wide) {
  const DenoisePartShape s = part_shape(shape, true);
  const DenoisePartLayout l = wide ? denoise_part_layout<double>(s) : denoise_part_layout<float>(s);
  return py::make_tuple(l.values, l.row_values, l.strips);
}

void denoise_take(const Sizes& shape, const py::array& state, std::ptrdiff_t begin, const py::array& rows) {
  const DenoisePartShape s = part_shape(shape, true);
  with_type(state, [&]<class T>(T) {
    const std::ptrdiff_t row_values = denoise_part_layout<T>(s).row_values, count = rows.size() / row_values;
    if (begin < 0 || begin + count > s.rows) refuse<py::value_error>(kFunction, ": no such rows");
    const T* memory = state_of<T>(s, state, false);
    denoise_part_take(s, memory, begin, count, needed_values<T>("rows", rows, count * row_values, true));
  });
}

DenoisePartRound checked_round(double weight, double sigma, double slope, std::int64_t done, std::int64_t iterations,
                               int num_threads) {
  if (!(weight > 0) || !(sigma > 0) || !(slope > 0) || done < 0 || iterations < 1) {
    refuse<py::value_error>(kFunction, ": weight, sigma, slope, done or iterations out of range");
  }
  return {weight, sigma, slope, done, iterations, num_threads};
}

// pixels, half, half_first, first_row, image_rows, before, reach, above, below; what is not there is None.
template <class T>
DenoisePartSource<T> source_of(const DenoisePartShape& s, const py::tuple& from) {
  DenoisePartSource<T> source;
  const std::ptrdiff_t pixels = s.rows * s.columns * s.channels, columns = (s.columns + 1) / 2;
  source.half_first = py::cast<std::ptrdiff_t>(from[2]);
  source.first_row = py::cast<std::ptrdiff_t>(from[3]);
  source.image_rows = py::cast<std::ptrdiff_t>(from[4]);
  source.reach = py::cast<std::ptrdiff_t>(from[6]);
  const std::ptrdiff_t last = source.first_row + s.rows - 1;
  if (source.first_row < 0 || source.first_row % 2 != 0 || last >= source.image_rows || source.half_first < 0 ||
      source.half_first > std::max<std::ptrdiff_t>(0, source.first_row / 2 - 1) || source.reach < 0) {
    refuse<py::value_error>(kFunction, ": rows out of range");
  }
  const DenoisePartLayout layout = denoise_part_layout<T>(s);
  const std::ptrdiff_t rows = source.reach * layout.row_values;
  source.pixels = values_of<const T>("pixels", from[0], pixels, false);
  source.half =
      values_of<const T>("half", from[1], (last / 2 + 1 - source.half_first) * 3 * columns * s.channels, false);
  source.before = values_of<const T>("before", from[5], layout.values, false);
  source.above = values_of<const T>("above", from[7], rows, false);
  source.below = values_of<const T>("below", from[8], rows, false);
  if ((source.pixels == nullptr) == (source.before == nullptr)) {
    refuse<py::value_error>(kFunction, ": pixels or a state are needed");
  }
  return source;
}

void denoise_round(const Sizes& shape, bool isotropic, const py::array& state, double weight, double sigma,
                   double slope, std::int64_t done, std::int64_t iterations, int num_threads, const py::array& bounds,
                   std::ptrdiff_t begin, std::ptrdiff_t end, const py::tuple& from, const py::object& u,
                   const py::object& sums, const py::object& dual) {
  const DenoisePartShape s = part_shape(shape, isotropic);
  const DenoisePartRound round = checked_round(weight, sigma, slope, done, iterations, num_threads);
  check_rows(s, begin, end);
  if (from.size() != 9) refuse<py::value_error>(kFunction, ": nine parts of a source are needed");
  with_type(state, [&]<class T>(T) {
    T* memory = state_of<T>(s, state, true);
    const Limits<T> limits(bounds, s.channels);
    const DenoisePartSource<T> source = source_of<T>(s, from);
    T* result = values_of<T>("u", u, (end - begin) * s.columns * s.channels, true);
    double* rows = values_of<double>("sums", sums, (end - begin) * denoise_part_layout<T>(s).strips * 3, true);
    T* field = values_of<T>("dual", dual, 2 * s.rows * s.columns * s.channels, true);
    if (result != nullptr && rows == nullptr) refuse<py::value_error>(kFunction, ": a check needs sums");
    run_interruptible(true, [&] {
      denoise_part_round(s, round, source, limits.low(), limits.high(), begin, end, memory, result, rows, field);
    });
  });
}

// ---- denoise_tv: what one machine would do ---------------------------------------------------------

py::tuple plan(const Sizes& shape, double weight, double mean_slope, double coarse_ratio, double tol) {
  const DenoisePlan p = denoise_plan(any_shape(shape, true), weight, mean_slope, coarse_ratio, tol);
  return py::make_tuple(p.ratio, p.tries_constant, p.tries_coarse, p.sigma, p.slope, p.first_look, p.coarse_iterations);
}

py::tuple next_look(double tol, std::int64_t first, std::int64_t last, const py::array& looks) {
  const double* values = needed_values<const double>("looks", looks, 0, false);
  std::vector<DenoiseLook> seen;
  for (py::ssize_t i = 0; i + 2 < looks.size(); i += 3) {
    seen.push_back({static_cast<std::int64_t>(values[i]), values[i + 1], values[i + 2]});
  }
  const DenoiseNext next = denoise_next_look(tol, first, last, seen);
  return py::make_tuple(next.iteration, next.stalled);
}

py::tuple certificate(const Sizes& shape, bool wide, double weight, const py::array& bounds, const py::array& sums,
                      bool proven) {
  const DenoisePartShape s = any_shape(shape, true);
  const double* totals = needed_values<const double>("sums", sums, 3, false);
  DenoiseLook look{};
  with_type(wide, [&]<class T>(T) {
    const Limits<T> limits(bounds, s.channels);
    look = denoise_part_certificate(s, weight, limits.low(), limits.high(), totals, proven);
  });
  return py::make_tuple(look.gap, look.objective);
}

void halve(const py::array& pixels, const py::array& half) {
  const DenoisePartShape s = shape_of(pixels);
  with_type(pixels, [&]<class T>(T) {
    const T* from = pixels_of<T>(s, pixels);
    T* to = needed_values<T>("half", half, (s.rows + 1) / 2 * ((s.columns + 1) / 2) * s.channels, true);
    run_interruptible(true, [&] { denoise_part_halve(s, from, to); });
  });
}

double coarse(const py::array& pixels, bool isotropic, double weight, int num_threads, const py::array& half) {
  DenoisePartShape s = shape_of(pixels);
  s.isotropic = isotropic;
  part_shape({s.rows, s.columns, s.channels}, isotropic);
  if (!(weight > 0)) refuse<py::value_error>(kFunction, ": weight out of range");
  double ratio = 0;
  with_type(pixels, [&]<class T>(T) {
    const T* from = pixels_of<T>(s, pixels);
    T* to = needed_values<T>("half", half, 3 * s.rows * s.columns * s.channels, true);
    run_interruptible(true, [&] { ratio = denoise_part_coarse(s, from, weight, num_threads, to); });
  });
  return ratio;
}

void row_sums(const py::array& pixels, const py::array& sums) {
  const DenoisePartShape s = shape_of(pixels);
  double* to = needed_values<double>("sums", sums, s.rows * s.channels, true);
  with_type(pixels, [&]<class T>(T) {
    const T* from = pixels_of<T>(s, pixels);
    run_interruptible(true, [&] { denoise_part_row_sums(s, from, to); });
  });
}

// sums: of the whole image, whose rows they count.
double constant(const py::array& sums, const py::array& bounds, const py::array& pixels, std::ptrdiff_t first_row,
                const py::array& squares) {
  const DenoisePartShape part = shape_of(pixels);
  const DenoisePartShape image{sums.size() / part.channels, part.columns, part.channels, true};
  if (first_row < 0 || first_row + part.rows > image.rows) refuse<py::value_error>(kFunction, ": no such rows");
  const double* of_rows = needed_values<const double>("sums", sums, image.rows * image.channels, false);
  double* to = needed_values<double>("squares", squares, part.rows * part.channels, true);
  double largest = 0;
  with_type(pixels, [&]<class T>(T) {
    const Limits<T> limits(bounds, part.channels);
    const T* from = pixels_of<T>(part, pixels);
    run_interruptible(true, [&] {
      largest = denoise_part_constant(image, of_rows, limits.low(), limits.high(), from, first_row, part.rows, to);
    });
  });
  return largest;
}

py::tuple constant_certificate(const Sizes& shape, bool wide, const py::array& sums, const py::array& bounds,
                               const py::array& squares, double largest, double weight) {
  const DenoisePartShape image = any_shape(shape, true);
  const double* of_rows = needed_values<const double>("sums", sums, image.rows * image.channels, false);
  const double* square = needed_values<const double>("squares", squares, image.rows * image.channels, false);
  DenoiseLook look{};
  std::vector<double> means;
  bool holds = false;
  with_type(wide, [&]<class T>(T) {
    const Limits<T> limits(bounds, image.channels);
    std::vector<T> mean(image.channels);
    holds = denoise_part_constant_certificate(image, of_rows, limits.low(), limits.high(), square, largest, weight,
                                              mean.data(), &look);
    means.assign(mean.begin(), mean.end());
  });
  return py::make_tuple(holds, means, look.gap, look.objective);
}

void proven(const py::array& pixels, bool isotropic, double weight, std::int64_t done, std::int64_t iterations,
            int num_threads, const py::array& bounds, std::ptrdiff_t begin, std::ptrdiff_t end, const py::object& from,
            const py::array& to, const py::object& u, const py::object& sums) {
  DenoisePartShape s = shape_of(pixels);
  s.isotropic = isotropic;
  const DenoisePartRound round = checked_round(weight, 1, 1, done, iterations, num_threads);
  check_rows(s, begin, end);
  constexpr std::ptrdiff_t kFields = 4;
  const std::ptrdiff_t row = s.columns * s.channels;
  double* of_rows = values_of<double>("sums", sums, (end - begin) * 3, true);
  with_type(pixels, [&]<class T>(T) {
    const Limits<T> limits(bounds, s.channels);
    const T* image = pixels_of<T>(s, pixels);
    const T* before = values_of<const T>("from", from, kFields * s.rows * row, false);
    T* after = needed_values<T>("to", to, kFields * (end - begin) * row, true);
    T* result = values_of<T>("u", u, (end - begin) * row, true);
    if (result != nullptr && of_rows == nullptr) refuse<py::value_error>(kFunction, ": a check needs sums");
    run_interruptible(true, [&] {
      denoise_part_proven(s, round, limits.low(), limits.high(), begin, end, image, before, after, result, of_rows);
    });
  });
}

}  // namespace

// By position only, for they are nobody's but fastcv.dask's.
void bind_tv_parts(py::module_& m) {
  m.def("chambolle_layout", &layout_of);
  m.def("chambolle_part", &chambolle_part_of);
  m.def("denoise_part_layout", &denoise_layout);
  m.def("denoise_part_take", &denoise_take);
  m.def("denoise_part_round", &denoise_round);
  m.def("denoise_plan", &plan);
  m.def("denoise_next_look", &next_look);
  m.def("denoise_part_certificate", &certificate);
  m.def("denoise_part_halve", &halve);
  m.def("denoise_part_coarse", &coarse);
  m.def("denoise_part_row_sums", &row_sums);
  m.def("denoise_part_constant", &constant);
  m.def("denoise_part_constant_certificate", &constant_certificate);
  m.def("denoise_part_proven", &proven);
}

}  // namespace fastcv::python
