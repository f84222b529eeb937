// The correctly rounded quotient of a window's sum and its count of pixels, in the lanes of the sum.
#if defined(FASTCV_BOX_BLUR_GENERAL_DIVIDE) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_BOX_BLUR_GENERAL_DIVIDE
#undef FASTCV_BOX_BLUR_GENERAL_DIVIDE
#else
#define FASTCV_BOX_BLUR_GENERAL_DIVIDE
#endif

#include "box_blur/general_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::box {
namespace HWY_NAMESPACE {

// Pixels in the windows of the band's rows (from its first lane on) and of the chunk's flat columns.
struct Counts {
  const double *row, *row_inverse, *column, *column_inverse;
  Rounding rounding;
};

// In double arithmetic q = floor((s + 1/4) * inverse + 1/2 (or 0)) is exact while count <= 2^32: the exact
// value lies at least 1 / (4 count) >= 2^-34 from the next integer, and q <= 2^16 with four roundings of the
// product and one of the sum errs by less than 2^16 * 4 * 2^-53 + 2^-38 < 2^-34. (s < 2^48: s + 1/4 is
// exact.)
inline bool fits_double(int64_t area) { return area <= (int64_t{1} << 32); }

// The same for colour / alpha with one division: sum of alpha < 2^34, sum of colour * alpha < 2^50.
inline bool fits_double_colour(int64_t area, int64_t largest) {
  return area < (int64_t{1} << 34) / largest && area < (int64_t{1} << 50) / (largest * largest);
}

// `v` times a scalar, modulo the lanes' width.
template <class D, class V>
HWY_INLINE V TimesWeight(D d, V v, hn::TFromD<D> weight) {
  if constexpr (sizeof(hn::TFromD<D>) == 8) {
    const hn::Repartition<uint32_t, D> d32;
    const auto low = hn::BitCast(d32, hn::Set(d, weight)), high = hn::BitCast(d32, hn::Set(d, weight >> 32));
    const auto v32 = hn::BitCast(d32, v), v_high = hn::BitCast(d32, hn::ShiftRight<32>(v));
    const auto crossed = hn::Add(hn::MulEven(v32, high), hn::MulEven(v_high, low));
    return hn::Add(hn::MulEven(v32, low), hn::ShiftLeft<32>(crossed));
  } else {
    return hn::Mul(v, hn::Set(d, weight));
  }
}

// A whole number in double lanes; a tie that went up to an odd number comes down again for kEven.
template <class DF, class V>
HWY_INLINE V RoundDouble(DF d, V mean, V sum, V count, Rounding rounding) {
  if (rounding == Rounding::kFloor) return hn::Floor(mean);
  const V half = hn::Set(d, 0.5);
  const V q = hn::Floor(hn::Add(mean, half));
  if (rounding == Rounding::kNearest) return q;
  const auto tie = hn::Eq(hn::Mul(q, count), hn::Add(sum, hn::Mul(count, half)));  // both exact
  const V q_half = hn::Mul(q, half);
  const auto odd = hn::Ne(q_half, hn::Floor(q_half));
  return hn::IfThenElse(hn::And(tie, odd), hn::Sub(q, hn::Set(d, 1.0)), q);
}

template <class DF, class V>
HWY_INLINE V MeanDouble(DF d, V sum, const Counts& counts, size_t column, size_t lane) {
  const V inverse = hn::Mul(hn::LoadU(d, counts.row_inverse + lane), hn::Set(d, counts.column_inverse[column]));
  const V count = hn::Mul(hn::LoadU(d, counts.row + lane), hn::Set(d, counts.column[column]));
  return RoundDouble(d, hn::Mul(hn::Add(sum, hn::Set(d, 0.25)), inverse), sum, count, counts.rounding);
}

// Unsigned 64-bit lanes below 2^52 to double and back: the bits of 2^52 + s are those of s with an exponent.
template <class D, class V>
HWY_INLINE hn::Vec<hn::ScalableTag<double>> ToDouble(D d, V v) {
  const hn::ScalableTag<double> df;
  const auto power = hn::Set(df, 4503599627370496.0);
  return hn::Sub(hn::BitCast(df, hn::Or(v, hn::BitCast(d, power))), power);
}
template <class D, class VF>
HWY_INLINE hn::Vec<D> FromDouble(D d, VF v) {
  const hn::ScalableTag<double> df;
  const auto power = hn::Set(df, 4503599627370496.0);
  return hn::Xor(hn::BitCast(d, hn::Add(v, power)), hn::BitCast(d, power));
}

// ---- the quotients: (sums of the chunk, flat column, first lane) -> lanes of the sums' type
// -------------------

// 32-bit sums, one divisor for all.
template <size_t kRows>
struct MagicQuotient {
  Magic magic;
  HWY_INLINE hn::Vec<hn::ScalableTag<uint32_t>> operator()(const uint32_t* sums, size_t column, size_t lane) const {
    return of(hn::Load(hn::ScalableTag<uint32_t>(), sums + column * kRows + lane));
  }
  HWY_INLINE hn::Vec<hn::ScalableTag<uint32_t>> of(hn::Vec<hn::ScalableTag<uint32_t>> sum) const {
    const hn::ScalableTag<uint32_t> d;
    const hn::ScalableTag<uint64_t> d64;
    const auto x = hn::Add(sum, hn::Set(d, magic.bias));
    const auto multiplier = hn::Set(d, magic.multiplier);
    const auto even = hn::ShiftRight<32>(hn::MulEven(x, multiplier));
    const auto odd = hn::MulEven(hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(d64, x))), multiplier);
    const auto high = hn::OddEven(hn::BitCast(d, odd), hn::BitCast(d, even));
    const auto q = hn::ShiftRightSame(high, magic.shift);
    if (!magic.even) return q;
    const auto tie = hn::Eq(hn::Mul(q, hn::Set(d, magic.area)), x);
    return hn::Sub(q, hn::IfThenElseZero(tie, hn::And(q, hn::Set(d, 1))));
  }
};

