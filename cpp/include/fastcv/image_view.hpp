// Views of pixels that somebody else owns: what every family reads from and writes to.
#pragma once

#include <cstddef>
#include <type_traits>

namespace fastcv {

// An image whose pixels are contiguous within a row. Rows may be padded, or run upwards
// (negative stride). `row_stride` is in bytes, so that a row may start at any address.
template <class T>
struct ImageView {
  T* data = nullptr;
  std::ptrdiff_t height = 0;
  std::ptrdiff_t width = 0;
  std::ptrdiff_t channels = 1;
  std::ptrdiff_t row_stride = 0;

  T* row(std::ptrdiff_t y) const {
    using Byte = std::conditional_t<std::is_const_v<T>, const char, char>;
    return reinterpret_cast<T*>(reinterpret_cast<Byte*>(data) + y * row_stride);
  }
  std::ptrdiff_t row_values() const { return width * channels; }
};

// `count` images of one geometry, `image_stride` bytes apart.
template <class T>
struct BatchView {
  ImageView<T> first;
  std::ptrdiff_t count = 1;
  std::ptrdiff_t image_stride = 0;

  ImageView<T> operator[](std::ptrdiff_t i) const {
    ImageView<T> image = first;
    using Byte = std::conditional_t<std::is_const_v<T>, const char, char>;
    image.data = reinterpret_cast<T*>(reinterpret_cast<Byte*>(first.data) + i * image_stride);
    return image;
  }
};

}  // namespace fastcv
