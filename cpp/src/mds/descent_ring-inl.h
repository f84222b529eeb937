// Few points, each pair once, without sums across lanes: the points of a vector meet those of another, turned by a lane
// from step to step.
#if defined(FASTCV_MDS_DESCENT_RING) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_MDS_DESCENT_RING
#undef FASTCV_MDS_DESCENT_RING
#else
#define FASTCV_MDS_DESCENT_RING
#endif

#include "mds/descent_kernels.hpp"
#include "mds/pairs_loss-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::mds {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The pull between two vectors of points, and its loss.
template <class T, int kDim, PairLoss kLoss, bool kValue>
struct PairPull {
  using V = VecOf<T>;
  PairTerm<T, kLoss, kLoss == PairLoss::kSstress> term;
  V losses;
  HWY_INLINE PairPull() : term(T(0)), losses(hn::Zero(Lanes<T>())) {}

  // (x_i - x_j) times its weight. Nothing where x_i = x_j and the distance is 0.
  HWY_INLINE Pack<V, kDim> operator()(const Pack<V, kDim>& xi, const Pack<V, kDim>& xj, const T* measured) {
    const Lanes<T> d;
    const V distance = hn::Load(d, measured);
    Pack<V, kDim> pull;
    V square = term.start(distance), loss;
    HWY_PRAGMA(GCC unroll 4) for (int c = 0; c < kDim; c++) {
      pull.v[c] = hn::Sub(xi.v[c], xj.v[c]);
      square = hn::MulAdd(pull.v[c], pull.v[c], square);
    }
    const V w = term.template weight<kValue>(square, distance, &loss);
    if constexpr (kValue) losses = hn::Add(losses, loss);
    HWY_PRAGMA(GCC unroll 4) for (int c = 0; c < kDim; c++) pull.v[c] = hn::Mul(pull.v[c], w);
    return pull;
  }
};

template <class V, int kDim>
HWY_INLINE void AddTo(Pack<V, kDim>& sum, const Pack<V, kDim>& v) {
  HWY_PRAGMA(GCC unroll 4) for (int c = 0; c < kDim; c++) sum.v[c] = hn::Add(sum.v[c], v.v[c]);
}
template <class V, int kDim>
HWY_INLINE void SubFrom(Pack<V, kDim>& sum, const Pack<V, kDim>& v) {
  HWY_PRAGMA(GCC unroll 4) for (int c = 0; c < kDim; c++) sum.v[c] = hn::Sub(sum.v[c], v.v[c]);
}
template <class V, int kDim, class I>
HWY_INLINE Pack<V, kDim> Turned(const Pack<V, kDim>& v, I index) {
  Pack<V, kDim> out;
  HWY_PRAGMA(GCC unroll 4) for (int c = 0; c < kDim; c++) out.v[c] = hn::TableLookupLanes(v.v[c], index);
  return out;
}
template <class T, int kDim>
HWY_INLINE Pack<VecOf<T>, kDim> LoadPoints(const T* p, ptrdiff_t stride) {
  Pack<VecOf<T>, kDim> out;
  HWY_PRAGMA(GCC unroll 4) for (int c = 0; c < kDim; c++) out.v[c] = hn::LoadU(Lanes<T>(), p + c * stride);
  return out;
}
template <class T, int kDim>
HWY_INLINE void StorePoints(const Pack<VecOf<T>, kDim>& v, T* p, ptrdiff_t stride) {
  HWY_PRAGMA(GCC unroll 4) for (int c = 0; c < kDim; c++) hn::StoreU(v.v[c], Lanes<T>(), p + c * stride);
}

template <class T, int kDim>
HWY_INLINE Pack<VecOf<T>, kDim> NoPoints() {
  Pack<VecOf<T>, kDim> out;
  HWY_PRAGMA(GCC unroll 4) for (int c = 0; c < kDim; c++) out.v[c] = hn::Zero(Lanes<T>());
  return out;
}

// ---- one vector of points: all of it stays in registers
// For each turn by r = 1 .. n / 2 `packed` holds the distances, and the lanes of the turn and of the way back.

template <class T, int kDim, PairLoss kLoss, bool kValue>
HWY_INLINE Pack<VecOf<T>, kDim> RingSums(const RingJob<T>& job, const Pack<VecOf<T>, kDim>& x, double* value) {
  constexpr ptrdiff_t N = kLanes<T>;
  const Lanes<T> d;
  PairPull<T, kDim, kLoss, kValue> pull;
  auto g = NoPoints<T, kDim>();
  const T* at = job.packed;
  for (ptrdiff_t r = 0; r < job.points / 2; r++, at += 3 * N) {
    const auto there = hn::SetTableIndices(d, reinterpret_cast<const LaneNumber<T>*>(at + N)),
               back = hn::SetTableIndices(d, reinterpret_cast<const LaneNumber<T>*>(at + 2 * N));
    const Pack<VecOf<T>, kDim> v = pull(x, Turned(x, there), at);
    AddTo(g, v);
    SubFrom(g, Turned(v, back));
  }
  if constexpr (kValue) *value = SumInDouble<T>(pull.losses);
  return g;
}