// 32-bit sums, one divisor for all, where a float's multiply-add is exact. Leaves the bits of kRounder in the
// lanes.
template <size_t kRows>
struct FloatQuotient {
  FloatMagic magic;
  HWY_INLINE hn::Vec<hn::ScalableTag<uint32_t>> operator()(const uint32_t* sums, size_t column, size_t lane) const {
    return of(hn::Load(hn::ScalableTag<uint32_t>(), sums + column * kRows + lane));
  }
  HWY_INLINE hn::Vec<hn::ScalableTag<uint32_t>> of(hn::Vec<hn::ScalableTag<uint32_t>> sum) const {
    const hn::ScalableTag<uint32_t> d;
    const hn::ScalableTag<int32_t> di;
    const hn::ScalableTag<float> df;
    const auto x = hn::ConvertTo(df, hn::Add(hn::BitCast(di, sum), hn::Set(di, magic.bias)));
    return hn::BitCast(d, hn::MulAdd(x, hn::Set(df, magic.inverse), hn::Set(df, kRounder)));
  }
};

// 32-bit sums below 2^31, a divisor for every lane and column.
template <size_t kRows>
struct ShrinkQuotient {
  Counts counts;
  HWY_INLINE hn::Vec<hn::ScalableTag<uint32_t>> operator()(const uint32_t* sums, size_t column, size_t lane) const {
    const hn::ScalableTag<uint32_t> d;
    const hn::ScalableTag<double> df;
    const hn::Rebind<int32_t, hn::ScalableTag<double>> di;
    const int32_t* from = reinterpret_cast<const int32_t*>(sums + column * kRows + lane);
    const auto low = MeanDouble(df, hn::PromoteTo(df, hn::Load(di, from)), counts, column, lane);
    const size_t next = hn::MaxLanes(df);
    const auto high = MeanDouble(df, hn::PromoteTo(df, hn::Load(di, from + next)), counts, column, lane + next);
    const hn::Twice<decltype(di)> both;
    return hn::BitCast(d, hn::Combine(both, hn::DemoteTo(di, high), hn::DemoteTo(di, low)));
  }
};

// 64-bit sums.
template <size_t kRows>
struct WideQuotient {
  Counts counts;
  bool in_double;
  HWY_INLINE hn::Vec<hn::ScalableTag<uint64_t>> operator()(const uint64_t* sums, size_t column, size_t lane) const {
    const hn::ScalableTag<uint64_t> d;
    const uint64_t* from = sums + column * kRows + lane;
    if (!in_double) return exact(from, column, lane);
    return FromDouble(d, MeanDouble(hn::ScalableTag<double>(), ToDouble(d, hn::Load(d, from)), counts, column, lane));
  }

  HWY_NOINLINE hn::Vec<hn::ScalableTag<uint64_t>> exact(const uint64_t* from, size_t column, size_t lane) const {
    const hn::ScalableTag<uint64_t> d;
    alignas(64) uint64_t q[kLanes<uint64_t>];
    for (size_t i = 0; i < kLanes<uint64_t>; i++) {
      const uint64_t count = static_cast<uint64_t>(counts.row[lane + i]) * static_cast<uint64_t>(counts.column[column]);
      q[i] = exact_quotient(from[i], count, counts.rounding);
    }
    return hn::Load(d, q);
  }
};

// 64-bit sums of colour * alpha and of alpha: the colour is their quotient, 0 where nothing is opaque.
template <size_t kRows>
struct PremultipliedQuotient {
  Counts counts;
  bool in_double;
  HWY_INLINE hn::Vec<hn::ScalableTag<uint64_t>> operator()(const uint64_t* sums, size_t column, size_t lane) const {
    const hn::ScalableTag<uint64_t> d;
    const hn::ScalableTag<double> df;
    if (column % 4 == 3) return WideQuotient<kRows>{counts, in_double}(sums, column, lane);
    const uint64_t* from = sums + column * kRows + lane;
    const uint64_t* alphas = sums + (column | 3) * kRows + lane;
    if (!in_double) return exact(from, alphas);
    const auto sum = ToDouble(d, hn::Load(d, from)), alpha = ToDouble(d, hn::Load(d, alphas));
    const auto mean = hn::Div(hn::Add(sum, hn::Set(df, 0.25)), alpha);
    const auto opaque = hn::Ne(alpha, hn::Zero(df));
    return FromDouble(d, hn::IfThenElseZero(opaque, RoundDouble(df, mean, sum, alpha, counts.rounding)));
  }

  HWY_NOINLINE hn::Vec<hn::ScalableTag<uint64_t>> exact(const uint64_t* from, const uint64_t* alphas) const {
    const hn::ScalableTag<uint64_t> d;
    alignas(64) uint64_t q[kLanes<uint64_t>];
    for (size_t i = 0; i < kLanes<uint64_t>; i++) {
      q[i] = alphas[i] ? exact_quotient(from[i], alphas[i], counts.rounding) : 0;
    }
    return hn::Load(d, q);
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::box
HWY_AFTER_NAMESPACE();
#endif
