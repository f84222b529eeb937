// One pass of the Chambolle iteration over one row, or over two.
#if defined(FASTCV_TV_CHAMBOLLE_STEP) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_TV_CHAMBOLLE_STEP
#undef FASTCV_TV_CHAMBOLLE_STEP
#else
#define FASTCV_TV_CHAMBOLLE_STEP
#endif

#include <type_traits>

#include "hwy/highway.h"
#include "tv/chambolle.hpp"
#include "tv/chambolle_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::tv {
namespace HWY_NAMESPACE {

// What a step reads and writes: q of row i and i + 1 before, of row i after; u of row i, overwritten by that of i + 1.
template <class T>
struct StepRows {
  const T* image;              // row i + 1
  const T *q0, *q1;            // row i
  const T *q0_next, *q1_next;  // row i + 1
  T *q0_after, *q1_after;      // row i
  T* u;                        // on entry row i
  const T* ahead;              // a row that will be needed soon: brought into the second-level cache
};

template <class T>
struct StepSums {
  double squares = 0;  // of u - image, row i + 1
  double norms = 0;    // of grad u, row i
  double change = 0;   // the largest of row i
};

// One vector of a row between the two halves of its step: the norm of its gradient, and q moved along that but not yet
// shrunk.
template <class D>
struct Ascent {
  hn::Vec<D> norm, q0, q1;
};

template <class D, class V>
HWY_INLINE Ascent<D> Ascend(D, V tau, V gy, V gx, V q0, V q1) {
  return {hn::Sqrt(hn::MulAdd(gx, gx, hn::Mul(gy, gy))), hn::MulAdd(tau, gy, q0), hn::MulAdd(tau, gx, q1)};
}

template <class D, class V, class T>
HWY_INLINE void Shrink(D d, V slope, const Ascent<D>& from, T* q0, T* q1) {
  const V shrink = Reciprocal(d, hn::MulAdd(from.norm, slope, hn::Set(d, T(1))));
  hn::StoreU(hn::Mul(from.q0, shrink), d, q0);
  hn::StoreU(hn::Mul(from.q1, shrink), d, q1);
}

// u of a row, where the pass begins: everything else comes with the steps.
template <class T>
HWY_NOINLINE double FirstRow(const T* image, const T* q0_before, const T* q0, const T* q1, ptrdiff_t width, T* u) {
  const hn::ScalableTag<T> d;
  constexpr ptrdiff_t kN = static_cast<ptrdiff_t>(kLanes<T>);
  PartSum<T> squares;
  const auto at = [&](ptrdiff_t x, auto tail) HWY_ATTR __attribute__((always_inline)) {
    constexpr bool kTail = decltype(tail)::value;
    const auto f = kTail ? LoadFirst(d, image + x, static_cast<size_t>(width - x)) : hn::LoadU(d, image + x);
    const auto div = hn::Add(hn::Sub(hn::LoadU(d, q0 + x), hn::LoadU(d, q0_before + x)),
                             hn::Sub(hn::LoadU(d, q1 + x), hn::LoadU(d, q1 + x - 1)));
    hn::StoreU(hn::Add(f, div), d, u + x);
    squares.add_square(div);
  };
  // Summed in the same parts as in Step.
  ptrdiff_t x = 0;
  while (x + kN < width) {
    const ptrdiff_t stop = HWY_MIN(width - kN, x + kFlush * kN);
    for (; x < stop; x += kN) at(x, std::false_type());
    squares.flush();
  }
  at(x, std::true_type());
  squares.flush();
  return squares.total();
}

// The step at row i. kBottom: it is the last row of the image, there is no row i + 1.
template <Measure kMeasure, bool kUpdate, bool kBottom, class T>
HWY_NOINLINE void Step(const StepRows<T>& rows, ptrdiff_t width, T tau_value, T slope_value, StepSums<T>* sums) {
  const hn::ScalableTag<T> d;
  constexpr ptrdiff_t kN = static_cast<ptrdiff_t>(kLanes<T>);
  using D = hn::ScalableTag<T>;
  using V = hn::Vec<D>;
  constexpr bool kGradient = kUpdate || kMeasure != Measure::kNothing;
  constexpr bool kEnergy = kMeasure != Measure::kNothing;
  constexpr bool kChange = kMeasure == Measure::kEnergyAndChange;
  // What waits for a root fills the processor's queues, so that the second half comes when the next vector has been
  // started; unless there are sums, which need the registers. float64 gains nothing.
  constexpr bool kLater = kUpdate && !kEnergy && sizeof(T) == 4;
  const V tau = hn::Set(d, tau_value), slope = hn::Set(d, slope_value);
  PartSum<T> squares, norms;
  V change = hn::Zero(d);
  // Not yet written, if kLater: at first zeros, over the zeros before a row.
  Ascent<D> from{change, change, change};
  // Copies: the compiler must assume that a store changes what `rows` points to.
  const StepRows<T> r = rows;
  V u = hn::LoadU(d, r.u);

  const auto at = [&](ptrdiff_t x, auto tail) HWY_ATTR __attribute__((always_inline)) {
    constexpr bool kTail = decltype(tail)::value;
    __builtin_prefetch(r.ahead + x, 0, 2);
    const size_t left = static_cast<size_t>(width - x);
    V gy = hn::Zero(d), u_below = hn::Zero(d);
    const V q0 = hn::LoadU(d, r.q0 + x);
    if constexpr (!kBottom) {
      const V f = kTail ? LoadFirst(d, r.image + x, left) : hn::LoadU(d, r.image + x);
      const V div = hn::Add(hn::Sub(hn::LoadU(d, r.q0_next + x), q0),
                            hn::Sub(hn::LoadU(d, r.q1_next + x), hn::LoadU(d, r.q1_next + x - 1)));
      u_below = hn::Add(f, div);
      if constexpr (kEnergy) squares.add_square(div);
      gy = hn::Sub(u_below, u);
    }
    if constexpr (kGradient) {
      V gx = hn::Sub(hn::LoadU(d, r.u + x + 1), u);
      if constexpr (kTail) gx = hn::IfThenElseZero(hn::FirstN(d, left - 1), gx);
      if constexpr (!kUpdate) {
        norms.add(hn::Sqrt(hn::MulAdd(gx, gx, hn::Mul(gy, gy))));
      } else {
        const V q1 = hn::LoadU(d, r.q1 + x);
        const Ascent<D> now = Ascend(d, tau, gy, gx, q0, q1);
        if constexpr (kEnergy) norms.add(now.norm);
        if constexpr (kLater) {
          Shrink(d, slope, from, r.q0_after + x - kN, r.q1_after + x - kN);
          from = now;
        } else {
          Shrink(d, slope, now, r.q0_after + x, r.q1_after + x);
        }
        if constexpr (kChange) {
          const V step0 = hn::Sub(hn::LoadU(d, r.q0_after + x), q0), step1 = hn::Sub(hn::LoadU(d, r.q1_after + x), q1);
          change = hn::Max(change, hn::Max(hn::Abs(step0), hn::Abs(step1)));
        }
      }
    }
    if constexpr (!kTail) u = hn::LoadU(d, r.u + x + kN);
    if constexpr (!kBottom) hn::StoreU(u_below, d, r.u + x);
  };

  ptrdiff_t x = 0;
  while (x + kN < width) {
    const ptrdiff_t stop = HWY_MIN(width - kN, x + kFlush * kN);
    for (; x < stop; x += kN) at(x, std::false_type());
    if constexpr (kEnergy) {
      squares.flush();
      norms.flush();
    }
  }
  at(x, std::true_type());
  if constexpr (kLater) Shrink(d, slope, from, r.q0_after + x, r.q1_after + x);
  if constexpr (kEnergy) {
    squares.flush();
    norms.flush();
    sums->squares = squares.total();
    sums->norms = norms.total();
  }
  if constexpr (kChange) sums->change = static_cast<double>(hn::GetLane(hn::MaxOfLanes(d, change)));
}

template <Measure kMeasure, class T>
HWY_INLINE void StepOf(bool update, bool bottom, const StepRows<T>& r, const WavefrontJob<T>& job, StepSums<T>* sums) {
  // The change is that of an update.
  if (update || kMeasure == Measure::kEnergyAndChange) {
    if (bottom) return Step<kMeasure, true, true>(r, job.width, job.tau, job.slope, sums);
    return Step<kMeasure, true, false>(r, job.width, job.tau, job.slope, sums);
  }
  if constexpr (kMeasure != Measure::kEnergyAndChange) {
    if (bottom) return Step<kMeasure, false, true>(r, job.width, job.tau, job.slope, sums);
    Step<kMeasure, false, false>(r, job.width, job.tau, job.slope, sums);
  }
}

// The steps at rows i and i + 1, the second one a vector behind the first: what the first one works out for the second
// never leaves the registers. Row by row the two caches between them could not feed the arithmetic.
// u of row i + 1 is not kept.
template <Measure kMeasure, class T>
HWY_NOINLINE void StepPair(const StepRows<T>& first, const StepRows<T>& second, ptrdiff_t width, T tau_value,
                           T slope_value, StepSums<T>* sums) {
  static_assert(kMeasure != Measure::kEnergyAndChange, "the change takes q from before");
  const hn::ScalableTag<T> d;
  using D = hn::ScalableTag<T>;
  constexpr ptrdiff_t kN = static_cast<ptrdiff_t>(kLanes<T>), kPart = kFlush * kN;
  using V = hn::Vec<D>;
  constexpr bool kEnergy = kMeasure != Measure::kNothing;
  constexpr bool kLater = !kEnergy;  // as in Step
  const V tau = hn::Set(d, tau_value), slope = hn::Set(d, slope_value), zero = hn::Zero(d);
  PartSum<T> squares[2], norms[2];
  const StepRows<T> a = first, b = second;

  // Of the vector before: of row i + 1 q, and u; of row i + 2 q1. And the square of row i, that waits for that of row
  // i + 1, so that both sums stand at the same vector.
  V q0_b = zero, q1_b = zero, u_b = zero, q1_c = zero, div_a = zero;
  V u_a = hn::LoadU(d, a.u);
  // What kLater is not yet written: at first zeros, over the zeros before a row.
  Ascent<D> from_a{zero, zero, zero}, from_b = from_a;

  const auto image = [&](const T* row, ptrdiff_t at, bool tail) HWY_ATTR __attribute__((always_inline)) {
    return tail ? LoadFirst(d, row + at, static_cast<size_t>(width - at)) : hn::LoadU(d, row + at);
  };
  const auto masked = [&](V g, ptrdiff_t at, bool tail) HWY_ATTR __attribute__((always_inline)) {
    return tail ? hn::IfThenElseZero(hn::FirstN(d, static_cast<size_t>(width - at - 1)), g) : g;
  };
  // Row i at x, unless x is beyond the row; row i + 1 a vector before, unless x = 0.
  const auto at = [&](ptrdiff_t x, auto a_kind, auto b_kind) HWY_ATTR __attribute__((always_inline)) {
    constexpr int kA = decltype(a_kind)::value, kB = decltype(b_kind)::value;  // 0: none, 1: whole, 2: the tail
    const ptrdiff_t y = x - kN;
    V q0_new = zero, q1_new = zero, u_new = zero, div_new = zero;
    Ascent<D> new_a = from_a;
    if constexpr (kA != 0) {
      __builtin_prefetch(a.ahead + x, 0, 2);
      const V q0 = hn::LoadU(d, a.q0 + x);
      q0_new = hn::LoadU(d, a.q0_next + x);
      q1_new = hn::LoadU(d, a.q1_next + x);
      div_new = hn::Add(hn::Sub(q0_new, q0), hn::Sub(q1_new, hn::LoadU(d, a.q1_next + x - 1)));
      u_new = hn::Add(image(a.image, x, kA == 2), div_new);
      const V gx = masked(hn::Sub(hn::LoadU(d, a.u + x + 1), u_a), x, kA == 2);
      new_a = Ascend(d, tau, hn::Sub(u_new, u_a), gx, q0, hn::LoadU(d, a.q1 + x));
      if constexpr (!kLater) Shrink(d, slope, new_a, a.q0_after + x, a.q1_after + x);
      if constexpr (kA == 1) u_a = hn::LoadU(d, a.u + x + kN);
    }
    if constexpr (kLater) Shrink(d, slope, from_a, a.q0_after + y, a.q1_after + y);
    if constexpr (kB != 0) {
      __builtin_prefetch(b.ahead + y, 0, 2);
      const V q1_next = hn::LoadU(d, b.q1_next + y);
      const V div =
          hn::Add(hn::Sub(hn::LoadU(d, b.q0_next + y), q0_b), hn::Sub(q1_next, PreviousLanes(d, q1_c, q1_next)));
      q1_c = q1_next;
      const V u = hn::Add(image(b.image, y, kB == 2), div);
      const V gx = masked(hn::Sub(NextLanes(d, u_b, u_new), u_b), y, kB == 2);
      const Ascent<D> new_b = Ascend(d, tau, hn::Sub(u, u_b), gx, q0_b, q1_b);
      hn::StoreU(u, d, b.u + y);
      if constexpr (kLater) {
        Shrink(d, slope, from_b, b.q0_after + y - kN, b.q1_after + y - kN);
      } else {
        Shrink(d, slope, new_b, b.q0_after + y, b.q1_after + y);
      }
      from_b = new_b;
      if constexpr (kEnergy) {
        squares[0].add_square(div_a);
        norms[0].add(from_a.norm);
        squares[1].add_square(div);
        norms[1].add(new_b.norm);
      }
    }
    q0_b = q0_new;
    q1_b = q1_new;
    u_b = u_new;
    div_a = div_new;
    from_a = new_a;
  };
  const auto flush = [&]() HWY_ATTR __attribute__((always_inline)) {
    for (int i = 0; kEnergy && i < 2; i++) {
      squares[i].flush();
      norms[i].flush();
    }
  };
  const std::integral_constant<int, 0> none;
  const std::integral_constant<int, 1> whole;
  const std::integral_constant<int, 2> tail;
  const ptrdiff_t last = (width - 1) / kN * kN;
  if (last > 0) {
    at(0, whole, none);
    for (ptrdiff_t x = kN; x < last;) {
      const ptrdiff_t stop = HWY_MIN(last, (x - kN) / kPart * kPart + kPart + kN);
      for (; x < stop; x += kN) at(x, whole, whole);
      if ((x - kN) % kPart == 0) flush();
    }
    at(last, tail, whole);
    flush();
  } else {
    at(0, tail, none);
  }
  at(last + kN, none, tail);
  if constexpr (kLater) Shrink(d, slope, from_b, b.q0_after + last, b.q1_after + last);
  flush();
  for (int i = 0; kEnergy && i < 2; i++) {
    sums[i].squares = squares[i].total();
    sums[i].norms = norms[i].total();
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::tv
HWY_AFTER_NAMESPACE();
#endif