// ---- several vectors: each with itself and with those behind it; then the points left over, one by one

// Lane i's is i + by, in a ring of all lanes; from lane `still` on it is i.
template <class T>
struct Turn {
  alignas(64) LaneNumber<T> lanes[kLanes<T>];
  constexpr explicit Turn(ptrdiff_t by, ptrdiff_t still = kLanes<T>) : lanes() {
    for (ptrdiff_t i = 0; i < kLanes<T>; i++)
      lanes[i] = static_cast<LaneNumber<T>>(i < still ? (i + by) % kLanes<T> : i);
  }
};

// Returns where the distances of the points left over begin.
template <class T, int kDim, PairLoss kLoss, bool kValue>
HWY_INLINE const T* PullTiles(const RingJob<T>& job, PairPull<T, kDim, kLoss, kValue>& pull, double* value) {
  using Points = Pack<VecOf<T>, kDim>;
  constexpr ptrdiff_t N = kLanes<T>;
  static constexpr Turn<T> kNext(1), kAround(N / 2 - 1), kUpper(N / 2, N / 2);
  const Lanes<T> d;
  const ptrdiff_t stride = job.stride, tiles = job.points / N, thrice = 3 * tiles * N;
  const auto next = hn::SetTableIndices(d, kNext.lanes), around = hn::SetTableIndices(d, kAround.lanes),
             upper = hn::SetTableIndices(d, kUpper.lanes);
  // Every tile twice, so that a load finds it turned; then its upper half twice: half a turn, where the upper lanes
  // meet themselves.
  for (ptrdiff_t t = 0; t < tiles; t++) {
    const Points x = LoadPoints<T, kDim>(job.x + t * N, stride);
    T* turned = job.turned + 3 * t * N;
    StorePoints<T, kDim>(x, turned, thrice);
    StorePoints<T, kDim>(x, turned + N, thrice);
    StorePoints<T, kDim>(Turned(x, upper), turned + 2 * N, thrice);
  }
  const T* at = job.packed;
  for (ptrdiff_t t = 0; t < tiles; t++) {
    const Points x = LoadPoints<T, kDim>(job.x + t * N, stride);
    Points g = LoadPoints<T, kDim>(job.g + t * N, stride);
    for (ptrdiff_t u = t; u < tiles; u++) {
      Points others = u == t ? NoPoints<T, kDim>() : LoadPoints<T, kDim>(job.g + u * N, stride);
      const T* turned = job.turned + 3 * u * N;
      const ptrdiff_t end = u == t ? N / 2 + 1 : N;
      HWY_PRAGMA(GCC unroll 1) for (ptrdiff_t r = u == t ? 1 : 0; r < end; r++, at += N) {
        const Points v = pull(x, LoadPoints<T, kDim>(turned + (r == N / 2 && u == t ? 2 * N : r), thrice), at);
        AddTo(g, v);
        SubFrom(others, v);
        others = Turned(others, next);
      }
      if (u == t) {
        AddTo(g, Turned(others, around));
      } else {
        StorePoints<T, kDim>(others, job.g + u * N, stride);
      }
    }
    StorePoints<T, kDim>(g, job.g + t * N, stride);
    if constexpr (kValue) {
      *value += SumInDouble<T>(pull.losses);
      pull.losses = hn::Zero(d);
    }
  }
  return at;
}

