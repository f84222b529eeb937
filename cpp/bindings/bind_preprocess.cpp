#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "bindings.hpp"
#include "fastcv/preprocess.hpp"
#include "ndarray.hpp"

namespace fastcv::python {
namespace {

constexpr const char* kFunction = "Preprocess";
constexpr const char* kCapsule = "fastcv.Preprocessor";
constexpr std::int64_t kLargestSize = std::numeric_limits<std::int32_t>::max();
constexpr std::ptrdiff_t kShortWork = 4 << 10;  // output values; a few microseconds: not worth giving up the GIL
constexpr std::ptrdiff_t kMostUnnamedChannels = 16;
constexpr unsigned kInputs = bit(DType::kUint8) | bit(DType::kUint16) | bit(DType::kFloat32);

const Names& resizes() {
  using enum Resize;
  static const Names names(kFunction, "resize",
                           {{"stretch", static_cast<int>(kStretch)},
                            {"letterbox", static_cast<int>(kLetterbox)},
                            {"crop", static_cast<int>(kCrop)},
                            {"crop_floor", static_cast<int>(kCropFloor), true},
                            {"shortest", static_cast<int>(kShortest)},
                            {"cover", static_cast<int>(kCover), true}});
  return names;
}

const Names& interpolations() {
  using enum Interpolation;
  static const Names names(kFunction, "interpolation",
                           {{"nearest", static_cast<int>(kNearest)},
                            {"nearest_exact", static_cast<int>(kNearestExact)},
                            {"bilinear", static_cast<int>(kBilinear)},
                            {"bicubic", static_cast<int>(kBicubic)},
                            {"lanczos", static_cast<int>(kLanczos)},
                            {"area", static_cast<int>(kArea)}});
  return names;
}

const Names& layouts() {
  static const Names names(
      kFunction, "layout",
      {{"CHW", static_cast<int>(PixelLayout::kChw)}, {"HWC", static_cast<int>(PixelLayout::kHwc)}});
  return names;
}

const Names& dtypes() {
  using enum PixelType;
  static const Names names(kFunction, "dtype",
                           {{"float32", static_cast<int>(kFloat32)},
                            {"float16", static_cast<int>(kFloat16)},
                            {"uint8", static_cast<int>(kUint8)}});
  return names;
}

const Names& anchors() {
  static const Names names(kFunction, "anchor", {{"center", 0}, {"top_left", 1}});
  return names;
}

// ---- settings ------------------------------------------------------------------------------

double real_argument(const char* argument, py::handle object) {
  double value;
  if (!as_real(object.ptr(), &value)) {
    refuse<py::type_error>(kFunction, ": ", argument, " must be a number, got ", type_name(object.ptr()));
  }
  return value;
}

// A number, or one a channel.
std::vector<double> reals_argument(const char* argument, py::handle object) {
  double value;
  if (as_real(object.ptr(), &value)) return {value};
  PyObject* p = object.ptr();
  const bool sequence = PySequence_Check(p) && !PyUnicode_Check(p) && !PyBytes_Check(p);
  const py::object items = sequence ? py::reinterpret_steal<py::object>(PySequence_Tuple(p)) : py::object();
  if (!items) {
    PyErr_Clear();
    refuse<py::type_error>(kFunction, ": ", argument, " must be a number or one number a channel, got ", type_name(p));
  }
  std::vector<double> values;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(items.ptr()); i++) {
    PyObject* item = PyTuple_GET_ITEM(items.ptr(), i);
    if (!as_real(item, &value)) {
      refuse<py::type_error>(kFunction, ": ", argument, " must be made of numbers, got ", type_name(item));
    }
    values.push_back(value);
  }
  return values;
}

// None: 0.
std::int64_t optional_int(const char* argument, py::handle object) {
  return object.is_none() ? 0 : int_argument(kFunction, argument, object.ptr(), 1, kLargestSize);
}

void read_size(py::handle size, PreprocessOptions* o) {
  const IntPair pair = int_pair_argument(kFunction, "size", "(height, width)", size.ptr());
  if (std::min(pair.x, pair.y) < 1 || std::max(pair.x, pair.y) > kLargestSize) {
    refuse<py::value_error>(kFunction, ": size must be from 1 to ", kLargestSize, ", got ", short_repr(size.ptr()));
  }
  o->height = pair.x;
  o->width = pair.y;
}

constexpr int kSettings = 19;

py::object make(PyObject* const* a) {
  const auto argument = [a](int i) { return py::handle(a[i]); };
  PreprocessOptions o;
  read_size(argument(0), &o);
  o.resize = static_cast<Resize>(resizes()(argument(1)));
  o.resize_to = optional_int("resize_to", argument(2));
  o.top_left = anchors()(argument(3)) == 1;
  o.stride = optional_int("stride", argument(4));
  o.upscale = bool_argument(kFunction, "upscale", argument(5).ptr());
  o.interpolation = static_cast<Interpolation>(interpolations()(argument(6)));
  o.antialias = bool_argument(kFunction, "antialias", argument(7).ptr());
  o.clip = bool_argument(kFunction, "clip", argument(8).ptr());
  if (!argument(9).is_none()) {
    o.scale = real_argument("scale", argument(9));
    if (std::isnan(o.scale)) refuse<py::value_error>(kFunction, ": scale must be finite and not 0, got nan");
  }
  o.mean = reals_argument("mean", argument(10));
  o.std = reals_argument("std", argument(11));
  o.std_eps = real_argument("std_eps", argument(12));
  o.reverse_channels = bool_argument(kFunction, "reverse_channels", argument(13).ptr());
  o.channels = optional_int("channels", argument(14));
  o.layout = static_cast<PixelLayout>(layouts()(argument(15)));
  o.dtype = static_cast<PixelType>(dtypes()(argument(16)));
  o.pad_value = reals_argument("pad_value", argument(17));
  o.pad_normalized = bool_argument(kFunction, "pad_normalized", argument(18).ptr());
  const bool boxed = o.resize == Resize::kLetterbox;
  if (o.resize_to != 0 && o.resize != Resize::kCrop && o.resize != Resize::kCropFloor)
    refuse<py::value_error>(kFunction, ": resize_to needs resize=\"crop\"");
  if (!boxed && o.top_left) refuse<py::value_error>(kFunction, ": anchor needs resize=\"letterbox\"");
  if (!boxed && o.stride != 0) refuse<py::value_error>(kFunction, ": stride needs resize=\"letterbox\"");
  if (!boxed && !o.upscale) refuse<py::value_error>(kFunction, ": upscale=False needs resize=\"letterbox\"");
  if (o.resize == Resize::kShortest) {
    if (o.height != o.width) {
      refuse<py::value_error>(kFunction, ": size must be an int with resize=\"shortest\", got ", short_repr(a[0]));
    }
    o.resize_to = o.height;
  }
  auto made = std::make_unique<Preprocessor>(std::move(o));
  py::capsule capsule(made.get(), kCapsule,
                      [](PyObject* c) { delete static_cast<Preprocessor*>(PyCapsule_GetPointer(c, kCapsule)); });
  made.release();
  return capsule;
}

// ---- images --------------------------------------------------------------------------------

PixelType pixel_type(DType dtype) {
  return dtype == DType::kUint8    ? PixelType::kUint8
         : dtype == DType::kUint16 ? PixelType::kUint16
                                   : PixelType::kFloat32;
}

DType result_dtype(const PreprocessOptions& o) {
  return o.dtype == PixelType::kUint8     ? DType::kUint8
         : o.dtype == PixelType::kFloat16 ? DType::kFloat16
                                          : DType::kFloat32;
}

struct Region {
  std::int64_t x = 0, y = 0, width = 0, height = 0;
};

Region region_argument(py::handle roi, std::ptrdiff_t height, std::ptrdiff_t width) {
  Region r{0, 0, width, height};
  if (roi.is_none()) return r;
  std::int64_t v[4];
  PyObject* p = roi.ptr();
  const bool sequence = PySequence_Check(p) && !PyUnicode_Check(p) && !PyBytes_Check(p);
  const py::object items = sequence ? py::reinterpret_steal<py::object>(PySequence_Tuple(p)) : py::object();
  PyErr_Clear();
  bool four = items && PyTuple_GET_SIZE(items.ptr()) == 4;
  for (int i = 0; i < 4 && four; i++) four = as_int(PyTuple_GET_ITEM(items.ptr(), i), &v[i]);
  if (!four) {
    refuse<py::type_error>(kFunction, ": roi must be None or four ints (x, y, width, height), got ", short_repr(p));
  }
  r = {v[0], v[1], v[2], v[3]};
  if (r.x < 0 || r.y < 0 || r.width < 1 || r.height < 1 || r.x > width || r.y > height || r.width > width - r.x ||
      r.height > height - r.y) {
    refuse<py::value_error>(kFunction, ": roi (x, y, width, height) must lie inside the image, which is ", width, " x ",
                            height, ", got ", short_repr(p));
  }
  return r;
}

Array image_array(const Preprocessor& pre, py::handle object) {
  const Array image = input_array(kFunction, "image", object.ptr(), kInputs);
  if (image.ndim != 2 && image.ndim != 3) {
    refuse<py::value_error>(kFunction, ": image must have the shape (H, W) or (H, W, C), got ", image.ndim,
                            " dimension", image.ndim == 1 ? "" : "s");
  }
  const std::int64_t channels = image.ndim == 3 ? image.shape[2] : 1;
  if (channels > kMostUnnamedChannels && pre.options().channels != channels) {
    refuse<py::value_error>(kFunction, ": image must have the shape (H, W) or (H, W, C), and ", channels,
                            " channels are unlikely: say channels=", channels, " if that is meant");
  }
  return image;
}

// One image and what will be made of it. Refers to the Array's memory or holds a copy.
class Task {
 public:
  Task(const Preprocessor& pre, py::handle object, py::handle roi) : array_(image_array(pre, object)) {
    region_ = region_argument(roi, array_.shape[0], array_.shape[1]);
    channels_ = pre.output_channels(array_.ndim == 3 ? array_.shape[2] : 1);
    const Placement placement = pre.placement(region_.height, region_.width);
    height_ = placement.y.size;
    width_ = placement.x.size;
    planar_ = pre.options().layout == PixelLayout::kChw;
  }

