// The vertical half of a resize, in memory's order: source rows, weighed and summed as whole rows of floats.
#if defined(FASTCV_PREPROCESS_SUM_ROWS) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_PREPROCESS_SUM_ROWS
#undef FASTCV_PREPROCESS_SUM_ROWS
#else
#define FASTCV_PREPROCESS_SUM_ROWS
#endif

#include <cmath>
#include <vector>

#include "preprocess/store-inl.h"
#include "preprocess/tables.hpp"

#ifndef FASTCV_PREPROCESS_SUM_ROWS_ONCE
#define FASTCV_PREPROCESS_SUM_ROWS_ONCE
namespace fastcv::preprocess {
constexpr std::ptrdiff_t kManyRows = 8;  // bytes of so many are summed as integers

// Vertical weights as integers: for each four rows high, then low, w = high * 128 + low. False where their rounding
// could be seen: in a sum of bytes it is at most half a unit for each tap.
inline bool set_quads(Plan* plan) {
  constexpr int kMostBits = 21;  // of a sum of |weights| up to 4: within 31 with a byte
  constexpr double kLevel = 0.04;
  const Taps& rows = plan->rows;
  const int bits = most_bits(rows, 127 * 128, kMostBits);
  if (std::ldexp(kLevel, bits) < 0.5 * 255 * static_cast<double>(rows.taps)) return false;
  plan->tables = {};
  plan->tables.row_bits = bits;
  const std::ptrdiff_t padded = (rows.taps + 3) / 4 * 4;
  std::vector<std::int32_t> taps(static_cast<std::size_t>(padded));
  plan->tables.rows.resize(static_cast<std::size_t>(checked_mul(rows.count, 2 * padded, "Preprocess: image")));
  std::int8_t* to = plan->tables.rows.data();
  for (std::ptrdiff_t y = 0; y < rows.count; y++) {
    integer_taps(rows, y, bits, taps.data());
    for (std::ptrdiff_t t = 0; t < padded; t++) {
      const std::int32_t high = (taps[t] + 64) >> 7;
      std::int8_t* four = to + 2 * (t / 4 * 4) + t % 4;
      four[0] = static_cast<std::int8_t>(high);
      four[4] = static_cast<std::int8_t>(taps[t] - high * 128);
    }
    to += 2 * padded;
  }
  return true;
}
}  // namespace fastcv::preprocess
#endif

