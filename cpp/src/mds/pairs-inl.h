// A stripe of pairs, each pair once: what row i gets, its column gets negated. Four rows at a time against 16 columns;
// the rows' sums stay in registers.
#if defined(FASTCV_MDS_PAIRS) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_MDS_PAIRS
#undef FASTCV_MDS_PAIRS
#else
#define FASTCV_MDS_PAIRS
#endif

#include "mds/pairs_loss-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::mds {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr ptrdiff_t kAhead = 8192;  // bytes: the processor's own prefetch does not keep up with this stream
constexpr ptrdiff_t kFlush = 64;    // groups whose losses are added up in T

template <class T>
HWY_INLINE void PrefetchTile(const T* p) {
  for (ptrdiff_t line = 0; line < kBlock * kTile * static_cast<ptrdiff_t>(sizeof(T)); line += 64)
    __builtin_prefetch(reinterpret_cast<const char*>(p) + kAhead + line);
}

// Which lanes of columns [column, ...) pair with `row`: those right of it, and left of the end.
template <class T>
HWY_INLINE auto PairedLanes(const PairJob<T>& job, ptrdiff_t row, ptrdiff_t column) {
  const Lanes<T> d;
  const auto lane = hn::Iota(d, T(0));
  return hn::And(hn::Gt(lane, hn::Set(d, static_cast<T>(row - column))),
                 hn::Lt(lane, hn::Set(d, static_cast<T>(job.points - column))));
}

template <class T, int kDim, PairLoss kLoss, bool kWeighted, bool kValue>
double GradientStripe(const PairJob<T>& job, ptrdiff_t stripe) {
  using V = VecOf<T>;
  constexpr ptrdiff_t N = kLanes<T>;
  const Lanes<T> d;
  const PairTerm<T, kLoss> term(job.scale);
  const V tiny = hn::Set(d, kTiny<T>);
  const ptrdiff_t pitch = block_values(stripe, job.stripes), last = job.stripes - 1;
  double value = 0;
  for (ptrdiff_t block = 0; block < kTile / kBlock; block++) {
    const ptrdiff_t i = stripe * kTile + block * kBlock;
    if (i >= job.points) break;
    const ptrdiff_t begin = stripe_offset(stripe, job.stripes) + block * pitch;
    const T* tile = job.distances + begin;
    [[maybe_unused]] const T* weights = kWeighted ? job.weights + begin : nullptr;
    Pack<V, kBlock> sums[kDim];
    for (int c = 0; c < kDim; c++) HWY_PRAGMA(GCC unroll 4) for (int r = 0; r < kBlock; r++) sums[c].v[r] = hn::Zero(d);
    V losses = hn::Zero(d);

    const auto group = [&](ptrdiff_t at, auto edge) HWY_ATTR __attribute__((always_inline)) {
      constexpr bool kEdge = decltype(edge)::value;
      PrefetchTile(tile);
      HWY_PRAGMA(GCC unroll 1) for (ptrdiff_t part = 0; part < kTile; part += N) {
        const ptrdiff_t j = at * kTile + part;
        Pack<V, kDim> xj, gj;
        HWY_PRAGMA(GCC unroll 4) for (int c = 0; c < kDim; c++) {
          xj.v[c] = hn::LoadU(d, job.x + c * job.stride + j);
          gj.v[c] = hn::Load(d, job.g + c * job.stride + j);
        }
        HWY_PRAGMA(GCC unroll 4) for (int r = 0; r < kBlock; r++) {
          Pack<V, kDim> delta;
          V square = tiny;
          HWY_PRAGMA(GCC unroll 4) for (int c = 0; c < kDim; c++) {
            delta.v[c] = hn::Sub(hn::Set(d, job.x[c * job.stride + i + r]), xj.v[c]);
            square = hn::MulAdd(delta.v[c], delta.v[c], square);
          }
          V loss;
          V w = term.template weight<kValue>(square, hn::Load(d, tile + r * kTile + part), &loss);
          if constexpr (kWeighted) {
            const V weight = hn::Load(d, weights + r * kTile + part);
            w = hn::Mul(w, weight);
            if constexpr (kValue) loss = hn::Mul(loss, weight);
          } else if constexpr (kEdge) {
            const auto paired = PairedLanes(job, i + r, j);
            w = hn::IfThenElseZero(paired, w);
            if constexpr (kValue) loss = hn::IfThenElseZero(paired, loss);
          }
          if constexpr (kValue) losses = hn::Add(losses, loss);
          HWY_PRAGMA(GCC unroll 4) for (int c = 0; c < kDim; c++) {
            sums[c].v[r] = hn::MulAdd(w, delta.v[c], sums[c].v[r]);
            gj.v[c] = hn::NegMulAdd(w, delta.v[c], gj.v[c]);
          }
        }
        HWY_PRAGMA(GCC unroll 4) for (int c = 0; c < kDim; c++) hn::Store(gj.v[c], d, job.g + c * job.stride + j);
      }
      tile += kBlock * kTile;
      if constexpr (kWeighted) weights += kBlock * kTile;
    };
    for (ptrdiff_t at = stripe; at <= last;) {
      if (!kWeighted && (at == stripe || at == last)) {
        group(at++, std::true_type());
      } else {
        const ptrdiff_t end = kWeighted ? last + 1 : last, stop = end - at > kFlush ? at + kFlush : end;
        for (; at < stop; at++) group(at, std::false_type());
      }
      if constexpr (kValue) {
        value += SumInDouble<T>(losses);
        losses = hn::Zero(d);
      }
    }
    for (int c = 0; c < kDim; c++)
      HWY_PRAGMA(GCC unroll 4) for (int r = 0; r < kBlock; r++) job.g[c * job.stride + i + r] += Sum<T>(sums[c].v[r]);
  }
  return value;
}