  const Array& array() const { return array_; }
  void shape(py::ssize_t* s) const {
    const py::ssize_t chw[] = {channels_, height_, width_}, hwc[] = {height_, width_, channels_};
    std::copy_n(planar_ ? chw : hwc, 3, s);
  }
  std::ptrdiff_t values() const { return channels_ * height_ * width_; }

  SourceImage source(bool copy) {
    pixels_.emplace(array_, Axes{0, 1, array_.ndim == 3 ? 2 : -1}, copy);
    const std::ptrdiff_t pixel = pixels_->channels * array_.item_size();
    return {pixels_->data + region_.y * pixels_->row_stride + region_.x * pixel,
            static_cast<std::ptrdiff_t>(region_.height),
            static_cast<std::ptrdiff_t>(region_.width),
            pixels_->channels,
            pixels_->row_stride,
            pixel_type(array_.dtype)};
  }

 private:
  Array array_;
  Region region_;
  std::ptrdiff_t channels_, height_, width_;
  bool planar_;
  std::optional<InputImage> pixels_;
};

// The caller's `out`, or a new array, or a stand-in for one whose values are not contiguous where they must be.
class Result {
 public:
  Result(py::handle out, DType dtype, int ndim, const py::ssize_t* shape, bool planar) {
    const Array like{nullptr, nullptr, ndim, shape, nullptr, 0, dtype};
    std::ptrdiff_t bytes = like.item_size();
    for (int i = 0; i < ndim; i++) {
      if (!__builtin_mul_overflow(bytes, shape[i], &bytes)) continue;
      refuse<py::value_error>(kFunction, ": size: the result would have more than 2^63 bytes");
    }
    result_ = out.is_none() ? new_array(dtype, ndim, shape) : py::reinterpret_borrow<py::object>(out);
    array_ = output_array(kFunction, "out", result_.ptr(), like);
    asked_ = array_;
    if (fits(planar)) return;
    stand_in_ = new_array(dtype, ndim, shape);
    array_ = output_array(kFunction, "out", stand_in_.ptr(), like);
  }

