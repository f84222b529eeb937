// What the solvers of denoise_tv share: one plane (one problem), where its pixels come from, and its certificate.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace fastcv::tv {

// One problem: `channels` of them are joint.
struct PlaneShape {
  std::ptrdiff_t depth = 1, rows = 1, columns = 1;  // depth > 1: three axes of space
  int channels = 1;
  bool isotropic = true;
  int axes() const { return depth > 1 ? 3 : 2; }
  std::ptrdiff_t pixels() const { return depth * rows * columns; }
};

// The pixels of a plane, a piece of a row at a time; row y of slice z is row z * rows + y.
template <class T>
struct PlaneIo {
  const void* context;
  void (*read)(const void* context, int channel, std::ptrdiff_t y, std::ptrdiff_t x, std::ptrdiff_t count, T* to);
  // Returns the sum of (written - from)^2: not 0 for integers.
  double (*write)(const void* context, int channel, std::ptrdiff_t y, std::ptrdiff_t x, std::ptrdiff_t count,
                  const T* from);
  // Where a piece of a row lies if it needs no reading: dense, of type T. May be null, and return null.
  const T* (*find)(const void* context, int channel, std::ptrdiff_t y, std::ptrdiff_t x) = nullptr;

  // A piece of a row: where it lies, or read to `room`.
  const T* row(int channel, std::ptrdiff_t y, std::ptrdiff_t x, std::ptrdiff_t count, T* room) const {
    const T* found = find != nullptr ? find(context, channel, y, x) : nullptr;
    if (found == nullptr) read(context, channel, y, x, count, room);
    return found != nullptr ? found : room;
  }
};

// A dual field: for each channel and axis a contiguous plane.
template <class T>
struct PlaneDual {
  T* data;
  PlaneShape shape;
  T* row(int channel, int axis, std::ptrdiff_t y) const {
    return data + (channel * shape.axes() + axis) * shape.pixels() + y * shape.columns;
  }
};

// Each channel's least and greatest pixel.
constexpr int kMostJoint = 64;
template <class T>
struct Range {
  T low[kMostJoint], high[kMostJoint];
};

// Sums over a plane for one u and one feasible q.
struct Sums {
  double residual = 0;   // (u - f)^2
  double variation = 0;  // |grad u|, times the pixel's own weight where there is one
  double gap = 0;
  double rounding = 0;  // (returned - u)^2

  Sums& operator+=(const Sums& o) {
    residual += o.residual;
    variation += o.variation;
    gap += o.gap;
    rounding += o.rounding;
    return *this;
  }
};

struct Certificate {
  double gap = std::numeric_limits<double>::infinity();
  double objective = 0, residual = 0, rounding = 0;
};

// Sums were made of lanes of type T: the gap is raised by what their rounding may have hidden. A gradient's norm and
// its product with q are off by a few ulp each of weight |grad u|; u - f - div q by an ulp of each of its terms, whose
// size `reach` bounds.
template <class T>
Certificate certify(const Sums& s, const PlaneShape& shape, double weight, double reach) {
  constexpr double kUlp = std::numeric_limits<T>::epsilon();
  const double n = static_cast<double>(shape.pixels()) * shape.channels;
  const double terms = 2 * shape.axes() * shape.channels + 8;
  const double off = kUlp * reach * shape.axes();
  Certificate c;
  c.residual = s.residual;
  c.objective = 0.5 * s.residual + weight * s.variation;
  c.gap = s.gap;
  if (c.gap > 0) {
    c.gap += 0.5 * kUlp * terms * weight * s.variation + off * std::sqrt(2 * n * s.gap) + 0.5 * n * off * off;
  }
  c.rounding = s.rounding;
  return c;
}

}  // namespace fastcv::tv
