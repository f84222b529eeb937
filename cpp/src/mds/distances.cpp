// Distances of known points: lanes are the points of y.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "mds/distances.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include <cstring>
#include <vector>

#include "fastcv/mds.hpp"
#include "fastcv/runtime.hpp"
#include "mds/objective.hpp"
#include "runtime/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::mds {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using fastcv::HWY_NAMESPACE::Pack;
using fastcv::HWY_NAMESPACE::StoreFirst;

template <class T>
using Lanes = hn::ScalableTag<T>;

// Distances from the point x to kCount vectors of points; coordinate c of point j stands at y[c * stride + j].
template <int kCount, class T>
HWY_INLINE Pack<hn::Vec<Lanes<T>>, kCount> DistancesTo(const T* x, std::ptrdiff_t dimensions, const T* y,
                                                       std::ptrdiff_t stride) {
  const Lanes<T> d;
  Pack<hn::Vec<Lanes<T>>, kCount> sum;
  HWY_PRAGMA(GCC unroll 4) for (int u = 0; u < kCount; u++) sum.v[u] = hn::Zero(d);
  for (std::ptrdiff_t c = 0; c < dimensions; c++) {
    const auto at = hn::Set(d, x[c]);
    HWY_PRAGMA(GCC unroll 4) for (int u = 0; u < kCount; u++) {
      const auto difference = hn::Sub(at, hn::Load(d, y + c * stride + u * static_cast<std::ptrdiff_t>(hn::Lanes(d))));
      sum.v[u] = hn::MulAdd(difference, difference, sum.v[u]);
    }
  }
  HWY_PRAGMA(GCC unroll 4) for (int u = 0; u < kCount; u++) sum.v[u] = hn::Sqrt(sum.v[u]);
  return sum;
}

template <class T>
void RowOf(const T* x, std::ptrdiff_t dimensions, const T* y, std::ptrdiff_t stride, std::ptrdiff_t points, T* out) {
  constexpr int kUnroll = 4;
  const Lanes<T> d;
  const std::ptrdiff_t lanes = static_cast<std::ptrdiff_t>(hn::Lanes(d));
  std::ptrdiff_t j = 0;
  for (; j + kUnroll * lanes <= points; j += kUnroll * lanes) {
    const auto block = DistancesTo<kUnroll>(x, dimensions, y + j, stride);
    HWY_PRAGMA(GCC unroll 4) for (int u = 0; u < kUnroll; u++) hn::StoreU(block.v[u], d, out + j + u * lanes);
  }
  for (; j < points; j += lanes) {
    StoreFirst(DistancesTo<1>(x, dimensions, y + j, stride).v[0], d, out + j, static_cast<size_t>(points - j));
  }
}

void SingleRow(const float* x, std::ptrdiff_t dimensions, const float* y, std::ptrdiff_t stride, std::ptrdiff_t points,
               float* out) {
  RowOf(x, dimensions, y, stride, points, out);
}
void DoubleRow(const double* x, std::ptrdiff_t dimensions, const double* y, std::ptrdiff_t stride,
               std::ptrdiff_t points, double* out) {
  RowOf(x, dimensions, y, stride, points, out);
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::mds
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fastcv {
namespace mds {
HWY_EXPORT(SingleRow);
HWY_EXPORT(DoubleRow);

namespace {

constexpr std::ptrdiff_t kGrain = 1 << 15;  // distances a thread, at least

template <class T>
T coordinate(const PointsView<T>& view, std::ptrdiff_t i, std::ptrdiff_t k) {
  T value;
  std::memcpy(&value, view.data + i * view.point_stride + k * view.coordinate_stride, sizeof(T));
  return value;
}

template <class T>
void run(const PointsView<T>& x, const PointsView<T>& y, T* out, int num_threads) {
  const std::ptrdiff_t stride = padded(y.points), k = x.dimensions;
  const std::ptrdiff_t lanes = checked_mul(stride, k, "pairwise_distances: y"),
                       starts = checked_mul(x.points, k, "pairwise_distances: x");
  Scratch scratch(static_cast<std::size_t>(checked_mul(lanes + starts, sizeof(T), "pairwise_distances: points")));
  T* columns = reinterpret_cast<T*>(scratch.data());
  T* rows = columns + lanes;
  for (std::ptrdiff_t c = 0; c < k; c++) {
    for (std::ptrdiff_t j = 0; j < stride; j++) columns[c * stride + j] = j < y.points ? coordinate(y, j, c) : T(0);
    for (std::ptrdiff_t i = 0; i < x.points; i++) rows[i * k + c] = coordinate(x, i, c);
  }
  const std::ptrdiff_t grain = kGrain / (y.points + 1) + 1;
  parallel_rows(x.points, grain, thread_count(num_threads), [&](Band& band) {
    for (std::ptrdiff_t i = band.begin; i < band.end; i++) {
      if ((i - band.begin) % grain == 0) band.checkpoint();
      if constexpr (sizeof(T) == 4) {
        HWY_DYNAMIC_DISPATCH(SingleRow)(rows + i * k, k, columns, stride, y.points, out + i * y.points);
      } else {
        HWY_DYNAMIC_DISPATCH(DoubleRow)(rows + i * k, k, columns, stride, y.points, out + i * y.points);
      }
    }
  });
}

}  // namespace
}  // namespace mds

template <>
void pairwise_distances(const PointsView<float>& x, const PointsView<float>& y, float* out, int num_threads) {
  mds::run(x, y, out, num_threads);
}
template <>
void pairwise_distances(const PointsView<double>& x, const PointsView<double>& y, double* out, int num_threads) {
  mds::run(x, y, out, num_threads);
}

}  // namespace fastcv
#endif