  const Array& asked() const { return asked_; }

  TargetImage target(py::ssize_t i) const {
    const py::ssize_t* s = array_.strides + (array_.ndim - 3);
    char* data = array_.data + (array_.ndim == 4 ? i * array_.strides[0] : 0);
    return planar_ ? TargetImage{data, s[1], s[0]} : TargetImage{data, s[0], 0};
  }

  py::object finish() {
    if (stand_in_ && py::detail::npy_api::get().PyArray_CopyInto_(result_.ptr(), stand_in_.ptr()) != 0) {
      throw py::error_already_set();
    }
    return result_;
  }

 private:
  bool fits(bool planar) {
    planar_ = planar;
    const py::ssize_t *s = array_.strides, *n = array_.shape;
    const int last = array_.ndim - 1;
    const py::ssize_t item = array_.item_size();
    if (n[last] > 1 && s[last] != item) return false;
    if (!planar && n[last - 1] > 1 && s[last - 1] != n[last] * item) return false;
    std::uintptr_t places = reinterpret_cast<std::uintptr_t>(array_.data);
    for (int i = 0; i < last; i++) places |= static_cast<std::uintptr_t>(s[i]);
    return (places & static_cast<std::uintptr_t>(item - 1)) == 0;
  }

  py::object result_, stand_in_;
  Array array_{}, asked_{};
  bool planar_ = true;
};

const Preprocessor& preprocessor(PyObject* object) {
  const void* p = PyCapsule_GetPointer(object, kCapsule);
  if (p == nullptr) throw py::error_already_set();
  return *static_cast<const Preprocessor*>(p);
}

py::object run(PyObject* const* a) {
  const Preprocessor& pre = preprocessor(a[0]);
  Task task(pre, a[1], a[2]);
  const int threads = num_threads_argument(kFunction, a[4]);
  py::ssize_t shape[3];
  task.shape(shape);
  Result result(a[3], result_dtype(pre.options()), 3, shape, pre.options().layout == PixelLayout::kChw);
  const SourceImage source = task.source(spans_overlap(task.array(), result.asked()));
  run_interruptible(task.values() > kShortWork, [&] { pre.run(source, result.target(0), threads); });
  return result.finish();
}

// A list of our own: what the caller does to his meanwhile must not free an image that is being read.
py::list image_list(py::handle images) {
  py::object list;
  if (PySequence_Check(images.ptr()) && !PyUnicode_Check(images.ptr())) {
    list = py::reinterpret_steal<py::object>(PySequence_List(images.ptr()));
  }
  if (!list) {
    PyErr_Clear();
    refuse<py::type_error>(kFunction, ": images must be a sequence of arrays or an array (N, H, W, C), got ",
                           type_name(images.ptr()));
  }
  return py::reinterpret_borrow<py::list>(list);
}

std::vector<Task> tasks_of(const Preprocessor& pre, const py::list& items, py::handle rois) {
  const Py_ssize_t count = PyList_GET_SIZE(items.ptr());
  if (count == 0) refuse<py::value_error>(kFunction, ": images must hold at least one image");
  py::object regions;
  if (!rois.is_none()) {
    regions = py::reinterpret_steal<py::object>(PySequence_Check(rois.ptr()) ? PySequence_Tuple(rois.ptr()) : nullptr);
    PyErr_Clear();
    if (!regions || PyTuple_GET_SIZE(regions.ptr()) != count) {
      refuse<py::value_error>(kFunction, ": rois must be None or hold one roi (or None) an image, which are ", count);
    }
  }
  std::vector<Task> tasks;
  tasks.reserve(static_cast<std::size_t>(count));
  for (Py_ssize_t i = 0; i < count; i++) {
    tasks.emplace_back(pre, PyList_GET_ITEM(items.ptr(), i),
                       regions ? py::handle(PyTuple_GET_ITEM(regions.ptr(), i)) : py::handle(Py_None));
  }
  return tasks;
}

py::object run_batch(PyObject* const* a) {
  const Preprocessor& pre = preprocessor(a[0]);
  const py::list images = image_list(a[1]);
  std::vector<Task> tasks = tasks_of(pre, images, a[2]);
  const int threads = num_threads_argument(kFunction, a[4]);
  py::ssize_t shape[4] = {static_cast<py::ssize_t>(tasks.size())};
  tasks[0].shape(shape + 1);
  std::ptrdiff_t values = 0;
  for (std::size_t i = 0; i < tasks.size(); i++) {
    py::ssize_t other[3];
    tasks[i].shape(other);
    if (!std::equal(other, other + 3, shape + 1)) {
      refuse<py::value_error>(kFunction, ": images must all give results of one shape; image 0 gives (", shape[1], ", ",
                              shape[2], ", ", shape[3], "), image ", i, " gives (", other[0], ", ", other[1], ", ",
                              other[2], ")");
    }
    values += tasks[i].values();
  }
  Result result(a[3], result_dtype(pre.options()), 4, shape, pre.options().layout == PixelLayout::kChw);
  std::vector<SourceImage> sources;
  std::vector<TargetImage> targets;
  for (std::size_t i = 0; i < tasks.size(); i++) {
    sources.push_back(tasks[i].source(spans_overlap(tasks[i].array(), result.asked())));
    targets.push_back(result.target(static_cast<py::ssize_t>(i)));
  }
  run_interruptible(values > kShortWork, [&] { pre.run_batch(sources, targets, threads); });
  return result.finish();
}

py::tuple axis_tuple(const AxisPlacement& a) {
  return py::make_tuple(a.source, a.exact ? static_cast<double>(a.resized) : a.scale,
                        a.exact ? static_cast<double>(a.source) : 1.0, a.first, a.offset, a.count, a.size);
}

// (x, y, width, height) of the region, then for y and for x: (source pixels, numerator and denominator of the scale,
// first, offset, count, size).
py::object placement(PyObject* const* a) {
  const Preprocessor& pre = preprocessor(a[0]);
  const std::int64_t height = int_argument(kFunction, "shape", a[1], 1, kLargestSize);
  const std::int64_t width = int_argument(kFunction, "shape", a[2], 1, kLargestSize);
  const Region r = region_argument(a[3], height, width);
  const Placement p = pre.placement(r.height, r.width);
  return py::make_tuple(py::make_tuple(r.x, r.y, r.width, r.height), axis_tuple(p.y), axis_tuple(p.x));
}

}  // namespace

void bind_preprocess(py::module_& m) {
  resizes();
  interpolations();
  layouts();
  dtypes();
  anchors();
  def_fast<&make, kSettings>(
      m, "make_preprocessor",
      "make_preprocessor(size, resize, resize_to, anchor, stride, upscale, interpolation, antialias, "
      "clip, scale, mean, std, std_eps, reverse_channels, channels, layout, dtype, pad_value, "
      "pad_normalized, /)");
  def_fast<&run, 5>(m, "preprocess", "preprocess(preprocessor, image, roi, out, num_threads, /)");
  def_fast<&run_batch, 5>(m, "preprocess_batch", "preprocess_batch(preprocessor, images, rois, out, num_threads, /)");
  def_fast<&placement, 4>(m, "preprocess_placement", "preprocess_placement(preprocessor, height, width, roi, /)");
}

}  // namespace fastcv::python
