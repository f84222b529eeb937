#include <algorithm>
#include <utility>

#include "fastcv/runtime.hpp"
#include "mds/objective.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "mds/fit.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "mds/fit.hpp"
#include "runtime/simd-inl.h"

#ifndef FASTCV_MDS_FIT_ONCE
#define FASTCV_MDS_FIT_ONCE
namespace fastcv::mds {

constexpr int kFitRows = 4;

// Up to kFitRows rows of the matrix, contiguous, from that of point `begin` on. Those beyond `rows` repeat the last
// one.
template <class T>
struct FitBlock {
  const T* distances[kFitRows];
  const T* weights[kFitRows];  // null: all 1
  const double* x;  // coordinate after coordinate, at `stride`, behind the last point as far as a vector reaches
  std::ptrdiff_t stride;
  std::ptrdiff_t points, begin;
  int rows, dimensions;

  double stress[kFitRows];
  double squares, largest_residual, least;
};

}  // namespace fastcv::mds
#endif

HWY_BEFORE_NAMESPACE();
namespace fastcv::mds {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using fastcv::HWY_NAMESPACE::LoadFirst;
using fastcv::HWY_NAMESPACE::Pack;
using D64 = hn::ScalableTag<double>;
using V64 = hn::Vec<D64>;
constexpr std::ptrdiff_t kLanes = HWY_MAX_BYTES / 8;
constexpr size_t kAll = HWY_MAX_BYTES / 8;

HWY_INLINE V64 LoadWide(const double* p, size_t count) {
  return count == kAll ? hn::LoadU(D64(), p) : LoadFirst(D64(), p, count);
}
HWY_INLINE V64 LoadWide(const float* p, size_t count) {
  const hn::Rebind<float, D64> d;
  if (count == kAll) return hn::PromoteTo(D64(), hn::LoadU(d, p));
  float lanes[kLanes] = {};
  for (size_t i = 0; i < count; i++) lanes[i] = p[i];
  return hn::PromoteTo(D64(), hn::LoadU(d, lanes));
}

struct FitSums {
  Pack<V64, kFitRows> stress;
  V64 squares, largest, least;
  HWY_INLINE FitSums() {}  // an implicit one is compiled without the target's instructions, which GCC refuses on ARM
};

// Columns [j, j + kLanes). kCareful: some of them are the rows' own, or lie behind the last point.
template <int kDimensions, bool kWeighted, bool kCareful, class T>
HWY_INLINE void FitColumns(const FitBlock<T>& b, std::ptrdiff_t j, FitSums& sums) {
  const D64 d;
  const int dimensions = kDimensions > 0 ? kDimensions : b.dimensions;
  V64 squared[kFitRows];
  HWY_PRAGMA(GCC unroll 4) for (int r = 0; r < kFitRows; r++) squared[r] = hn::Zero(d);
  for (int k = 0; k < dimensions; k++) {
    const double* x = b.x + k * b.stride;
    const V64 xj = hn::LoadU(d, x + j);
    HWY_PRAGMA(GCC unroll 4) for (int r = 0; r < kFitRows; r++) {
      const V64 gap = hn::Sub(hn::Set(d, x[b.begin + (r < b.rows ? r : b.rows - 1)]), xj);
      squared[r] = hn::MulAdd(gap, gap, squared[r]);
    }
  }
  const size_t count = kCareful && b.points - j < kLanes ? static_cast<size_t>(b.points - j) : kAll;
  HWY_PRAGMA(GCC unroll 4) for (int r = 0; r < kFitRows; r++) {
    V64 measured = LoadWide(b.distances[r] + j, count);
    V64 residual = hn::Sub(hn::Sqrt(squared[r]), measured);
    if constexpr (kCareful) {
      const double own = static_cast<double>(b.begin + (r < b.rows ? r : b.rows - 1) - j);
      const V64 lane = hn::Iota(d, 0.0);
      const auto pair = hn::And(hn::Ne(lane, hn::Set(d, own)), hn::Lt(lane, hn::Set(d, static_cast<double>(count))));
      measured = hn::IfThenElseZero(pair, measured);
      residual = hn::IfThenElseZero(pair, residual);
    }
    V64 square = hn::Mul(residual, residual), size = hn::Mul(measured, measured);
    if constexpr (kWeighted) {
      V64 weight = LoadWide(b.weights[r] + j, count);
      if constexpr (kCareful) {  // the diagonal's weight may be anything
        const double own = static_cast<double>(b.begin + (r < b.rows ? r : b.rows - 1) - j);
        weight = hn::IfThenElseZero(hn::Ne(hn::Iota(d, 0.0), hn::Set(d, own)), weight);
      }
      square = hn::Mul(square, weight);
      size = hn::Mul(size, weight);
    }
    sums.stress.v[r] = hn::Add(sums.stress.v[r], square);
    if (r < b.rows) sums.squares = hn::Add(sums.squares, size);
    sums.largest = hn::Max(sums.largest, hn::Abs(residual));
    sums.least = hn::Min(sums.least, measured);
  }
}

// Out of line, and the careful one for any dimensions: each is called twice for some rows.
template <int kDimensions, bool kWeighted, bool kCareful, class T>
HWY_NOINLINE void FitSpan(const FitBlock<T>& b, std::ptrdiff_t begin, std::ptrdiff_t end, FitSums& sums) {
  FitSums s;
  s.stress = sums.stress;
  s.squares = sums.squares, s.largest = sums.largest, s.least = sums.least;
  for (std::ptrdiff_t j = begin; j < end; j += kLanes) FitColumns<kDimensions, kWeighted, kCareful>(b, j, s);
  sums.stress = s.stress;
  sums.squares = s.squares, sums.largest = s.largest, sums.least = s.least;
}

template <int kDimensions, bool kWeighted, class T>
HWY_INLINE void FitRows(FitBlock<T>& b) {
  const D64 d;
  FitSums sums;
  HWY_PRAGMA(GCC unroll 4) for (int r = 0; r < kFitRows; r++) sums.stress.v[r] = hn::Zero(d);
  sums.squares = sums.largest = sums.least = hn::Zero(d);
  // The vectors with the rows' own columns, and what is left behind the last whole one, need care.
  const std::ptrdiff_t own = b.begin / kLanes * kLanes, whole = b.points / kLanes * kLanes;
  const std::ptrdiff_t behind = (b.begin + b.rows + kLanes - 1) / kLanes * kLanes;
  FitSpan<kDimensions, kWeighted, false>(b, 0, own, sums);
  FitSpan<0, kWeighted, true>(b, own, behind, sums);
  if (behind < whole) FitSpan<kDimensions, kWeighted, false>(b, behind, whole, sums);
  if (behind <= whole && whole < b.points) FitSpan<0, kWeighted, true>(b, whole, b.points, sums);
  HWY_PRAGMA(GCC unroll 4) for (int r = 0; r < kFitRows; r++) {
    b.stress[r] = hn::GetLane(hn::SumOfLanes(d, sums.stress.v[r]));
  }
  b.squares = hn::GetLane(hn::SumOfLanes(d, sums.squares));
  b.largest_residual = hn::GetLane(hn::MaxOfLanes(d, sums.largest));
  b.least = hn::GetLane(hn::MinOfLanes(d, sums.least));
}

template <class T>
HWY_INLINE void FitAny(FitBlock<T>& b) {
  if (b.weights[0] != nullptr) return FitRows<0, true>(b);
  if (b.dimensions == 2) return FitRows<2, false>(b);
  if (b.dimensions == 3) return FitRows<3, false>(b);
  return FitRows<0, false>(b);
}

void FitSingle(FitBlock<float>& b) { FitAny(b); }
void FitDouble(FitBlock<double>& b) { FitAny(b); }

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::mds
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fastcv::mds {
HWY_EXPORT(FitSingle);
HWY_EXPORT(FitDouble);

namespace {

using Kernel32 = void (*)(FitBlock<float>&);
using Kernel64 = void (*)(FitBlock<double>&);
Kernel32 kernel(const float*) { return HWY_DYNAMIC_DISPATCH(FitSingle); }
Kernel64 kernel(const double*) { return HWY_DYNAMIC_DISPATCH(FitDouble); }

// Rows of a matrix, contiguous: where they lie, or copied together a block at a time.
template <class T>
class Rows {
 public:
  Rows(MatrixView<T> matrix, bool average, std::ptrdiff_t points)
      : matrix_(matrix), average_(average), points_(points) {
    constexpr std::ptrdiff_t kItem = sizeof(T);
    // A symmetric matrix may as well be read by columns.
    if (!average && matrix_.column_stride != kItem && matrix_.row_stride == kItem) {
      std::swap(matrix_.row_stride, matrix_.column_stride);
    }
    in_place_ = matrix_.data == nullptr || (!average && matrix_.column_stride == kItem);
  }

  std::ptrdiff_t scratch_values() const { return in_place_ ? 0 : kFitRows * points_; }

  void read(std::ptrdiff_t begin, int rows, T* scratch, const T** out) const {
    for (int r = 0; r < kFitRows; r++) {
      const std::ptrdiff_t row = begin + std::min(r, rows - 1);
      out[r] = matrix_.data == nullptr ? nullptr : in_place_ ? &matrix_(row, 0) : scratch + r * points_;
    }
    if (in_place_) return;
    for (std::ptrdiff_t j = 0; j < points_; j++) {
      for (int r = 0; r < kFitRows; r++) {
        const std::ptrdiff_t row = begin + std::min(r, rows - 1);
        const T one = matrix_(row, j);
        scratch[r * points_ + j] = average_ ? (one + matrix_(j, row)) / 2 : one;
      }
    }
  }

 private:
  MatrixView<T> matrix_;
  bool average_, in_place_;
  std::ptrdiff_t points_;
};

}  // namespace

template <class T>
Fit fit(const FitInput<T>& input, std::ptrdiff_t rows, double* per_point, int threads) {
  const std::ptrdiff_t n = input.points, stride = padded(n);
  Scratch positions(static_cast<std::size_t>(
      checked_mul(checked_mul(stride, input.dimensions, "mds: positions"), sizeof(double), "mds: positions")));
  auto* x = reinterpret_cast<double*>(positions.data());
  for (int k = 0; k < input.dimensions; k++) {
    for (std::ptrdiff_t i = 0; i < stride; i++) {
      x[k * stride + i] = i < n ? static_cast<double>(input.x[k * input.stride + i]) : 0;
    }
  }
  return fit_from(input, x, 0, rows, per_point, threads);
}

template <class T>
Fit fit_from(const FitInput<T>& input, const double* x, std::ptrdiff_t first, std::ptrdiff_t rows, double* per_point,
             int threads) {
  const std::ptrdiff_t n = input.points;
  const auto run = kernel(static_cast<const T*>(nullptr));
  const Rows<T> distances(input.distances, input.average, n), weights(input.weights, input.average, n);
  const std::ptrdiff_t blocks = (rows + kFitRows - 1) / kFitRows;
  const std::ptrdiff_t grain = std::max<std::ptrdiff_t>(1, (std::ptrdiff_t{1} << 14) / (kFitRows * n));
  const int bands = band_count(blocks, grain, threads);
  const std::ptrdiff_t each = distances.scratch_values() + weights.scratch_values();
  Scratch copies(static_cast<std::size_t>(checked_mul(checked_mul(each, bands, "mds: rows"), sizeof(T), "mds: rows")));
  Scratch partial(static_cast<std::size_t>(checked_mul(blocks, sizeof(Fit), "mds: rows")));
  auto* const parts = reinterpret_cast<Fit*>(partial.data());

  parallel_rows(blocks, grain, threads, [&](Band& band) {
    T* const scratch = reinterpret_cast<T*>(copies.data()) + band.index * each;
    FitBlock<T> b{};
    b.x = x;
    b.stride = padded(n);
    b.points = n;
    b.dimensions = input.dimensions;
    for (std::ptrdiff_t block = band.begin; block < band.end; block++) {
      band.checkpoint();
      const std::ptrdiff_t row = block * kFitRows;
      b.begin = first + row;
      b.rows = static_cast<int>(std::min<std::ptrdiff_t>(kFitRows, rows - row));
      distances.read(row, b.rows, scratch, b.distances);
      weights.read(row, b.rows, scratch + distances.scratch_values(), b.weights);
      run(b);
      std::copy_n(b.stress, b.rows, per_point + row);
      parts[block] = {0, b.squares, b.largest_residual, b.least};
    }
  });

  Fit total;
  for (std::ptrdiff_t i = 0; i < rows; i++) total.stress += per_point[i] / 2;
  for (std::ptrdiff_t block = 0; block < blocks; block++) {
    total.squares += parts[block].squares / 2;
    total.largest_residual = std::max(total.largest_residual, parts[block].largest_residual);
    total.least = std::min(total.least, parts[block].least);
  }
  return total;
}

template Fit fit(const FitInput<float>&, std::ptrdiff_t, double*, int);
template Fit fit(const FitInput<double>&, std::ptrdiff_t, double*, int);
template Fit fit_from(const FitInput<float>&, const double*, std::ptrdiff_t, std::ptrdiff_t, double*, int);
template Fit fit_from(const FitInput<double>&, const double*, std::ptrdiff_t, std::ptrdiff_t, double*, int);

}  // namespace fastcv::mds
#endif