// Any number of dimensions: they are walked twice, for the distances and for the gradient.
template <class T, PairLoss kLoss>
double GradientStripeOfAnyDimension(const PairJob<T>& job, ptrdiff_t stripe) {
  using V = VecOf<T>;
  constexpr ptrdiff_t N = kLanes<T>;
  const Lanes<T> d;
  const PairTerm<T, kLoss> term(job.scale);
  const ptrdiff_t pitch = block_values(stripe, job.stripes);
  double value = 0;
  for (ptrdiff_t block = 0; block < kTile / kBlock; block++) {
    const ptrdiff_t i = stripe * kTile + block * kBlock;
    if (i >= job.points) break;
    const ptrdiff_t begin = stripe_offset(stripe, job.stripes) + block * pitch;
    for (ptrdiff_t k = 0; k < job.dimensions * kBlock * N; k += N) hn::Store(hn::Zero(d), d, job.rows + k);
    V losses = hn::Zero(d);
    for (ptrdiff_t at = stripe; at < job.stripes; at++) {
      const T* tile = job.distances + begin + (at - stripe) * kBlock * kTile;
      PrefetchTile(tile);
      for (ptrdiff_t part = 0; part < kTile; part += N) {
        const ptrdiff_t j = at * kTile + part;
        Pack<V, kBlock> w;
        HWY_PRAGMA(GCC unroll 4) for (int r = 0; r < kBlock; r++) w.v[r] = hn::Set(d, kTiny<T>);
        for (int c = 0; c < job.dimensions; c++) {
          const T* x = job.x + c * job.stride;
          const V xj = hn::LoadU(d, x + j);
          HWY_PRAGMA(GCC unroll 4) for (int r = 0; r < kBlock; r++) {
            const V delta = hn::Sub(hn::Set(d, x[i + r]), xj);
            w.v[r] = hn::MulAdd(delta, delta, w.v[r]);
          }
        }
        HWY_PRAGMA(GCC unroll 4) for (int r = 0; r < kBlock; r++) {
          V loss;
          w.v[r] = term.template weight<true>(w.v[r], hn::Load(d, tile + r * kTile + part), &loss);
          if (job.weights != nullptr) {
            const V weight = hn::Load(d, job.weights + (tile - job.distances) + r * kTile + part);
            w.v[r] = hn::Mul(w.v[r], weight);
            loss = hn::Mul(loss, weight);
          } else if (at == stripe || at + 1 == job.stripes) {
            const auto paired = PairedLanes(job, i + r, j);
            w.v[r] = hn::IfThenElseZero(paired, w.v[r]);
            loss = hn::IfThenElseZero(paired, loss);
          }
          losses = hn::Add(losses, loss);
        }
        for (int c = 0; c < job.dimensions; c++) {
          const T* x = job.x + c * job.stride;
          T* sums = job.rows + c * kBlock * N;
          const V xj = hn::LoadU(d, x + j);
          V gj = hn::Load(d, job.g + c * job.stride + j);
          HWY_PRAGMA(GCC unroll 4) for (int r = 0; r < kBlock; r++) {
            const V delta = hn::Sub(hn::Set(d, x[i + r]), xj);
            hn::Store(hn::MulAdd(w.v[r], delta, hn::Load(d, sums + r * N)), d, sums + r * N);
            gj = hn::NegMulAdd(w.v[r], delta, gj);
          }
          hn::Store(gj, d, job.g + c * job.stride + j);
        }
      }
      if ((at - stripe) % kFlush == kFlush - 1 || at + 1 == job.stripes) {
        value += SumInDouble<T>(losses);
        losses = hn::Zero(d);
      }
    }
    for (int c = 0; c < job.dimensions; c++)
      for (int r = 0; r < kBlock; r++)
        job.g[c * job.stride + i + r] += Sum<T>(hn::Load(d, job.rows + (c * kBlock + r) * N));
  }
  return value;
}

