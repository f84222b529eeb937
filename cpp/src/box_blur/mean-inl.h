// From window sums to output bytes: the kinds of MeanKind in vectors.
#if defined(FASTCV_MEAN_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_MEAN_INL
#undef FASTCV_MEAN_INL
#else
#define FASTCV_MEAN_INL
#endif

#include "box_blur/difference.hpp"
#include "box_blur/window-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv {
namespace HWY_NAMESPACE {
namespace {

using box::MeanKind;

constexpr hn::ScalableTag<float> kFloats;
constexpr hn::ScalableTag<int32_t> kInts;
using VF = hn::Vec<decltype(kFloats)>;
using V32 = hn::Vec<decltype(kInts)>;
constexpr int kLanes32 = kVector / 4;

struct MeanVectors {
  V16 magic, area, offset, resting, lift, highest;
  VF inverse, float_area, float_resting;
  int shift;
  bool even;
};
HWY_INLINE MeanVectors Broadcast(const box::Mean& m) {
  return {hn::Set(kWords, m.magic),
          hn::Set(kWords, m.area),
          hn::Set(kWords, m.offset),
          hn::Set(kWords, m.resting),
          hn::Set(kWords, m.lift),
          hn::Set(kWords, static_cast<uint16_t>(m.resting + m.area - 1)),
          hn::Set(kFloats, m.inverse),
          hn::Set(kFloats, m.float_area),
          hn::Set(kFloats, m.float_resting),
          m.shift,
          m.even};
}

HWY_INLINE V8 Interleave(V16 even, V16 odd_high) {
  return hn::BitCast(kBytes, hn::OrAnd(even, odd_high, hn::Set(kWords, 0xFF00)));
}
HWY_INLINE V16 IfEqual(V16 a, V16 b, V16 then) { return hn::And(hn::VecFromMask(kWords, hn::Eq(a, b)), then); }

// The bytes of the state after adding the window sums.
HWY_INLINE V8 FinishSum(const MeanVectors& m, V16& even, V16& odd, V16 even_sum, V16 odd_sum) {
  even = hn::Add(even, even_sum);
  odd = hn::Add(odd, odd_sum);
  V16 qe = hn::ShiftRightSame(hn::MulHigh(even, m.magic), m.shift);
  V16 qo = hn::MulHigh(odd, m.magic);
  if (HWY_LIKELY(!m.even)) return Interleave(qe, hn::ShiftLeftSame(qo, 8 - m.shift));
  // The tie of an even area is where quotient * area is the biased sum itself.
  const V16 one = hn::Set(kWords, 1);
  qo = hn::ShiftRightSame(qo, m.shift);
  qe = hn::Sub(qe, IfEqual(hn::Add(hn::Mul(qe, m.area), m.resting), even, hn::And(qe, one)));
  qo = hn::Sub(qo, IfEqual(hn::Add(hn::Mul(qo, m.area), m.resting), odd, hn::And(qo, one)));
  return Interleave(qe, hn::ShiftLeft<8>(qo));
}

// The bytes of two by two or three by three sums.
HWY_INLINE V8 FinishDirect(const MeanVectors& m, V16 even_sum, V16 odd_sum) {
  const hn::RebindToSigned<decltype(kWords)> di;
  const auto magic = hn::BitCast(di, m.magic);
  const auto qe = hn::MulFixedPoint15(hn::BitCast(di, even_sum), magic);
  const auto qo = hn::MulFixedPoint15(hn::BitCast(di, odd_sum), magic);
  return hn::BitCast(kBytes, hn::Or(qe, hn::ShiftLeft<8>(qo)));
}

// Adds a change to the remainder and takes the quotient out of it.
template <MeanKind kKind>
HWY_INLINE V16 Divide(const MeanVectors& m, V16& state, V16 change) {
  const V16 sum = hn::Add(state, change);
  const V16 dividend = kKind == MeanKind::kRemainder ? sum : hn::AverageRound(state, hn::Add(change, m.lift));
  const V16 q = hn::Sub(hn::ShiftRightSame(hn::MulHigh(dividend, m.magic), m.shift), m.offset);
  state = hn::Sub(sum, hn::Mul(q, m.area));
  if constexpr (kKind == MeanKind::kRemainder) {
    return q;
  } else {
    const auto one_more = hn::Gt(state, m.highest);
    state = MaskedSubOr(state, one_more, state, m.area);
    return MaskedSubOr(q, one_more, q, hn::Set(kWords, 0xFFFF));
  }
}

// What is kept for one vector of output bytes.
template <MeanKind kKind>
struct State {
  static constexpr ptrdiff_t kScale = 2;  // bytes of state for a byte of output
  V16 even, odd;
  HWY_INLINE State() {}  // an implicit one is compiled without the target's instructions, which GCC refuses on ARM
  HWY_INLINE void Load(const uint8_t* p) {
    even = hn::BitCast(kWords, hn::Load(kBytes, p));
    odd = hn::BitCast(kWords, hn::Load(kBytes, p + kVector));
  }
  HWY_INLINE void Store(uint8_t* p) const {
    hn::Store(hn::BitCast(kBytes, even), kBytes, p);
    hn::Store(hn::BitCast(kBytes, odd), kBytes, p + kVector);
  }
};
// The lower and the upper words of each 16-byte block apart.
template <>
struct State<MeanKind::kFloatRemainder> {
  static constexpr ptrdiff_t kScale = 4;
  VF even_lower, even_upper, odd_lower, odd_upper;
  HWY_INLINE State() {}
  HWY_INLINE void Load(const uint8_t* p) {
    const float* f = reinterpret_cast<const float*>(p);
    even_lower = hn::Load(kFloats, f);
    even_upper = hn::Load(kFloats, f + kLanes32);
    odd_lower = hn::Load(kFloats, f + 2 * kLanes32);
    odd_upper = hn::Load(kFloats, f + 3 * kLanes32);
  }
  HWY_INLINE void Store(uint8_t* p) const {
    float* f = reinterpret_cast<float*>(p);
    hn::Store(even_lower, kFloats, f);
    hn::Store(even_upper, kFloats, f + kLanes32);
    hn::Store(odd_lower, kFloats, f + 2 * kLanes32);
    hn::Store(odd_upper, kFloats, f + 3 * kLanes32);
  }
};

// Adds changes to centred remainders, takes the quotients out of them, and returns these.
HWY_INLINE V32 DivideFloats(const MeanVectors& m, VF& state, V16 pairs) {
  const VF magic = hn::Set(kFloats, 12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer in the lowest bits
  const VF sum = hn::Add(state, hn::ConvertTo(kFloats, SumsOf2(pairs)));
  const VF shifted = hn::MulAdd(sum, m.inverse, magic);
  state = hn::NegMulAdd(hn::Sub(shifted, magic), m.float_area, sum);
  return hn::Sub(hn::BitCast(kInts, shifted), hn::BitCast(kInts, magic));
}
HWY_INLINE V16 DivideFloats(const MeanVectors& m, VF& lower, VF& upper, V16 newer, V16 older) {
  const hn::RebindToSigned<decltype(kWords)> di;
  const V32 ql = DivideFloats(m, lower, hn::InterleaveLower(kWords, newer, older));
  const V32 qu = DivideFloats(m, upper, hn::InterleaveUpper(kWords, newer, older));
  return hn::BitCast(kWords, hn::ReorderDemote2To(di, ql, qu));
}
HWY_INLINE V16 TiesOf(const MeanVectors& m, VF lower, VF upper) {
  const hn::RebindToSigned<decltype(kWords)> di;
  const auto tie = [&](VF state) HWY_ATTR __attribute__((always_inline)) {
    return hn::BitCast(kInts, hn::VecFromMask(kFloats, hn::Eq(state, m.float_resting)));
  };
  return hn::And(hn::BitCast(kWords, hn::ReorderDemote2To(di, tie(lower), tie(upper))), hn::Set(kWords, 1));
}

// The sums of one row of a pass, kRow 0 the upper.
template <int kRow, int M>
HWY_INLINE V16 RowOf(const Group<M>& g) {
  if constexpr (M == 1) {
    return g.v;
  } else {
    return kRow == 0 ? g.lo.v : g.hi.v;
  }
}

// The output bytes of one row. `above`: the output of the row above becomes that of this row (before ties are rounded
// to even).
template <MeanKind kKind, int kRow, class Sums>
HWY_INLINE V8 Finish(const MeanVectors& m, State<kKind>& state, const Sums& even_sum, const Sums& odd_sum, V8& above) {
  V16 qe, qo;
  if constexpr (kKind == MeanKind::kSum) {
    return FinishSum(m, state.even, state.odd, RowOf<kRow>(even_sum), RowOf<kRow>(odd_sum));
  } else if constexpr (kKind == MeanKind::kFloatRemainder) {
    qe = DivideFloats(m, state.even_lower, state.even_upper, RowOf<kRow>(even_sum.newer), RowOf<kRow>(even_sum.older));
    qo = DivideFloats(m, state.odd_lower, state.odd_upper, RowOf<kRow>(odd_sum.newer), RowOf<kRow>(odd_sum.older));
  } else {
    qe = Divide<kKind>(m, state.even, RowOf<kRow>(even_sum));
    qo = Divide<kKind>(m, state.odd, RowOf<kRow>(odd_sum));
  }
  if constexpr (kKind != MeanKind::kSum) {
    const V16 change = hn::IfVecThenElse(hn::Set(kWords, 0x00FF), qe, hn::ShiftLeft<8>(qo));
    above = hn::Add(above, hn::BitCast(kBytes, change));
    if (HWY_LIKELY(!m.even)) return above;
    V16 tie;
    if constexpr (kKind == MeanKind::kFloatRemainder) {
      tie = hn::Or(TiesOf(m, state.even_lower, state.even_upper),
                   hn::ShiftLeft<8>(TiesOf(m, state.odd_lower, state.odd_upper)));
    } else {
      const V16 one = hn::Set(kWords, 1);
      tie = hn::Or(IfEqual(state.even, m.resting, one), IfEqual(state.odd, m.resting, hn::ShiftLeft<8>(one)));
    }
    return hn::Sub(above, hn::And(above, hn::BitCast(kBytes, tie)));
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fastcv
HWY_AFTER_NAMESPACE();
#endif
