#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "bindings.hpp"
#include "fastcv/tv.hpp"
#include "ndarray.hpp"

namespace fastcv::python {
namespace {

constexpr const char* kFunction = "denoise_tv_chambolle";
constexpr double kShortWork = 16 << 10;  // values times passes; about 10 us: not worth giving up the GIL
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

const Names& stops() {
  static const Names names(
      kFunction, "stop",
      {{"energy", static_cast<int>(ChambolleStop::kEnergy)}, {"dual", static_cast<int>(ChambolleStop::kDual)}});
  return names;
}

double real_argument(const char* argument, PyObject* object) {
  double value;
  if (!as_real(object, &value)) {
    refuse<py::type_error>(kFunction, ": ", argument, " must be a real number, got ", type_name(object));
  }
  return value;
}

ChambolleOptions read_options(PyObject* weight, PyObject* eps, PyObject* max_num_iter, PyObject* tau, PyObject* stop,
                              PyObject* num_threads, PyObject* block) {
  ChambolleOptions o;
  o.weight = real_argument("weight", weight);
  if (!(o.weight >= 0 && std::isfinite(o.weight))) {
    refuse<py::value_error>(kFunction, ": weight must be finite and at least 0, got ", short_repr(weight));
  }
  o.eps = real_argument("eps", eps);
  if (!(o.eps >= 0)) refuse<py::value_error>(kFunction, ": eps must be at least 0, got ", short_repr(eps));
  o.max_num_iter = int_argument(kFunction, "max_num_iter", max_num_iter, 0, kMost);
  if (tau != Py_None) {
    o.tau = real_argument("tau", tau);
    if (!(o.tau > 0 && std::isfinite(o.tau))) {
      refuse<py::value_error>(kFunction, ": tau must be finite and above 0, got ", short_repr(tau));
    }
  }
  o.stop = static_cast<ChambolleStop>(stops()(stop));
  o.num_threads = num_threads_argument(kFunction, num_threads);
  o.block = static_cast<int>(int_argument(kFunction, "block", block, 0, 1 << 10));
  return o;
}

// The axis of the channels, or -1: every axis is space.
int channel_axis_of(const Array& image, PyObject* object) {
  if (image.ndim == 0) refuse<py::value_error>(kFunction, ": image must have at least 1 dimension, got 0");
  if (object == Py_None) return -1;
  std::int64_t axis;
  if (!as_int(object, &axis)) {
    refuse<py::type_error>(kFunction, ": channel_axis must be an int or None, got ", type_name(object));
  }
  if (image.ndim == 1) {
    refuse<py::value_error>(kFunction, ": channel_axis needs an image of at least 2 dimensions, got 1");
  }
  if (axis < -image.ndim || axis >= image.ndim) {
    refuse<py::value_error>(kFunction, ": channel_axis must be between ", -image.ndim, " and ", image.ndim - 1,
                            " for an image of ", image.ndim, " dimensions, got ", short_repr(object));
  }
  return static_cast<int>(axis < 0 ? axis + image.ndim : axis);
}

// The axes of space of an array, and its channels.
template <class T>
struct Channels {
  std::vector<std::ptrdiff_t> shape, strides;
  ChannelsView<T> view;

  Channels(const Array& a, int channel) {
    for (int i = 0; i < a.ndim; i++) {
      if (i == channel) continue;
      shape.push_back(a.shape[i]);
      strides.push_back(a.strides[i]);
    }
    view.first = {reinterpret_cast<T*>(a.data), static_cast<int>(shape.size()), shape.data(), strides.data()};
    if (channel < 0) return;
    view.count = a.shape[channel];
    view.channel_stride = a.strides[channel];
  }
  Channels(const Channels&) = delete;
};

template <class In, class Out>
void run(const Array& in, const Array& out, int channel, const ChambolleOptions& options, ChambolleReport* reports) {
  const Channels<const In> from(in, channel);
  const Channels<Out> to(out, channel);
  denoise_tv_chambolle<In, Out>(from.view, to.view, options, reports);
}

void dispatch(const Array& in, const Array& out, int channel, const ChambolleOptions& options,
              ChambolleReport* reports) {
  switch (in.dtype) {
    case DType::kUint8:
      return run<std::uint8_t, double>(in, out, channel, options, reports);
    case DType::kUint16:
      return run<std::uint16_t, double>(in, out, channel, options, reports);
    case DType::kFloat32:
      return run<float, float>(in, out, channel, options, reports);
    case DType::kFloat64:
      return run<double, double>(in, out, channel, options, reports);
    case DType::kFloat16:
      break;  // converted by the caller
  }
}

py::tuple as_tuples(const std::vector<ChambolleReport>& reports) {
  const std::size_t n = reports.size();
  py::tuple iterations(n), energy(n), change(n), converged(n);
  for (std::size_t i = 0; i < n; i++) {
    iterations[i] = reports[i].iterations;
    energy[i] = reports[i].energy;
    change[i] = reports[i].change;
    converged[i] = reports[i].converged;
  }
  return py::make_tuple(iterations, energy, change, converged);
}

// Everything is checked before anything is written.
py::object denoise(PyObject* const* a) {
  PyObject *const image = a[0], *const out = a[7], *const return_info = a[8];
  Array in = input_array(kFunction, "image", image);
  const int channel = channel_axis_of(in, a[4]);
  ChambolleOptions options = read_options(a[1], a[2], a[3], a[5], a[6], a[9], a[10]);
  options.measure = return_info == Py_True;

  Array like = in;  // in shape, and in dtype what comes out
  if (in.dtype != DType::kFloat32) like.dtype = DType::kFloat64;
  py::object result = py::reinterpret_borrow<py::object>(out);
  if (out == Py_None) {
    const std::vector<py::ssize_t> shape(in.shape, in.shape + in.ndim);
    result = like.dtype == DType::kFloat32 ? py::object(py::array_t<float>(shape)) : py::array_t<double>(shape);
  }
  const Array target = output_array(kFunction, "out", result.ptr(), like);
  if (overlap_differently(in, target)) {
    py::object copy = py::handle(in.object).attr("copy")();
    in = input_array(kFunction, "image", copy.ptr());
    in.owner = std::move(copy);
  }

  std::vector<ChambolleReport> reports(channel < 0 ? 1 : in.shape[channel]);
  double values = 1;
  for (int i = 0; i < in.ndim; i++) values *= static_cast<double>(in.shape[i]);
  const bool long_work = values * static_cast<double>(options.max_num_iter) > kShortWork;
  run_interruptible(long_work, [&] { dispatch(in, target, channel, options, reports.data()); });
  if (!options.measure) return result;
  return py::make_tuple(result, as_tuples(reports));
}

}  // namespace

void bind_tv_chambolle(py::module_& m) {
  stops();  // made now: under the GIL
  def_fast<&denoise, 11>(m, "denoise_tv_chambolle",
                         "denoise_tv_chambolle(image, weight, eps, max_num_iter, channel_axis, tau, stop, out, "
                         "return_info, num_threads, block, /)");
}

}  // namespace fastcv::python