template <class T, PairLoss kLoss, bool kWeighted, bool kValue>
PairKernels<T> KernelsOf(int dimensions) {
  using Term = PairTerm<T, kLoss>;
  const T factor = static_cast<T>(Term::kGradientFactor);
  if (dimensions == 2) return {&GradientStripe<T, 2, kLoss, kWeighted, kValue>, factor, Term::kValueFactor};
  return {&GradientStripe<T, 3, kLoss, kWeighted, kValue>, factor, Term::kValueFactor};
}

// Unweighted Geman-McClure is not among them: nothing hangs on its speed.
template <class T, PairLoss kLoss>
PairKernels<T> KernelsOf(int dimensions, bool weighted, bool want_value) {
  using Term = PairTerm<T, kLoss>;
  const bool fixed = dimensions == 2 || dimensions == 3;
  if (fixed && weighted) return KernelsOf<T, kLoss, true, true>(dimensions);
  if constexpr (kLoss != PairLoss::kGemanMcClure) {
    if (fixed && want_value) return KernelsOf<T, kLoss, false, true>(dimensions);
    if (fixed) return KernelsOf<T, kLoss, false, false>(dimensions);
  }
  return {&GradientStripeOfAnyDimension<T, kLoss>, static_cast<T>(Term::kGradientFactor), Term::kValueFactor};
}

template <class T>
PairKernels<T> KernelsOf(PairLoss loss, int dimensions, bool weighted, bool want_value) {
  switch (loss) {
    case PairLoss::kStress:
      return KernelsOf<T, PairLoss::kStress>(dimensions, weighted, want_value);
    case PairLoss::kSstress:
      return KernelsOf<T, PairLoss::kSstress>(dimensions, weighted, want_value);
    default:
      return KernelsOf<T, PairLoss::kGemanMcClure>(dimensions, weighted, want_value);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::mds
HWY_AFTER_NAMESPACE();
#endif
