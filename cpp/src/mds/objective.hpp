// What a solver minimises: a loss of n points, and its gradient.
#pragma once

#include <cstddef>

namespace fastcv::mds {

// Positions and gradients are stored coordinate after coordinate: point i's coordinate d stands at
// x[d * stride() + i], so that SIMD lanes are points. Between size() and stride() stand zeros, in x and in g alike.
template <class T>
class Objective {
 public:
  virtual ~Objective() = default;

  virtual std::ptrdiff_t size() const = 0;    // points
  virtual std::ptrdiff_t stride() const = 0;  // a multiple of kStride, at least size()
  virtual int dimensions() const = 0;
  // The loss at x, summed in double; its gradient into g (dimensions() * stride() values, no overlap with x).
  virtual double evaluate(const T* x, T* g) = 0;
};

// In values: whole vectors of every SIMD target, and whole cache lines.
inline constexpr std::ptrdiff_t kStride = 16;

inline std::ptrdiff_t padded(std::ptrdiff_t points) { return (points + kStride - 1) / kStride * kStride; }

}  // namespace fastcv::mds
