// What the solvers share where they work on part of an image.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "fastcv/tv.hpp"
#include "tv/denoise_plane.hpp"

namespace fastcv::tv {

inline PlaneShape plane_shape(const DenoisePartShape& shape) {
  PlaneShape plane;
  plane.rows = shape.rows;
  plane.columns = shape.columns;
  plane.channels = shape.channels;
  plane.isotropic = shape.isotropic;
  return plane;
}

// Pixels of a part, channels last, and where those of its rows [begin, end) go.
template <class T>
struct Pixels {
  const T* in;
  T* out;
  DenoisePartShape shape;
  std::ptrdiff_t begin = 0, end = 0;

  PlaneIo<T> io() const { return {this, &read, &write, &find}; }

 private:
  static void read(const void* context, int channel, std::ptrdiff_t y, std::ptrdiff_t x, std::ptrdiff_t count, T* to) {
    const Pixels& p = *static_cast<const Pixels*>(context);
    const T* from = p.in + (y * p.shape.columns + x) * p.shape.channels + channel;
    for (std::ptrdiff_t i = 0; i < count; i++) to[i] = from[i * p.shape.channels];
  }
  static const T* find(const void* context, int, std::ptrdiff_t y, std::ptrdiff_t x) {
    const Pixels& p = *static_cast<const Pixels*>(context);
    return p.shape.channels == 1 ? p.in + y * p.shape.columns + x : nullptr;
  }
  static double write(const void* context, int channel, std::ptrdiff_t y, std::ptrdiff_t x, std::ptrdiff_t count,
                      const T* from) {
    const Pixels& p = *static_cast<const Pixels*>(context);
    if (y < p.begin || y >= p.end) return 0;
    T* to = p.out + ((y - p.begin) * p.shape.columns + x) * p.shape.channels + channel;
    for (std::ptrdiff_t i = 0; i < count; i++) to[i * p.shape.channels] = from[i];
    return 0;
  }
};

template <class T>
Range<T> range_of(const T* low, const T* high, int channels) {
  Range<T> range{};
  std::copy_n(low, channels, range.low);
  std::copy_n(high, channels, range.high);
  return range;
}

// Of rows [begin, end), each in so many pieces.
inline void store_sums(const std::vector<Sums>& rows, std::ptrdiff_t begin, std::ptrdiff_t end, std::ptrdiff_t pieces,
                       double* sums) {
  for (std::ptrdiff_t i = begin * pieces; i < end * pieces; i++) {
    *sums++ = rows[i].residual;
    *sums++ = rows[i].variation;
    *sums++ = rows[i].gap;
  }
}

}  // namespace fastcv::tv
