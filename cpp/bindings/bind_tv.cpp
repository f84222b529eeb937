#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>

#include "bindings.hpp"
#include "fastcv/tv.hpp"
#include "ndarray.hpp"

namespace fastcv::python {
namespace {

constexpr const char* kFunction = "denoise_tv";
constexpr std::ptrdiff_t kShortWork = 2 << 10;  // values; about 10 us: not worth giving up the GIL

enum class Channels : int { kSeparate, kJoint };
const Names& channel_modes() {
  static const Names names(
      kFunction, "channels",
      {{"separate", static_cast<int>(Channels::kSeparate)}, {"joint", static_cast<int>(Channels::kJoint)}});
  return names;
}

// A finite number that is at least `least` (or above it), or a refusal.
double real_argument(const char* argument, PyObject* object, double least, bool above = false) {
  double value;
  if (!as_real(object, &value)) {
    refuse<py::type_error>(kFunction, ": ", argument, " must be a number, got ", type_name(object));
  }
  if (!std::isfinite(value) || value < least || (above && value == least)) {
    refuse<py::value_error>(kFunction, ": ", argument, " must be finite and ", above ? "above " : "at least ", least,
                            ", got ", short_repr(object));
  }
  return value;
}

bool is_array(PyObject* object) { return py::isinstance<py::array>(py::handle(object)); }

std::string shape_text(const std::vector<py::ssize_t>& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); i++) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + (shape.size() == 1 ? ",)" : ")");
}

// Floating-point values of `shape`, contiguous and of the solver's type; a copy where they are not.
py::object work_array(const char* argument, PyObject* object, const std::vector<py::ssize_t>& shape, bool wide) {
  if (!is_array(object)) {
    refuse<py::type_error>(kFunction, ": ", argument, " must be a NumPy array, got ", type_name(object));
  }
  const Array array = input_array(kFunction, argument, object, bit(DType::kFloat32) | bit(DType::kFloat64));
  if (array.ndim != static_cast<int>(shape.size()) || !std::equal(shape.begin(), shape.end(), array.shape)) {
    refuse<py::value_error>(kFunction, ": ", argument, ": expected shape ", shape_text(shape), ", got ",
                            shape_text({array.shape, array.shape + array.ndim}));
  }
  const py::module_ numpy = py::module_::import("numpy");
  return numpy.attr("ascontiguousarray")(py::handle(object), wide ? "float64" : "float32");
}

void* data_of(const py::object& array) { return py::detail::array_proxy(array.ptr())->data; }

bool truth(const py::object& value) { return py::cast<bool>(value); }

bool call_back(void* context, std::int64_t iteration, double gap) {
  return (*static_cast<UserCallback*>(context))([&] { return py::make_tuple(iteration, gap); });
}

double default_range(DType dtype) { return dtype == DType::kUint8 ? 255 : dtype == DType::kUint16 ? 65535 : 1; }

DenoiseTvInfo dispatch(DType dtype, const Pixels& p, const DenoiseTvOptions& o) {
  switch (dtype) {
    case DType::kUint8:
      return denoise_tv<std::uint8_t>(p.input<std::uint8_t>(), p.output<std::uint8_t>(), o);
    case DType::kUint16:
      return denoise_tv<std::uint16_t>(p.input<std::uint16_t>(), p.output<std::uint16_t>(), o);
    case DType::kFloat32:
      return denoise_tv<float>(p.input<float>(), p.output<float>(), o);
    case DType::kFloat64:
      return denoise_tv<double>(p.input<double>(), p.output<double>(), o);
    case DType::kFloat16:
      break;  // not among the types denoise_tv takes
  }
  return {};
}