HWY_BEFORE_NAMESPACE();
#undef FASTCV_HAVE_BYTE_QUADS
#if HWY_TARGET == HWY_AVX3_DL && HWY_COMPILER_GCC_ACTUAL
#define FASTCV_HAVE_BYTE_QUADS 1
HWY_PRAGMA(GCC target("avx512vnni"))  // part of the target, and asked for when it is chosen; only its name is missing
#else
#define FASTCV_HAVE_BYTE_QUADS 0
#endif
namespace fastcv::preprocess {
namespace HWY_NAMESPACE {

template <class T>
HWY_INLINE VF FloatsOf(hn::Vec<hn::Rebind<T, DF>> v) {
  if constexpr (sizeof(T) == 4) {
    return v;
  } else {
    return hn::ConvertTo(DF(), hn::PromoteTo(hn::RebindToSigned<DF>(), v));
  }
}

// line[i] = sum of weight[t] * row t [i], i < count.
template <class T>
HWY_NOINLINE void SumRows(const uint8_t* first, ptrdiff_t stride, const float* weight, ptrdiff_t taps, ptrdiff_t count,
                          float* line) {
  const DF d;
  const hn::Rebind<T, DF> dt;
  const auto row = [=](ptrdiff_t t) { return reinterpret_cast<const T*>(first + t * stride); };
  const ptrdiff_t block = 4 * kLanes;
  ptrdiff_t i = 0;
  for (; i + block <= count; i += block) {
    VF sum[4];
    VF w = hn::Set(d, weight[0]);
    const T* p = row(0) + i;
    HWY_PRAGMA(GCC unroll 4)
    for (int k = 0; k < 4; k++) sum[k] = hn::Mul(FloatsOf<T>(hn::LoadU(dt, p + k * kLanes)), w);
    for (ptrdiff_t t = 1; t < taps; t++) {
      w = hn::Set(d, weight[t]);
      p = row(t) + i;
      HWY_PRAGMA(GCC unroll 4)
      for (int k = 0; k < 4; k++) sum[k] = hn::MulAdd(FloatsOf<T>(hn::LoadU(dt, p + k * kLanes)), w, sum[k]);
    }
    HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < 4; k++) hn::StoreU(sum[k], d, line + i + k * kLanes);
  }
  for (; i < count; i += kLanes) {
    const ptrdiff_t n = count - i;
    const auto load = [&](ptrdiff_t t) HWY_ATTR __attribute__((always_inline)) {
      return FloatsOf<T>(n >= kLanes ? hn::LoadU(dt, row(t) + i) : LoadFirst(dt, row(t) + i, static_cast<size_t>(n)));
    };
    VF sum = hn::Mul(load(0), hn::Set(d, weight[0]));
    for (ptrdiff_t t = 1; t < taps; t++) sum = hn::MulAdd(load(t), hn::Set(d, weight[t]), sum);
    hn::StoreU(sum, d, line + i);
  }
}

#if FASTCV_HAVE_BYTE_QUADS
// The same of bytes: four rows a time, in exact integers. Weights as set_quads() makes them; unit: 2^-bits.
HWY_NOINLINE void SumManyRows(const uint8_t* first, ptrdiff_t stride, const int8_t* weight, ptrdiff_t taps, float unit,
                              ptrdiff_t count, float* line) {
  const DF d;
  const hn::ScalableTag<uint8_t> d8;
  const hn::ScalableTag<uint16_t> d16;
  const hn::ScalableTag<int32_t> d32;
  using V8 = hn::Vec<decltype(d8)>;
  using V32 = hn::Vec<decltype(d32)>;
  const auto four = [&](const int8_t* w) HWY_ATTR __attribute__((always_inline)) {
    int32_t bits;
    memcpy(&bits, w, 4);
    return hn::Set(d32, bits);
  };
  for (ptrdiff_t i = 0; i < count; i += 64) {
    const ptrdiff_t n = count - i;
    V32 high[4], low[4];
    HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < 4; k++) high[k] = low[k] = hn::Zero(d32);
    for (ptrdiff_t t = 0; t < taps; t += 4) {
      V8 row[4];
      HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < 4; k++) {
        const uint8_t* p = first + HWY_MIN(t + k, taps - 1) * stride + i;  // beyond the last one weights are 0
        row[k] = HWY_LIKELY(n >= 64) ? hn::LoadU(d8, p) : LoadFirst(d8, p, static_cast<size_t>(n));
      }
      const auto pairs = [&](V8 v) HWY_ATTR __attribute__((always_inline)) { return hn::BitCast(d16, v); };
      const auto lower = pairs(hn::InterleaveLower(d8, row[0], row[1])),
                 upper = pairs(hn::InterleaveUpper(d8, row[0], row[1]));
      const auto lower2 = pairs(hn::InterleaveLower(d8, row[2], row[3])),
                 upper2 = pairs(hn::InterleaveUpper(d8, row[2], row[3]));
      const hn::Vec<decltype(d16)> quads[4] = {
          hn::InterleaveLower(d16, lower, lower2), hn::InterleaveUpper(d16, lower, lower2),
          hn::InterleaveLower(d16, upper, upper2), hn::InterleaveUpper(d16, upper, upper2)};
      const V32 w_high = four(weight + 2 * t), w_low = four(weight + 2 * t + 4);
      HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < 4; k++) {
        high[k] = V32{_mm512_dpbusd_epi32(high[k].raw, quads[k].raw, w_high.raw)};
        low[k] = V32{_mm512_dpbusd_epi32(low[k].raw, quads[k].raw, w_low.raw)};
      }
    }
    // Block b of vector k holds columns 16 b + 4 k and on.
    VF v[4];
    HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < 4; k++) {
      v[k] = hn::Mul(hn::ConvertTo(d, hn::Add(hn::ShiftLeft<7>(high[k]), low[k])), hn::Set(d, unit));
    }
    const VF a = EvenBlocksOf(d, v[1], v[0]), b = OddBlocksOf(d, v[1], v[0]), c = EvenBlocksOf(d, v[3], v[2]),
             e = OddBlocksOf(d, v[3], v[2]);
    hn::StoreU(EvenBlocksOf(d, c, a), d, line + i);
    hn::StoreU(EvenBlocksOf(d, e, b), d, line + i + 16);
    hn::StoreU(OddBlocksOf(d, c, a), d, line + i + 32);
    hn::StoreU(OddBlocksOf(d, e, b), d, line + i + 48);
  }
}
#endif

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::preprocess
HWY_AFTER_NAMESPACE();
#endif
