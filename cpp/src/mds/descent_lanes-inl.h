// The kernels of descent_kernels.hpp.
#if defined(FASTCV_MDS_DESCENT_LANES) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_MDS_DESCENT_LANES
#undef FASTCV_MDS_DESCENT_LANES
#else
#define FASTCV_MDS_DESCENT_LANES
#endif

#include "mds/descent_kernels.hpp"
#include "mds/pairs_loss-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::mds {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Lanes behind the last point become 0.
template <class T>
HWY_INLINE VecOf<T> OfPoints(VecOf<T> v, const LanesJob<T>& job, ptrdiff_t i) {
  const Lanes<T> d;
  const ptrdiff_t left = job.points - i;
  return hn::IfThenElseZero(hn::Lt(hn::Iota(d, T(0)), hn::Set(d, static_cast<T>(left < kTile ? left : kTile))), v);
}

// kVectors vectors of points, from i on, against points [begin, end). Their distances are kTile values apart, and
// `block_step` from a block to the next.
template <class T, int kDim, PairLoss kLoss, int kVectors>
HWY_INLINE double VectorSums(const LanesJob<T>& job, ptrdiff_t i, ptrdiff_t begin, ptrdiff_t end, const T* distances,
                             ptrdiff_t block_step) {
  using V = VecOf<T>;
  constexpr ptrdiff_t N = kLanes<T>;
  const Lanes<T> d;
  const PairTerm<T, kLoss, kLoss == PairLoss::kSstress> term(T(0));
  const Coordinates<const T, kDim> x(job.x, job.stride);
  Pack<V, kVectors> xi[kDim], sums[kDim], losses;
  HWY_PRAGMA(GCC unroll 4) for (int v = 0; v < kVectors; v++) {
    losses.v[v] = hn::Zero(d);
    HWY_PRAGMA(GCC unroll 4) for (int c = 0; c < kDim; c++) {
      xi[c].v[v] = hn::LoadU(d, x.of[c] + i + v * N);
      sums[c].v[v] = begin == 0 ? hn::Zero(d) : hn::LoadU(d, job.g + c * job.stride + i + v * N);
    }
  }
  for (ptrdiff_t j = begin; j < end; j++, distances += kTile) {
    HWY_PRAGMA(GCC unroll 4) for (int v = 0; v < kVectors; v++) {
      Pack<V, kDim> delta;
      const V measured = hn::LoadU(d, distances + v * N / kTile * block_step + v * N % kTile);
      V square = term.start(measured);
      HWY_PRAGMA(GCC unroll 4) for (int c = 0; c < kDim; c++) {
        delta.v[c] = hn::Sub(xi[c].v[v], hn::Set(d, x.of[c][j]));
        square = hn::MulAdd(delta.v[c], delta.v[c], square);
      }
      V loss;
      const V w = term.template weight<true>(square, measured, &loss);
      losses.v[v] = hn::Add(losses.v[v], loss);
      HWY_PRAGMA(GCC unroll 4) for (int c = 0; c < kDim; c++) {
        sums[c].v[v] = hn::MulAdd(w, delta.v[c], sums[c].v[v]);
      }
    }
  }
  double value = 0;
  HWY_PRAGMA(GCC unroll 4) for (int v = 0; v < kVectors; v++) {
    HWY_PRAGMA(GCC unroll 4) for (int c = 0; c < kDim; c++) {
      hn::StoreU(OfPoints<T>(sums[c].v[v], job, i + v * N), d, job.g + c * job.stride + i + v * N);
    }
    value += SumInDouble<T>(OfPoints<T>(losses.v[v], job, i + v * N));
  }
  return value;
}

// Any number of dimensions: they are walked twice.
template <class T, PairLoss kLoss>
HWY_INLINE double VectorSumsOfAnyDimension(const LanesJob<T>& job, ptrdiff_t i, ptrdiff_t begin, ptrdiff_t end,
                                           const T* distances) {
  using V = VecOf<T>;
  const Lanes<T> d;
  const PairTerm<T, kLoss, kLoss == PairLoss::kSstress> term(T(0));
  if (begin == 0) {
    for (int c = 0; c < job.dimensions; c++) hn::StoreU(hn::Zero(d), d, job.g + c * job.stride + i);
  }
  V losses = hn::Zero(d);
  for (ptrdiff_t j = begin; j < end; j++, distances += kTile) {
    const V measured = hn::LoadU(d, distances);
    V square = term.start(measured);
    for (int c = 0; c < job.dimensions; c++) {
      const T* x = job.x + c * job.stride;
      const V delta = hn::Sub(hn::LoadU(d, x + i), hn::Set(d, x[j]));
      square = hn::MulAdd(delta, delta, square);
    }
    V loss;
    const V w = OfPoints<T>(term.template weight<true>(square, measured, &loss), job, i);
    losses = hn::Add(losses, loss);
    for (int c = 0; c < job.dimensions; c++) {
      const T* x = job.x + c * job.stride;
      T* g = job.g + c * job.stride + i;
      hn::StoreU(hn::MulAdd(w, hn::Sub(hn::LoadU(d, x + i), hn::Set(d, x[j])), hn::LoadU(d, g)), d, g);
    }
  }
  return SumInDouble<T>(OfPoints<T>(losses, job, i));
}