// The image's axes in the sense of denoise_tv: with channel_axis=None all of them are space.
struct Space {
  Axes axes;
  bool volume = false;
  std::vector<py::ssize_t> shape;  // of space
};
Space space_of(const Array& in, PyObject* channel_axis) {
  Space space;
  if (channel_axis == Py_None) {
    if (in.ndim > 3) {
      refuse<py::value_error>(kFunction, ": image must have at most 3 axes of space (channel_axis=None), got ", in.ndim,
                              ": say channel_axis for images in batches");
    }
    space.axes = {in.ndim - 2, in.ndim - 1, -1};
    space.volume = in.ndim == 3;
    space.shape.assign(in.shape, in.shape + in.ndim);
    return space;
  }
  space.axes = image_axes(kFunction, in, channel_axis);
  space.shape = {in.shape[space.axes.height], in.shape[space.axes.width]};
  return space;
}

py::object denoise(PyObject* const* arguments) {
  py::object image = py::reinterpret_borrow<py::object>(arguments[0]);
  const py::handle weight = arguments[1], tol = arguments[2], max_iter = arguments[3], channel_axis = arguments[4],
                   channels = arguments[5], isotropic = arguments[6], data_range = arguments[7], sigma = arguments[8],
                   warm_start = arguments[9], callback = arguments[10], out = arguments[11], want_dual = arguments[12],
                   num_threads = arguments[13];
  const Array given = input_array(kFunction, "image", image.ptr());
  const bool signal = given.ndim == 1;  // one row
  if (given.ndim == 0) refuse<py::value_error>(kFunction, ": image must have at least 1 dimension, got shape ()");
  py::object result = out.is_none() ? new_array_like(given) : py::reinterpret_borrow<py::object>(out);
  const Array given_out = output_array(kFunction, "out", result.ptr(), given);
  py::object out_row = result;
  if (signal) {
    if (!channel_axis.is_none() && channel_axis.ptr() != default_channel_axis()) {
      refuse<py::value_error>(kFunction, ": channel_axis must be None for an image of 1 dimension, got ",
                              short_repr(channel_axis.ptr()));
    }
    const py::tuple row = py::make_tuple(1, -1);
    image = py::module_::import("numpy").attr("asarray")(py::handle(given.object)).attr("reshape")(row);
    if (given_out.shape[0] > 0)
      out_row = py::module_::import("numpy").attr("asarray")(result)[py::make_tuple(py::none(), py::ellipsis())];
  }
  const Array in = signal ? input_array(kFunction, "image", image.ptr()) : given;
  const Array target = signal && !given.empty() ? output_array(kFunction, "out", out_row.ptr(), in) : given_out;
  Space space = space_of(in, signal ? Py_None : channel_axis.ptr());
  const bool wide = in.dtype == DType::kFloat64;

  DenoiseTvOptions o;
  const double range =
      data_range.is_none() ? default_range(in.dtype) : real_argument("data_range", data_range.ptr(), 0, true);
  o.tol = real_argument("tol", tol.ptr(), 0, true);
  o.max_iter = int_argument(kFunction, "max_iter", max_iter.ptr(), 1, std::int64_t{1} << 40);
  o.joint = channel_modes()(channels) == static_cast<int>(Channels::kJoint);
  o.isotropic = bool_argument(kFunction, "isotropic", isotropic.ptr());
  o.volume = space.volume;
  o.num_threads = num_threads_argument(kFunction, num_threads.ptr());
  const std::ptrdiff_t channel_total = channel_count(in, space.axes);
  if (o.joint && channel_total > 64) {
    refuse<py::value_error>(kFunction, ": channels=\"joint\" takes at most 64 channels, got ", channel_total);
  }

  py::object weights;
  if (!sigma.is_none()) {
    if (!weight.is_none()) refuse<py::value_error>(kFunction, ": give weight or sigma, not both");
    if (PyUnicode_Check(sigma.ptr())) {
      if (PyUnicode_CompareWithASCIIString(sigma.ptr(), "auto") != 0) {
        refuse<py::value_error>(kFunction, ": sigma must be a number or \"auto\", got ", short_repr(sigma.ptr()));
      }
      o.sigma = -1;
    } else {
      o.sigma = range * real_argument("sigma", sigma.ptr(), 0, true);
    }
  } else if (!weight.is_none() && is_array(weight.ptr()) && py::detail::array_proxy(weight.ptr())->nd > 0) {
    const std::vector<py::ssize_t> shape = signal ? std::vector<py::ssize_t>{in.shape[1]} : space.shape;
    weights = work_array("weight", weight.ptr(), shape, wide);
    const py::module_ numpy = py::module_::import("numpy");
    if (!in.empty() && !(truth(numpy.attr("isfinite")(weights).attr("all")()) &&
                         truth(numpy.attr("greater_equal")(weights, 0).attr("all")()))) {
      refuse<py::value_error>(kFunction, ": weight must be finite and at least 0 everywhere");
    }
    o.weights = data_of(weights);
    o.weight = range;
  } else {
    o.weight = range * (weight.is_none() ? 0.1 : real_argument("weight", weight.ptr(), 0));
  }
  UserCallback caller(kFunction, callback.ptr());

  // The dual's axes: batch and channel axes of the image in their order, then the axis of the gradient, then space.
  std::vector<py::ssize_t> dual_shape;
  if (!space.volume) {
    for (int i = 0; i < in.ndim; i++) {
      if (i != space.axes.height && i != space.axes.width && i != space.axes.channel) dual_shape.push_back(in.shape[i]);
    }
    if (space.axes.channel >= 0) dual_shape.push_back(channel_total);
  }
  const std::vector<py::ssize_t> around = signal ? std::vector<py::ssize_t>{1, in.shape[1]} : space.shape;
  dual_shape.push_back(static_cast<py::ssize_t>(around.size()));
  dual_shape.insert(dual_shape.end(), around.begin(), around.end());
  py::object start = warm_start.is_none() ? py::object() : work_array("warm_start", warm_start.ptr(), dual_shape, wide);
  if (start) {
    if (!truth(py::module_::import("numpy").attr("isfinite")(start).attr("all")())) {
      refuse<py::value_error>(kFunction, ": warm_start must be finite");
    }
    o.warm_start = data_of(start);
  }
  py::object dual = py::none();
  if (want_dual.ptr() == Py_True) {
    dual = py::module_::import("numpy").attr("zeros")(py::cast(dual_shape), wide ? "float64" : "float32");
    o.dual = data_of(dual);
  }

  DenoiseTvInfo info;
  info.converged = true;
  info.weight = o.weight;
  bool stopped = false;
  if (!in.empty()) {
    if (caller) {
      o.callback = &call_back;
      o.context = &caller;
    }
    // Planes by themselves need no copy; but which plane is which must not change with the layout.
    const bool separable = !o.joint && in.ndim == 3 && o.sigma == 0;
    ImagePair images(in, target, space.axes, separable);
    const Pixels& p = images.pixels();
    o.joint = o.joint && p.channels > 1;
    const bool long_work = p.count * p.height > kShortWork / std::max<std::ptrdiff_t>(1, p.width * p.channels);
    run_interruptible(long_work || o.callback != nullptr, [&] { info = dispatch(in.dtype, p, o); });
    caller.rethrow();
    images.finish();
    stopped = info.stopped;
  }
  const double relative = info.objective > 0 ? info.gap / info.objective : 0;
  return py::make_tuple(result, info.iterations, info.gap, relative, info.rms_bound, info.objective, info.converged,
                        dual, o.weights ? py::object(py::none()) : py::object(py::float_(info.weight / range)),
                        info.sigma / range, info.fallback, stopped, info.all_noise);
}

}  // namespace

void bind_tv(py::module_& m) {
  channel_modes();
  def_fast<&denoise, 14>(
      m, "denoise_tv",
      "denoise_tv(image, weight, tol, max_iter, channel_axis, channels, isotropic, data_range, sigma, "
      "warm_start, callback, out, return_dual, num_threads, /)");
}

}  // namespace fastcv::python
