// Kernels of gradient descent whose SIMD lanes are the points that move: every point against all, no sums across lanes.
// For few points, and for distances that differ by direction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "mds/pairs_kernels.hpp"

namespace fastcv::mds {

// kTile points at a time. `distances` holds, block after block, [point j][point i of the block]: D_ij, of s-stress
// -D_ij^2; 0 where i = j and behind the last point.
template <class T>
struct LanesJob {
  std::ptrdiff_t points, stride;
  int dimensions;
  const T* distances;
  T* x;
  T* g;    // the sums, without gradient_factor
  T rate;  // times gradient_factor
};

template <class T>
struct LanesKernels {
  // The sums of all points, over all; returns their loss, over ordered pairs and without value_factor.
  double (*gradient)(const LanesJob<T>& job);
  // `steps` times: the gradient, and x -= rate g.
  void (*descend)(const LanesJob<T>& job, std::int64_t steps);
  // Adds to one block's sums what points [begin, end) give; job.distances begins there. Returns the loss.
  double (*block)(const LanesJob<T>& job, std::ptrdiff_t block, std::ptrdiff_t begin, std::ptrdiff_t end);
  // x -= rate g, `values` of them.
  void (*step)(T* x, const T* g, T rate, std::ptrdiff_t values);
  T gradient_factor;
  double value_factor;
};

template <class T>
LanesKernels<T> lanes_kernels(PairLoss loss, int dimensions);

// ---- each pair once: for few points whose distances are symmetric

template <class T>
using LaneNumber = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;

template <class T>
struct RingJob {
  std::ptrdiff_t points, stride;
  const T* packed;  // in the order of the kernel: see FewPairs
  T* turned;        // three values for every one of x
  T* x;
  T* g;    // the sums, without gradient_factor
  T rate;  // times gradient_factor
};

template <class T>
struct RingKernels {
  std::ptrdiff_t lanes = 0;  // 0: this SIMD target has no such kernels
  // As of LanesKernels; the loss is over pairs, each once.
  double (*gradient)(const RingJob<T>& job);
  void (*descend)(const RingJob<T>& job, std::int64_t steps);
  T gradient_factor;
  double value_factor;
};

// In two and three dimensions.
template <class T>
RingKernels<T> ring_kernels(PairLoss loss, int dimensions);

}  // namespace fastcv::mds
