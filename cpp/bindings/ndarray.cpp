#include "ndarray.hpp"

#include <pybind11/eval.h>

#include <algorithm>
#include <bit>
#include <cstdlib>

namespace fastcv::python {
namespace {

using Api = py::detail::npy_api;
constexpr int kMaxDims = 64;  // NumPy's own limit
constexpr int kHalf = 23;     // NPY_HALF
constexpr const char* kNames[] = {"uint8", "uint16", "float32", "float64", "float16"};
constexpr int kTypeNumbers[] = {Api::NPY_UINT8_, Api::NPY_UINT16_, Api::NPY_FLOAT_, Api::NPY_DOUBLE_, kHalf};
constexpr std::ptrdiff_t kMostUnnamedChannels = 16;

std::string allowed_names(unsigned allowed) {
  std::string text;
  for (unsigned i = 0; i < std::size(kNames); i++) {
    if (allowed >> i & 1) text += (text.empty() ? "" : ", ") + std::string(kNames[i]);
  }
  return text;
}

std::string dtype_name(PyObject* array) {
  return py::str(py::handle(py::detail::array_proxy(array)->descr).attr("name"));
}

std::string shape_text(const Array& a) {
  std::string text = "(";
  for (int i = 0; i < a.ndim; i++) text += (i ? ", " : "") + std::to_string(a.shape[i]);
  return text + (a.ndim == 1 ? ",)" : ")");
}

bool is_masked(PyObject* array) {
  return py::isinstance(py::handle(array), py::module_::import("numpy.ma").attr("MaskedArray"));
}

bool foreign_order(char byteorder) { return byteorder == (std::endian::native == std::endian::little ? '>' : '<'); }

void check_dtype(const char* function, const char* argument, PyObject* object, unsigned allowed, DType* dtype) {
  const auto* descr = py::detail::array_descriptor_proxy(py::detail::array_proxy(object)->descr);
  const int* const known = std::find(std::begin(kTypeNumbers), std::end(kTypeNumbers), descr->type_num);
  if (known == std::end(kTypeNumbers) || (allowed >> (known - kTypeNumbers) & 1) == 0) {
    refuse<py::type_error>(function, ": ", argument, ": expected dtype ", allowed_names(allowed), ", got ",
                           dtype_name(object));
  }
  *dtype = static_cast<DType>(known - kTypeNumbers);
  if (foreign_order(descr->byteorder)) {
    refuse<py::type_error>(function, ": ", argument, ": expected ", dtype_name(object),
                           " in this machine's byte order, got ", short_repr(py::detail::array_proxy(object)->descr),
                           "; use ", argument, ".astype(", argument, ".dtype.newbyteorder(\"=\"))");
  }
}

Array checked_array(const char* function, const char* argument, PyObject* object, unsigned allowed) {
  const Api& api = Api::get();
  if (Py_TYPE(object) != api.PyArray_Type_) {
    if (!api.PyArray_Check_(object)) {
      refuse<py::type_error>(function, ": ", argument, " must be a NumPy array, got ", type_name(object));
    }
    if (is_masked(object)) {
      refuse<py::type_error>(function, ": ", argument, " must not be a masked array (its mask would be ignored); use ",
                             argument, ".filled(value) or ", argument, ".data");
    }
  }
  const auto* p = py::detail::array_proxy(object);
  Array array{object, p->data, p->nd, p->dimensions, p->strides, p->flags, DType::kUint8};
  check_dtype(function, argument, object, allowed, &array.dtype);
  return array;
}

// As an ndarray, what is none but holds one.
py::object array_held_by(const char* function, const char* argument, PyObject* given) {
  const py::handle object(given);
  const py::module_ numpy = py::module_::import("numpy");
  const bool converts = py::hasattr(object, "__array_interface__") || py::hasattr(object, "__array__");
  if (!(converts || py::hasattr(object, "__dlpack__")) || py::isinstance<py::type>(object) ||
      py::isinstance(object, numpy.attr("generic"))) {
    refuse<py::type_error>(function, ": ", argument, " must be a NumPy array, got ", type_name(given));
  }
  try {
    if (py::hasattr(object, "__dask_graph__") && !object.attr("__dask_graph__")().is_none()) {
      refuse<py::type_error>(function, ": ", argument, " must be in memory, got a Dask collection (", type_name(given),
                             "), all of which would be computed here; use fastcv.dask, or its compute()");
    }
    if (py::hasattr(object, "getpalette") && py::hasattr(object, "mode") && py::str("P").equal(object.attr("mode"))) {
      refuse<py::type_error>(function, ": ", argument,
                             " must not be a palette image (its values are no colours); use its convert(\"RGB\")");
    }
    return numpy.attr(converts ? "asarray" : "from_dlpack")(object);
  } catch (py::error_already_set& error) {
    if (!error.matches(PyExc_Exception)) throw;  // Ctrl-C
    const std::string reason = py::str(error.value());
    refuse<py::type_error>(function, ": ", argument, " holds no array that can be read here: ", type_name(given), ": ",
                           reason);
  }
}

// True when no two elements share memory. Sufficient, and exact for every layout slicing and transposing make:
// seen from the smallest stride up, each axis must step over all that the smaller ones span.
bool elements_are_apart(const Array& a) {
  if ((a.flags & (Api::NPY_ARRAY_C_CONTIGUOUS_ | Api::NPY_ARRAY_F_CONTIGUOUS_)) != 0) return true;
  int order[kMaxDims], n = 0;
  for (int i = 0; i < a.ndim; i++) {
    if (a.shape[i] > 1) order[n++] = i;
  }
  std::sort(order, order + n, [&](int i, int j) { return std::abs(a.strides[i]) < std::abs(a.strides[j]); });
  std::ptrdiff_t span = a.item_size();
  for (int i = 0; i < n; i++) {
    const std::ptrdiff_t stride = std::abs(a.strides[order[i]]);
    if (stride < span) return false;
    span += (a.shape[order[i]] - 1) * stride;
  }
  return true;
}

struct Extent {
  const char *begin, *end;
};
Extent extent(const Array& a) {
  Extent e{a.data, a.data + a.item_size()};
  for (int i = 0; i < a.ndim; i++) {
    const std::ptrdiff_t reach = (a.shape[i] - 1) * a.strides[i];
    (reach < 0 ? e.begin : e.end) += reach;
  }
  return e;
}

bool same_view(const Array& a, const Array& b) {
  if (a.data != b.data) return false;
  for (int i = 0; i < a.ndim; i++) {
    if (a.shape[i] > 1 && a.strides[i] != b.strides[i]) return false;
  }
  return true;
}

struct Layout {
  std::ptrdiff_t count, height, width, channels, row_stride, image_stride;
};

// Reads `a` as images with pixels contiguous within a row, or says that it is not of that kind. `axes.channel < 0`:
// every axis but two is a batch.
bool describe(const Array& a, const Axes& axes, Layout* layout) {
  const std::ptrdiff_t item = a.item_size();
  Layout& l = *layout;
  l.height = a.shape[axes.height];
  l.width = a.shape[axes.width];
  l.channels = channel_count(a, axes);
  if (l.channels > 1 && axes.channel >= 0 && a.strides[axes.channel] != item) return false;
  if (l.width > 1 && a.strides[axes.width] != l.channels * item) return false;
  l.row_stride = l.height > 1 ? a.strides[axes.height] : l.width * l.channels * item;
  l.count = 1;
  l.image_stride = 0;
  for (int i = a.ndim - 1; i >= 0; i--) {  // several batch axes: one, when they step evenly
    if (i == axes.height || i == axes.width || i == axes.channel || a.shape[i] == 1) continue;
    if (l.count == 1) {
      l.image_stride = a.strides[i];
    } else if (a.strides[i] != l.count * l.image_stride) {
      return false;
    }
    l.count *= a.shape[i];
  }
  if (l.count == 1) l.image_stride = l.height * l.row_stride;
  const std::ptrdiff_t misalignment =
      (static_cast<std::ptrdiff_t>(reinterpret_cast<std::uintptr_t>(a.data)) | l.row_stride | l.image_stride) &
      (item - 1);
  return misalignment == 0;
}

// `a` seen with its axes in the order batch, height, width, channel.
py::object canonical_view(const Array& a, const Axes& axes) {
  py::list order;
  for (int i = 0; i < a.ndim; i++) {
    if (i != axes.height && i != axes.width && i != axes.channel) order.append(i);
  }
  order.append(axes.height);
  order.append(axes.width);
  if (axes.channel >= 0) order.append(axes.channel);
  return py::module_::import("numpy").attr("asarray")(py::handle(a.object)).attr("transpose")(order);
}

// Describes a C-contiguous array whose axes stand in canonical order.
Layout canonical_layout(const py::object& array, DType dtype, bool channels) {
  const auto* p = py::detail::array_proxy(array.ptr());
  const Array a{array.ptr(), p->data, p->nd, p->dimensions, p->strides, p->flags, dtype};
  const int last = a.ndim - 1;
  Layout layout;
  describe(a, channels ? Axes{last - 2, last - 1, last} : Axes{last - 1, last, -1}, &layout);
  return layout;
}

}  // namespace

bool Array::empty() const {
  return std::any_of(shape, shape + ndim, [](py::ssize_t n) { return n == 0; });
}

Array input_array(const char* function, const char* argument, PyObject* object, unsigned allowed) {
  if (Api::get().PyArray_Check_(object)) return checked_array(function, argument, object, allowed);
  py::object owner = array_held_by(function, argument, object);
  Array array = checked_array(function, argument, owner.ptr(), allowed);
  array.owner = std::move(owner);
  return array;
}

py::object as_ndarray(const char* function, const char* argument, PyObject* object) {
  if (Api::get().PyArray_Check_(object)) return py::reinterpret_borrow<py::object>(object);
  return array_held_by(function, argument, object);
}

Array output_array(const char* function, const char* argument, PyObject* object, const Array& like) {
  const Array out = checked_array(function, argument, object, bit(like.dtype));
  if (out.ndim != like.ndim || !std::equal(out.shape, out.shape + out.ndim, like.shape)) {
    refuse<py::value_error>(function, ": ", argument, ": expected shape ", shape_text(like), ", got ", shape_text(out));
  }
  if (!out.writeable()) refuse<py::value_error>(function, ": ", argument, " is read-only");
  if (!out.empty() && !elements_are_apart(out)) {
    refuse<py::value_error>(function, ": ", argument, ": some of its elements share the same memory");
  }
  return out;
}

bool overlap_differently(const Array& a, const Array& b) {
  if (a.dtype == b.dtype && same_view(a, b)) return false;
  const Extent x = extent(a), y = extent(b);
  return x.begin < y.end && y.begin < x.end;  // perhaps only interleaved
}

py::object new_array_like(const Array& like) {
  const Api& api = Api::get();
  PyObject* descr = py::detail::array_proxy(like.object)->descr;
  Py_INCREF(descr);
  py::object array = py::reinterpret_steal<py::object>(
      api.PyArray_NewFromDescr_(api.PyArray_Type_, descr, like.ndim, like.shape, nullptr, nullptr, 0, nullptr));
  if (!array) throw py::error_already_set();
  return array;
}

py::object new_array(DType dtype, int ndim, const py::ssize_t* shape) {
  const Api& api = Api::get();
  PyObject* descr = api.PyArray_DescrFromType_(kTypeNumbers[static_cast<int>(dtype)]);
  py::object array = py::reinterpret_steal<py::object>(
      api.PyArray_NewFromDescr_(api.PyArray_Type_, descr, ndim, shape, nullptr, nullptr, 0, nullptr));
  if (!array) throw py::error_already_set();
  return array;
}

bool spans_overlap(const Array& a, const Array& b) {
  if (a.empty() || b.empty()) return false;
  const Extent x = extent(a), y = extent(b);
  return x.begin < y.end && y.begin < x.end;
}

PyObject* default_channel_axis() {
  // An int of its own kind: told from an explicit -1 by its address, shown as -1 by help() and inspect.
  static PyObject* const axis = [] {
    py::dict scope;
    py::exec("class LastAxis(int):\n    __slots__ = ()\n    __repr__ = int.__repr__\n", py::globals(), scope);
    return scope["LastAxis"](-1).release().ptr();
  }();
  return axis;
}

Axes image_axes(const char* function, const Array& image, PyObject* channel_axis) {
  const int n = image.ndim;
  if (n < 2) {
    refuse<py::value_error>(function, ": image must have at least 2 dimensions, got shape ", shape_text(image));
  }
  if (channel_axis == default_channel_axis()) {
    if (n == 2) return {0, 1, -1};
    if (n > 4) {
      refuse<py::value_error>(function, ": image has ", n, " dimensions, shape ", shape_text(image),
                              ": say channel_axis (None: no channels)");
    }
    if (n == 3 && image.shape[2] > kMostUnnamedChannels) {
      refuse<py::value_error>(
          function, ": image of shape ", shape_text(image), " would have ", image.shape[2],
          " channels: say channel_axis (-1: that is meant; None: a stack of images without channels)");
    }
    return {n - 3, n - 2, n - 1};
  }
  if (channel_axis == Py_None) return {n - 2, n - 1, -1};
  std::int64_t axis;
  if (!as_int(channel_axis, &axis)) {
    refuse<py::type_error>(function, ": channel_axis must be an int or None, got ", type_name(channel_axis));
  }
  if (n == 2 && axis == -1) return {0, 1, -1};  // the default, written out
  if (n == 2) {
    refuse<py::value_error>(function, ": channel_axis ", axis, " needs an image of at least 3 dimensions, got shape ",
                            shape_text(image));
  }
  if (axis < -n || axis >= n) {
    refuse<py::value_error>(function, ": channel_axis must be between ", -n, " and ", n - 1, " for an image of shape ",
                            shape_text(image), ", got ", short_repr(channel_axis));
  }
  const int channel = static_cast<int>(axis < 0 ? axis + n : axis);
  const int width = channel == n - 1 ? n - 2 : n - 1;
  const int height = channel == width - 1 ? width - 2 : width - 1;
  return {height, width, channel};
}

ImagePair::ImagePair(const Array& in, const Array& out, const Axes& given, bool separable) {
  Axes axes = given;
  Layout i, o;
  bool in_fits = describe(in, axes, &i), out_fits = describe(out, axes, &o);
  if (!(in_fits && out_fits) && separable && axes.channel >= 0) {
    const Axes planes{axes.height, axes.width, -1};  // channels as one more batch axis
    Layout plane_i, plane_o;
    const bool plane_in = describe(in, planes, &plane_i), plane_out = describe(out, planes, &plane_o);
    if (plane_in + plane_out > in_fits + out_fits) {
      axes = planes;
      i = plane_i;
      o = plane_o;
      in_fits = plane_in;
      out_fits = plane_out;
    }
  }
  const char* in_data = in.data;
  char* out_data = out.data;
  if (in_fits && out_fits) in_fits = !overlap_differently(in, out);  // a copy is right in any case
  if (!in_fits) {
    in_copy_ = canonical_view(in, axes).attr("copy")("C");
    i = canonical_layout(in_copy_, in.dtype, axes.channel >= 0);
    in_data = py::detail::array_proxy(in_copy_.ptr())->data;
  }
  if (!out_fits) {
    out_view_ = canonical_view(out, axes);
    out_copy_ = py::module_::import("numpy").attr("empty")(out_view_.attr("shape"), out_view_.attr("dtype"));
    o = canonical_layout(out_copy_, out.dtype, axes.channel >= 0);
    out_data = py::detail::array_proxy(out_copy_.ptr())->data;
  }
  pixels_ = {i.count,  i.height,     i.width,        i.channels,   in_data,
             out_data, i.row_stride, i.image_stride, o.row_stride, o.image_stride};
}

void ImagePair::finish() {
  if (!out_copy_) return;
  if (Api::get().PyArray_CopyInto_(out_view_.ptr(), out_copy_.ptr()) != 0) throw py::error_already_set();
}

InputImage::InputImage(const Array& image, const Axes& axes, bool copy) {
  Layout layout;
  data = image.data;
  if (!describe(image, axes, &layout) || copy) {
    copy_ = canonical_view(image, axes).attr("copy")("C");
    layout = canonical_layout(copy_, image.dtype, axes.channel >= 0);
    data = py::detail::array_proxy(copy_.ptr())->data;
  }
  height = layout.height;
  width = layout.width;
  channels = layout.channels;
  row_stride = layout.row_stride;
}

}  // namespace fastcv::python