template <class T, int kDim, PairLoss kLoss>
HWY_NOINLINE double BlockSums(const LanesJob<T>& job, ptrdiff_t block, ptrdiff_t begin, ptrdiff_t end) {
  constexpr ptrdiff_t N = kLanes<T>;
  constexpr int kVectors = N >= kTile ? 1 : 2;
  double value = 0;
  for (ptrdiff_t part = 0; part < kTile; part += kVectors * N) {
    const ptrdiff_t i = block * kTile + part;
    if (i >= job.points && part > 0) break;
    if constexpr (kDim == 0) {
      for (int v = 0; v < kVectors; v++)
        value += VectorSumsOfAnyDimension<T, kLoss>(job, i + v * N, begin, end, job.distances + part + v * N);
    } else {
      value += VectorSums<T, kDim, kLoss, kVectors>(job, i, begin, end, job.distances + part, 0);
    }
  }
  return value;
}

template <class T, int kDim, PairLoss kLoss>
HWY_NOINLINE double LanesGradient(const LanesJob<T>& job) {
  const ptrdiff_t blocks = (job.points + kTile - 1) / kTile, block_step = job.points * kTile;
  LanesJob<T> at = job;
  ptrdiff_t block = 0;
  double value = 0;
  if constexpr (kLanes<T> >= kTile && kDim != 0) {  // two blocks at once share what is spread over the lanes
    for (; block + 2 <= blocks; block += 2, at.distances += 2 * block_step)
      value += VectorSums<T, kDim, kLoss, 2>(at, block * kTile, 0, job.points, at.distances, block_step);
  }
  for (; block < blocks; block++, at.distances += block_step)
    value += BlockSums<T, kDim, kLoss>(at, block, 0, job.points);
  return value;
}

template <class T>
void Step(T* x, const T* g, T rate, ptrdiff_t values) {
  const Lanes<T> d;
  const auto factor = hn::Set(d, rate);
  for (ptrdiff_t i = 0; i < values; i += kLanes<T>)
    hn::StoreU(hn::NegMulAdd(factor, hn::LoadU(d, g + i), hn::LoadU(d, x + i)), d, x + i);
}

template <class T, int kDim, PairLoss kLoss>
void LanesDescend(const LanesJob<T>& job, int64_t steps) {
  for (int64_t step = 0; step < steps; step++) {
    LanesGradient<T, kDim, kLoss>(job);
    Step<T>(job.x, job.g, job.rate, job.dimensions * job.stride);
  }
}

template <class T, int kDim, PairLoss kLoss>
LanesKernels<T> LanesKernelsOf() {
  using Term = PairTerm<T, kLoss>;
  return {&LanesGradient<T, kDim, kLoss>,
          &LanesDescend<T, kDim, kLoss>,
          &BlockSums<T, kDim, kLoss>,
          &Step<T>,
          static_cast<T>(Term::kGradientFactor),
          Term::kValueFactor};
}

template <class T, PairLoss kLoss>
LanesKernels<T> LanesKernelsOf(int dimensions) {
  if (dimensions == 2) return LanesKernelsOf<T, 2, kLoss>();
  if (dimensions == 3) return LanesKernelsOf<T, 3, kLoss>();
  return LanesKernelsOf<T, 0, kLoss>();
}

template <class T>
LanesKernels<T> LanesKernelsOf(PairLoss loss, int dimensions) {
  return loss == PairLoss::kSstress ? LanesKernelsOf<T, PairLoss::kSstress>(dimensions)
                                    : LanesKernelsOf<T, PairLoss::kStress>(dimensions);
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::mds
HWY_AFTER_NAMESPACE();
#endif
