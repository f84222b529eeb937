// The only bridge between NumPy and C++: from an ndarray to a BatchView of pixels, without a copy where the pixels
// are contiguous within a row, and with exactly one copy where they are not.
#pragma once

#include <pybind11/numpy.h>

#include <cstdint>

#include "arguments.hpp"
#include "fastcv/image_view.hpp"

namespace fastcv::python {

enum class DType : std::uint8_t { kUint8, kUint16, kFloat32, kFloat64, kFloat16 };
constexpr std::ptrdiff_t kItemSize[] = {1, 2, 4, 8, 2};
constexpr unsigned kAllDTypes = 0xF;  // what functions take when they do not say; float16 is a result's type only
constexpr unsigned bit(DType t) { return 1u << static_cast<unsigned>(t); }

// One ndarray as NumPy holds it. Borrows: the caller keeps the object alive; `owner` does where the caller's object was
// not an ndarray itself (see input_array).
struct Array {
  PyObject* object;
  char* data;
  int ndim;
  const py::ssize_t* shape;
  const py::ssize_t* strides;  // bytes
  int flags;
  DType dtype;
  py::object owner{};

  bool empty() const;
  bool writeable() const { return (flags & py::detail::npy_api::NPY_ARRAY_WRITEABLE_) != 0; }
  std::ptrdiff_t item_size() const { return kItemSize[static_cast<int>(dtype)]; }
};

// An ndarray of one of the `allowed` dtypes in native byte order, or TypeError naming `argument`. Of other objects that
// hold an array (__array_interface__, __array__, __dlpack__) NumPy makes one: without a copy where they share their
// memory.
Array input_array(const char* function, const char* argument, PyObject* object, unsigned allowed = kAllDTypes);

// The object itself where it is an ndarray, and else what input_array would read; of any dtype.
py::object as_ndarray(const char* function, const char* argument, PyObject* object);

// The same as input_array for a result: of `like`'s dtype and shape, writeable, no two of its elements in the same
// place.
Array output_array(const char* function, const char* argument, PyObject* object, const Array& like);

// A fresh C-contiguous array of that shape and dtype.
py::object new_array_like(const Array& like);
py::object new_array(DType dtype, int ndim, const py::ssize_t* shape);

// True when the two may share memory: the spans from first to last byte do.
bool spans_overlap(const Array& a, const Array& b);

// Whether the two may touch the same memory without being the same elements in the same places.
bool overlap_differently(const Array& a, const Array& b);

// Where channel_axis was left at its default: shown to the user as -1.
PyObject* default_channel_axis();

// Which axis is what. A batch axis is any axis that is none of the other three.
struct Axes {
  int height = 0, width = 1;
  int channel = -1;  // -1: none
};
Axes image_axes(const char* function, const Array& image, PyObject* channel_axis);

inline std::ptrdiff_t channel_count(const Array& image, const Axes& axes) {
  return axes.channel < 0 ? 1 : image.shape[axes.channel];
}

// Geometry shared by input and output, and where each lies.
struct Pixels {
  std::ptrdiff_t count, height, width, channels;
  const char* in;
  char* out;
  std::ptrdiff_t in_row_stride, in_image_stride, out_row_stride, out_image_stride;

  template <class T>
  BatchView<const T> input() const {
    return {{reinterpret_cast<const T*>(in), height, width, channels, in_row_stride}, count, in_image_stride};
  }
  template <class T>
  BatchView<T> output() const {
    return {{reinterpret_cast<T*>(out), height, width, channels, out_row_stride}, count, out_image_stride};
  }
};

// Makes `in` and `out` (same shape and dtype, not empty) readable and writeable as Pixels, by copies where they
// must be: of an input that is not contiguous within rows, not aligned, or that shares memory with `out` without being
// the same view; and of an output that is not contiguous or aligned, written back by finish(). `separable`: each
// channel is worked on by itself, so that planes may be treated as images of one channel.
class ImagePair {
 public:
  ImagePair(const Array& in, const Array& out, const Axes& axes, bool separable);
  const Pixels& pixels() const { return pixels_; }
  void finish();

 private:
  Pixels pixels_{};
  py::object in_copy_, out_copy_, out_view_;
};

// One image as its pixels lie in memory, or one copy of it where they are not contiguous within a row, not aligned,
// or where `copy` asks for it.
struct InputImage {
  InputImage(const Array& image, const Axes& axes, bool copy);
  const char* data;
  std::ptrdiff_t height, width, channels, row_stride;

 private:
  py::object copy_;
};

}  // namespace fastcv::python
