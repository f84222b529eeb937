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
HWY_INLINE auto PairedLanes(ptrdiff_t row, ptrdiff_t column, ptrdiff_t points) {
  const Lanes<T> d;
  const auto lane = hn::Iota(d, T(0));
  return hn::And(hn::Gt(lane, hn::Set(d, static_cast<T>(row - column))),
                 hn::Lt(lane, hn::Set(d, static_cast<T>(points - column))));
}

// Coordinates whose pull is multiplied and added at once, for the row and again for the column. The others' pull is
// multiplied once and added twice: AMD's processors add beside their multipliers, so that the multipliers, of which
// there are too few, do less. With 16 registers the two ways are as fast.
template <PairLoss kLoss>
constexpr int kFused = HWY_TARGET > HWY_AVX3         ? 4
                       : kLoss == PairLoss::kSstress ? 1
                                                     : 0;

template <class T, int kDim, PairLoss kLoss, bool kSquares, bool kWeighted, bool kValue>
double GradientStripe(const PairJob<T>& job, ptrdiff_t stripe) {
  using V = VecOf<T>;
  constexpr ptrdiff_t N = kLanes<T>;
  const Lanes<T> d;
  const PairTerm<T, kLoss, kSquares> term(job.scale);
  const Coordinates<const T, kDim> x(job.x, job.stride);
  const Coordinates<T, kDim> g(job.g, job.stride);
  const ptrdiff_t pitch = block_values(stripe, job.stripes), last = job.stripes - 1, points = job.points;
  double value = 0;
  for (ptrdiff_t block = 0; block < kTile / kBlock; block++) {
    const ptrdiff_t i = stripe * kTile + block * kBlock;
    if (i >= points) break;
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
          xj.v[c] = hn::LoadU(d, x.of[c] + j);
          gj.v[c] = hn::Load(d, g.of[c] + j);
        }
        HWY_PRAGMA(GCC unroll 4) for (int r = 0; r < kBlock; r++) {
          Pack<V, kDim> delta;  // x_j - x_i, so that x_i can be an operand in memory, spread over the lanes
          const V measured = hn::Load(d, tile + r * kTile + part);
          V square = term.start(measured);
          HWY_PRAGMA(GCC unroll 4) for (int c = 0; c < kDim; c++) {
            delta.v[c] = hn::Sub(xj.v[c], hn::Set(d, x.of[c][i + r]));
            square = hn::MulAdd(delta.v[c], delta.v[c], square);
          }
          V loss;
          V w = term.template weight<kValue>(square, measured, &loss);
          if constexpr (kWeighted) {
            const V weight = hn::Load(d, weights + r * kTile + part);
            w = hn::Mul(w, weight);
            if constexpr (kValue) loss = hn::Mul(loss, weight);
          } else if constexpr (kEdge) {
            const auto paired = PairedLanes<T>(i + r, j, points);
            w = hn::IfThenElseZero(paired, w);
            if constexpr (kValue) loss = hn::IfThenElseZero(paired, loss);
          }
          if constexpr (kValue) losses = hn::Add(losses, loss);
          HWY_PRAGMA(GCC unroll 4) for (int c = 0; c < kDim; c++) {
            if (c < kFused<kLoss>) {
              sums[c].v[r] = hn::NegMulAdd(w, delta.v[c], sums[c].v[r]);
              gj.v[c] = hn::MulAdd(w, delta.v[c], gj.v[c]);
            } else {
              const V pull = hn::Mul(w, delta.v[c]);
              sums[c].v[r] = hn::Sub(sums[c].v[r], pull);
              gj.v[c] = hn::Add(gj.v[c], pull);
            }
          }
        }
        HWY_PRAGMA(GCC unroll 4) for (int c = 0; c < kDim; c++) hn::Store(gj.v[c], d, g.of[c] + j);
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
    HWY_PRAGMA(GCC unroll 4) for (int c = 0; c < kDim; c++) AddRowSums<T>(sums[c], g.of[c] + i);
  }
  return value;
}

// Any number of dimensions: they are walked twice, for the distances and for the gradient.
template <class T, PairLoss kLoss, bool kSquares>
double GradientStripeOfAnyDimension(const PairJob<T>& job, ptrdiff_t stripe) {
  using V = VecOf<T>;
  constexpr ptrdiff_t N = kLanes<T>;
  const Lanes<T> d;
  const PairTerm<T, kLoss, kSquares> term(job.scale);
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
        HWY_PRAGMA(GCC unroll 4)
        for (int r = 0; r < kBlock; r++) w.v[r] = term.start(hn::Load(d, tile + r * kTile + part));
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
            const auto paired = PairedLanes<T>(i + r, j, job.points);
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
    for (int c = 0; c < job.dimensions; c++) {
      Pack<V, kBlock> sums;
      HWY_PRAGMA(GCC unroll 4)
      for (int r = 0; r < kBlock; r++) sums.v[r] = hn::Load(d, job.rows + (c * kBlock + r) * N);
      AddRowSums<T>(sums, job.g + c * job.stride + i);
    }
  }
  return value;
}

template <class T, PairLoss kLoss, bool kSquares, bool kWeighted, bool kValue>
PairKernels<T> PlaneOrSpace(int dimensions) {
  using Term = PairTerm<T, kLoss, kSquares>;
  return {dimensions == 2 ? &GradientStripe<T, 2, kLoss, kSquares, kWeighted, kValue>
                          : &GradientStripe<T, 3, kLoss, kSquares, kWeighted, kValue>,
          static_cast<T>(Term::kGradientFactor), Term::kValueFactor};
}

template <class T, PairLoss kLoss, bool kSquares>
PairKernels<T> AnyDimension() {
  using Term = PairTerm<T, kLoss, kSquares>;
  return {&GradientStripeOfAnyDimension<T, kLoss, kSquares>, static_cast<T>(Term::kGradientFactor), Term::kValueFactor};
}

// Each variant costs a kilobyte and a half on every target: they are those that somebody waits for.
template <class T>
PairKernels<T> KernelsOf(PairLoss loss, int dimensions, bool squares, bool weighted, bool want_value) {
  const bool fixed = dimensions == 2 || dimensions == 3;
  switch (loss) {
    case PairLoss::kStress:
      if (!fixed) return AnyDimension<T, PairLoss::kStress, false>();
      if (weighted) return PlaneOrSpace<T, PairLoss::kStress, false, true, true>(dimensions);
      if (want_value) return PlaneOrSpace<T, PairLoss::kStress, false, false, true>(dimensions);
      return PlaneOrSpace<T, PairLoss::kStress, false, false, false>(dimensions);
    case PairLoss::kSstress:
      if (squares && (!fixed || weighted)) return AnyDimension<T, PairLoss::kSstress, true>();
      if (squares && want_value) return PlaneOrSpace<T, PairLoss::kSstress, true, false, true>(dimensions);
      if (squares) return PlaneOrSpace<T, PairLoss::kSstress, true, false, false>(dimensions);
      if (!fixed) return AnyDimension<T, PairLoss::kSstress, false>();
      if (weighted) return PlaneOrSpace<T, PairLoss::kSstress, false, true, true>(dimensions);
      return PlaneOrSpace<T, PairLoss::kSstress, false, false, true>(dimensions);
    default:
      if (fixed && weighted) return PlaneOrSpace<T, PairLoss::kGemanMcClure, false, true, true>(dimensions);
      return AnyDimension<T, PairLoss::kGemanMcClure, false>();
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::mds
HWY_AFTER_NAMESPACE();
#endif
