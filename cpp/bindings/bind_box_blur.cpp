#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "bindings.hpp"
#include "fastcv/box_blur.hpp"
#include "ndarray.hpp"

namespace fastcv::python {
namespace {

constexpr const char* kFunction = "box_blur";
constexpr std::int64_t kLargestSize = std::numeric_limits<std::int32_t>::max();
constexpr std::ptrdiff_t kShortWork = 16 << 10;  // values; about 10 us: not worth giving up the GIL

const Names& borders() {
  using enum Border;
  static const Names names(kFunction, "border",
                           {{"reflect101", static_cast<int>(kReflect101)},
                            {"reflect", static_cast<int>(kReflect)},
                            {"clamp", static_cast<int>(kClamp)},
                            {"wrap", static_cast<int>(kWrap)},
                            {"constant", static_cast<int>(kConstant)},
                            {"shrink", static_cast<int>(kShrink)},
                            {"reflect_101", static_cast<int>(kReflect101), true},
                            {"mirror", static_cast<int>(kReflect101), true},
                            {"replicate", static_cast<int>(kClamp), true},
                            {"nearest", static_cast<int>(kClamp), true},
                            {"edge", static_cast<int>(kClamp), true}});
  return names;
}

const Names& roundings() {
  using enum Rounding;
  static const Names names(kFunction, "rounding",
                           {{"nearest", static_cast<int>(kNearest)},
                            {"even", static_cast<int>(kEven)},
                            {"floor", static_cast<int>(kFloor)}});
  return names;
}

const Names& alphas() {
  using enum Alpha;
  static const Names names(kFunction, "alpha",
                           {{"blur", static_cast<int>(kBlur)},
                            {"opaque", static_cast<int>(kOpaque)},
                            {"copy", static_cast<int>(kCopy)},
                            {"premultiplied", static_cast<int>(kPremultiplied)}});
  return names;
}

void read_sizes(py::handle ksize, py::handle anchor, BoxBlurOptions* options) {
  const IntPair k = int_pair_argument(kFunction, "ksize", "(width, height)", ksize.ptr());
  if (std::min(k.x, k.y) < 1) {
    refuse<py::value_error>(kFunction, ": ksize must be at least 1, got ", short_repr(ksize.ptr()));
  }
  if (std::max(k.x, k.y) > kLargestSize) {
    refuse<py::value_error>(kFunction, ": ksize must be at most ", kLargestSize, ", got ", short_repr(ksize.ptr()));
  }
  options->ksize_x = k.x;
  options->ksize_y = k.y;
  if (anchor.is_none()) {
    options->anchor_x = k.x / 2;
    options->anchor_y = k.y / 2;
    return;
  }
  const IntPair a = int_pair_argument(kFunction, "anchor", "(x, y)", anchor.ptr());
  if (std::min(a.x, a.y) < 0 || a.x >= k.x || a.y >= k.y) {
    refuse<py::value_error>(kFunction, ": anchor must lie inside the window, from 0 to ksize - 1, got ",
                            short_repr(anchor.ptr()), " with ksize ", short_repr(ksize.ptr()));
  }
  options->anchor_x = a.x;
  options->anchor_y = a.y;
}

// One value for each channel.
class BorderValue {
 public:
  BorderValue(PyObject* object, DType dtype, std::ptrdiff_t channels) {
    if (PyLong_CheckExact(object) && PyObject_Not(object)) return;  // 0: nothing to hold
    double value;
    const bool scalar = as_real(object, &value);
    if (scalar) check(value, dtype, object);
    if (scalar) {
      values_.assign(channels, value);
      return;
    }
    const bool sequence = PySequence_Check(object) && !PyUnicode_Check(object) && !PyBytes_Check(object);
    const py::object items = sequence ? py::reinterpret_steal<py::object>(PySequence_Tuple(object)) : py::object();
    if (!items) {
      PyErr_Clear();
      refuse<py::type_error>(kFunction, ": border_value must be a number or one number a channel, got ",
                             type_name(object));
    }
    if (PyTuple_GET_SIZE(items.ptr()) != channels) {
      refuse<py::value_error>(kFunction, ": border_value must be one number or ", channels, " (one a channel), got ",
                              PyTuple_GET_SIZE(items.ptr()));
    }
    for (std::ptrdiff_t c = 0; c < channels; c++) {
      PyObject* item = PyTuple_GET_ITEM(items.ptr(), c);
      if (!as_real(item, &value)) {
        refuse<py::type_error>(kFunction, ": border_value must be made of numbers, got ", type_name(item));
      }
      check(value, dtype, item);
      values_.push_back(value);
      uniform_ = uniform_ && std::memcmp(&value, &values_[0], sizeof value) == 0;
    }
  }

