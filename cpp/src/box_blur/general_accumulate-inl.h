// Sums of floating-point numbers, made of additions only (van Herk): an axis is cut into blocks of the
// window's size, at multiples of it; a window is the end of one block, from the stored sums of suffixes, and
// the beginning of the next, a running sum. So a window's bytes depend on nothing outside it. float is added
// in double; double in pairs (high + what rounding took away).
#if defined(FASTCV_BOX_BLUR_GENERAL_ACCUMULATE) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_BOX_BLUR_GENERAL_ACCUMULATE
#undef FASTCV_BOX_BLUR_GENERAL_ACCUMULATE
#else
#define FASTCV_BOX_BLUR_GENERAL_ACCUMULATE
#endif

#include <algorithm>

#include "box_blur/general_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::box {
namespace HWY_NAMESPACE {

constexpr hn::ScalableTag<double> kDouble{};
using Doubles = hn::Vec<hn::ScalableTag<double>>;

// The sums of kVectors vectors of lanes, each in double or, kPaired, in two doubles.
template <int kVectors, bool kPaired>
struct Accumulator {
  static constexpr size_t kSize = kVectors * kLanes<double> * (kPaired ? 2 : 1);  // doubles in memory
  Pack<Doubles, kVectors> high, low;

  Accumulator() = default;
  HWY_INLINE Accumulator(const Accumulator& o) : high(o.high), low(o.low) {}
  HWY_INLINE Accumulator& operator=(const Accumulator& o) {
    high = o.high;
    low = o.low;
    return *this;
  }

  HWY_INLINE void clear() {
    HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kVectors; i++) high.v[i] = low.v[i] = hn::Zero(kDouble);
  }

  HWY_INLINE void set(int i, Doubles value) {
    high.v[i] = value;
    low.v[i] = hn::Zero(kDouble);
  }

  HWY_INLINE void add(int i, Doubles value) {
    const Doubles sum = hn::Add(high.v[i], value);
    if (kPaired) {  // TwoSum (Knuth)
      const Doubles part = hn::Sub(sum, high.v[i]);
      const Doubles lost = hn::Add(hn::Sub(high.v[i], hn::Sub(sum, part)), hn::Sub(value, part));
      low.v[i] = hn::Add(low.v[i], lost);
    }
    high.v[i] = sum;
  }

  HWY_INLINE void add(const Accumulator& other) {
    HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kVectors; i++) {
      add(i, other.high.v[i]);
      if (kPaired) low.v[i] = hn::Add(low.v[i], other.low.v[i]);
    }
  }

  // Behind an infinity `low` is NaN, and says nothing.
  HWY_INLINE Doubles total(int i) const {
    if (!kPaired) return high.v[i];
    return hn::IfThenElse(hn::IsFinite(high.v[i]), hn::Add(high.v[i], low.v[i]), high.v[i]);
  }

  HWY_INLINE void load(const double* from) {
    HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kVectors; i++) {
      high.v[i] = hn::Load(kDouble, from + i * kLanes<double>);
      low.v[i] = kPaired ? hn::Load(kDouble, from + (kVectors + i) * kLanes<double>) : hn::Zero(kDouble);
    }
  }

  HWY_INLINE void store(double* to) const {
    HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kVectors; i++) {
      hn::Store(high.v[i], kDouble, to + i * kLanes<double>);
      if (kPaired) hn::Store(low.v[i], kDouble, to + (kVectors + i) * kLanes<double>);
    }
  }
};

// Windows along one axis, whichever: `each(p, fn)` calls fn(i, doubles) for the vectors at position p.
// `state` keeps the running sum of the block's beginning, the sum of `extra`, then the suffixes.
template <class Sum>
struct VanHerk {
  static constexpr size_t kPrefix = 0, kExtra = Sum::kSize, kSuffix = 2 * Sum::kSize;
  static ptrdiff_t state_size(ptrdiff_t window) { return (window + 2) * static_cast<ptrdiff_t>(Sum::kSize); }

  // Windows of three are summed as they are.
  static bool is_three(const AxisPlan& plan) { return plan.window == 3 && plan.extra.empty(); }