template <class T, int kDim, PairLoss kLoss, bool kValue>
HWY_INLINE void PullLeftOver(const RingJob<T>& job, PairPull<T, kDim, kLoss, kValue>& pull, const T* at) {
  using Points = Pack<VecOf<T>, kDim>;
  constexpr ptrdiff_t N = kLanes<T>;
  const Lanes<T> d;
  const ptrdiff_t stride = job.stride, tiles = job.points / N, begin = tiles * N;
  Points sums = NoPoints<T, kDim>();
  StorePoints<T, kDim>(sums, job.g + begin, stride);
  const auto lane = hn::Iota(d, T(0)), end = hn::Set(d, static_cast<T>(job.points - begin));
  for (ptrdiff_t i = begin; i < job.points; i++) {
    Points x, own = NoPoints<T, kDim>();
    HWY_PRAGMA(GCC unroll 4) for (int c = 0; c < kDim; c++) x.v[c] = hn::Set(d, job.x[c * stride + i]);
    const auto here = hn::Set(d, static_cast<T>(i - begin));
    const auto behind = hn::And(hn::Gt(lane, here), hn::Lt(lane, end));
    for (ptrdiff_t t = 0; t <= tiles; t++, at += N) {
      Points g = LoadPoints<T, kDim>(job.g + t * N, stride), others = LoadPoints<T, kDim>(job.x + t * N, stride);
      if (t == tiles) {  // the point itself in place of those that come otherwise, or not at all
        HWY_PRAGMA(GCC unroll 4)
        for (int c = 0; c < kDim; c++) others.v[c] = hn::IfThenElse(behind, others.v[c], x.v[c]);
      }
      const Points v = pull(others, x, at);
      AddTo(g, v);
      SubFrom(own, v);
      StorePoints<T, kDim>(g, job.g + t * N, stride);
    }
    HWY_PRAGMA(GCC unroll 4) for (int c = 0; c < kDim; c++) {
      const auto sum = hn::SumOfLanes(d, own.v[c]);
      sums.v[c] = hn::Add(sums.v[c], hn::IfThenElseZero(hn::Eq(lane, here), sum));
    }
  }
  AddTo(sums, LoadPoints<T, kDim>(job.g + begin, stride));
  StorePoints<T, kDim>(sums, job.g + begin, stride);
}

template <class T, int kDim, PairLoss kLoss, bool kValue>
double RingTilesGradient(const RingJob<T>& job) {
  constexpr ptrdiff_t N = kLanes<T>;
  const auto none = NoPoints<T, kDim>();
  for (ptrdiff_t i = 0; i + N <= job.points; i += N) StorePoints<T, kDim>(none, job.g + i, job.stride);
  PairPull<T, kDim, kLoss, kValue> pull;
  double value = 0;
  const T* left = PullTiles<T, kDim, kLoss, kValue>(job, pull, &value);
  if (job.points % N != 0) PullLeftOver<T, kDim, kLoss, kValue>(job, pull, left);
  if constexpr (kValue) value += SumInDouble<T>(pull.losses);
  return value;
}

// ---- both

template <class T, int kDim, PairLoss kLoss>
double RingGradient(const RingJob<T>& job) {
  if (job.points > kLanes<T>) return RingTilesGradient<T, kDim, kLoss, true>(job);
  double value = 0;
  const auto g = RingSums<T, kDim, kLoss, true>(job, LoadPoints<T, kDim>(job.x, job.stride), &value);
  StorePoints<T, kDim>(g, job.g, job.stride);
  return value;
}

template <class T, int kDim, PairLoss kLoss>
void RingDescend(const RingJob<T>& job, int64_t steps) {
  const Lanes<T> d;
  const auto rate = hn::Set(d, job.rate);
  if (job.points > kLanes<T>) {
    for (int64_t step = 0; step < steps; step++) {
      RingTilesGradient<T, kDim, kLoss, false>(job);
      for (int c = 0; c < kDim; c++)
        for (ptrdiff_t i = c * job.stride; i < c * job.stride + job.points; i += kLanes<T>)
          hn::StoreU(hn::NegMulAdd(rate, hn::LoadU(d, job.g + i), hn::LoadU(d, job.x + i)), d, job.x + i);
    }
    return;
  }
  auto x = LoadPoints<T, kDim>(job.x, job.stride);
  for (int64_t step = 0; step < steps; step++) {
    double value;
    const auto g = RingSums<T, kDim, kLoss, false>(job, x, &value);
    HWY_PRAGMA(GCC unroll 4) for (int c = 0; c < kDim; c++) x.v[c] = hn::NegMulAdd(rate, g.v[c], x.v[c]);
  }
  StorePoints<T, kDim>(x, job.x, job.stride);
}

template <class T, int kDim, PairLoss kLoss>
RingKernels<T> RingKernelsOf() {
  using Term = PairTerm<T, kLoss>;
  return {kLanes<T>, &RingGradient<T, kDim, kLoss>, &RingDescend<T, kDim, kLoss>, static_cast<T>(Term::kGradientFactor),
          Term::kValueFactor};
}

template <class T>
RingKernels<T> RingKernelsOf([[maybe_unused]] PairLoss loss, [[maybe_unused]] int dimensions) {
#if HWY_TARGET == HWY_SSE4  // few machines have no more: not worth 37 KB
  return {};
#else
  if (loss == PairLoss::kSstress)
    return dimensions == 2 ? RingKernelsOf<T, 2, PairLoss::kSstress>() : RingKernelsOf<T, 3, PairLoss::kSstress>();
  return dimensions == 2 ? RingKernelsOf<T, 2, PairLoss::kStress>() : RingKernelsOf<T, 3, PairLoss::kStress>();
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::mds
HWY_AFTER_NAMESPACE();
#endif