  const double* data() const { return values_.empty() ? nullptr : values_.data(); }
  bool uniform() const { return uniform_; }

 private:
  static void check(double value, DType dtype, PyObject* object) {
    if (dtype == DType::kFloat64) return;
    if (dtype == DType::kFloat32) {
      if (std::isfinite(value) && std::abs(value) > std::numeric_limits<float>::max()) {
        refuse<py::value_error>(kFunction, ": border_value must be in the range of float32, got ", short_repr(object));
      }
      return;
    }
    const double most = dtype == DType::kUint8 ? 255 : 65535;
    if (!(value >= 0 && value <= most && value == std::floor(value))) {
      refuse<py::value_error>(kFunction, ": border_value must be a whole number from 0 to ", most, ", got ",
                              short_repr(object));
    }
  }

  std::vector<double> values_;
  bool uniform_ = true;
};

template <class T>
void run(const Pixels& p, const BoxBlurOptions& options) {
  box_blur<T>(p.input<T>(), p.output<T>(), options);
}

void dispatch(DType dtype, const Pixels& p, const BoxBlurOptions& options) {
  switch (dtype) {
    case DType::kUint8:
      return run<std::uint8_t>(p, options);
    case DType::kUint16:
      return run<std::uint16_t>(p, options);
    case DType::kFloat32:
      return run<float>(p, options);
    case DType::kFloat64:
      return run<double>(p, options);
    case DType::kFloat16:
      break;  // not among the types box_blur takes
  }
}

// Everything is checked before anything is written.
py::object blur(PyObject* const* arguments) {
  const py::handle image = arguments[0], ksize = arguments[1], border = arguments[2], border_value = arguments[3],
                   anchor = arguments[4], rounding = arguments[5], alpha = arguments[6], channel_axis = arguments[7],
                   out = arguments[8], num_threads = arguments[9];
  const Array in = input_array(kFunction, "image", image.ptr());
  const Axes axes = image_axes(kFunction, in, channel_axis.ptr());
  const std::ptrdiff_t channels = channel_count(in, axes);
  BoxBlurOptions options;
  read_sizes(ksize, anchor, &options);
  options.border = static_cast<Border>(borders()(border));
  options.rounding = static_cast<Rounding>(roundings()(rounding));
  options.alpha = static_cast<Alpha>(alphas()(alpha));
  if (options.alpha != Alpha::kBlur && channels != 4) {
    refuse<py::value_error>(kFunction, ": alpha=", short_repr(alpha.ptr()), " needs an image with 4 channels, got ",
                            channels);
  }
  BorderValue value(border_value.ptr(), in.dtype, channels);
  options.border_value = options.border == Border::kConstant ? value.data() : nullptr;
  options.num_threads = num_threads_argument(kFunction, num_threads.ptr());

  py::object result = out.is_none() ? new_array_like(in) : py::reinterpret_borrow<py::object>(out);
  const Array target = output_array(kFunction, "out", result.ptr(), in);
  if (in.empty()) return result;

  const bool separable = options.alpha == Alpha::kBlur && (options.border_value == nullptr || value.uniform());
  ImagePair images(in, target, axes, separable);
  const Pixels& p = images.pixels();
  const bool long_work = p.count * p.height > kShortWork / (p.width * p.channels);
  run_interruptible(long_work, [&] { dispatch(in.dtype, p, options); });
  images.finish();
  return result;
}

}  // namespace

void bind_box_blur(py::module_& m) {
  // Made now: under the GIL, and so that no call pays for it.
  borders();
  roundings();
  alphas();
  def_fast<&blur, 10>(m, "box_blur",
                      "box_blur(image, ksize, border, border_value, anchor, rounding, alpha, channel_axis, out, "
                      "num_threads, /)");
}

}  // namespace fastcv::python