  // The sums from each of the positions [first, window) of the block at `block` to the block's end.
  template <class Each>
  static HWY_INLINE Sum suffixes(ptrdiff_t block, ptrdiff_t first, ptrdiff_t window, double* state, const Each& each) {
    Sum sum;
    sum.clear();
    for (ptrdiff_t p = window - 1; p >= first; p--) {
      each(block + p, [&](int i, Doubles v) HWY_ATTR __attribute__((always_inline)) { sum.add(i, v); });
      sum.store(state + kSuffix + p * Sum::kSize);
    }
    return sum;
  }

  // Makes ready for output `at`, which stands `inside` positions behind its block's beginning. Positions
  // count from the first output, so the block begins at -inside.
  template <class Each, class EachTerm>
  static HWY_INLINE void start(ptrdiff_t inside, ptrdiff_t window, const AxisPlan& plan, double* state,
                               const Each& each, const EachTerm& each_term) {
    Sum sum;
    sum.clear();
    for (const AxisPlan::Term& term : plan.extra) {
      const Doubles weight = hn::Set(kDouble, static_cast<double>(term.weight));
      each_term(term.index,
                [&](int i, Doubles v) HWY_ATTR __attribute__((always_inline)) { sum.add(i, hn::Mul(v, weight)); });
    }
    sum.store(state + kExtra);
    sum.clear();
    if (inside > 0) {
      suffixes(-inside, inside, window, state, each);
      for (ptrdiff_t p = window - inside; p < window - 1; p++) {
        each(p, [&](int i, Doubles v) HWY_ATTR __attribute__((always_inline)) { sum.add(i, v); });
      }
    }
    sum.store(state + kPrefix);
  }

  // The windows of outputs [at, at + count): emit(output, sum). Keeps the running sum in `state`.
  template <class Each, class Emit>
  static HWY_INLINE void blocks(ptrdiff_t at, ptrdiff_t count, ptrdiff_t inside, ptrdiff_t window, bool has_extra,
                                double* state, const Each& each, const Emit& emit) {
    const auto finish = [&](ptrdiff_t i, Sum& sum) HWY_ATTR __attribute__((always_inline)) {
      if (has_extra) {
        Sum extra;
        extra.load(state + kExtra);
        sum.add(extra);
      }
      emit(i, sum);
    };
    Sum prefix;
    prefix.load(state + kPrefix);
    for (ptrdiff_t i = 0; i < count;) {
      if (inside == 0) {  // the window is the block
        Sum whole = suffixes(at + i, 0, window, state, each);
        finish(i++, whole);
        prefix.clear();
        inside = 1;
      }
      const ptrdiff_t end = std::min(count, i + window - inside);
      for (; i < end; i++, inside++) {
        each(at + i + window - 1, [&](int k, Doubles v) HWY_ATTR __attribute__((always_inline)) { prefix.add(k, v); });
        Sum sum;
        sum.load(state + kSuffix + inside * Sum::kSize);
        sum.add(prefix);
        finish(i, sum);
      }
      if (inside == window) inside = 0;
    }
    prefix.store(state + kPrefix);
  }

  // The same for a window of three without `extra`, as (a + b) + c: nothing is stored, nothing read twice.
  template <class Each, class Emit>
  static HWY_INLINE void of_three(ptrdiff_t at, ptrdiff_t count, const Each& each, const Emit& emit) {
    Sum pair, last;
    pair.clear();
    last.clear();
    each(at, [&](int i, Doubles v) HWY_ATTR __attribute__((always_inline)) { last.set(i, v); });
    each(at + 1, [&](int i, Doubles v) HWY_ATTR __attribute__((always_inline)) {
      pair.set(i, last.high.v[i]);
      pair.add(i, v);
      last.set(i, v);
    });
    for (ptrdiff_t i = 0; i < count; i++) {
      Sum sum(pair);
      each(at + i + 2, [&](int k, Doubles v) HWY_ATTR __attribute__((always_inline)) {
        sum.add(k, v);
        pair.set(k, last.high.v[k]);
        pair.add(k, v);
        last.set(k, v);
      });
      emit(i, sum);
    }
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::box
HWY_AFTER_NAMESPACE();
#endif
