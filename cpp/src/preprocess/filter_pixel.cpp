// 8-bit images of three or four channels, several taps, for SIMD targets that cannot take any byte of a window, and for
// windows that are too wide. Vertical first, whole rows in 16 bits; then each output's pixels, loaded by themselves
// from that one line.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "preprocess/filter_pixel.cpp"
#include <cmath>

#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "preprocess/kernels.hpp"
#include "preprocess/rows-inl.h"

#ifndef FASTCV_PREPROCESS_FILTER_PIXEL_ONCE
#define FASTCV_PREPROCESS_FILTER_PIXEL_ONCE
namespace fastcv::preprocess {
// Sums of more taps would carry too much of their weights' rounding.
constexpr std::ptrdiff_t kMostRows = 12, kMostColumns = 64;
// A line holds 16-bit values in units of 1/64 level: a sum of |weights| of 1.9 fits (lanczos has 1.8). Where no weight
// is negative or all of the sum, in units of 1/128, from weights of 14 bits. Where that of 13 bits costs too much, 14
// bits in units of 1/64 too: the low parts of two rows do not fit one sum then.
constexpr double kMostWeight = 1.9;
constexpr int kRowBits = 13, kFineRowBits = 14;
constexpr int kLineBits = 6, kFineLineBits = 7;
inline int low_bits(const Tables& t) { return t.row_bits - t.line_bits; }  // of the vertical weights
// Bits of horizontal weights: 1.9 * 255 * 2^6 * 1.9 * 2^15, and 2^15 * 2^16 without negative ones, are within 31.
constexpr int kSomeColumnBits = 15, kFineColumnBits = 16;

inline std::size_t line_bytes(const Plan& p) {  // a vector is written, and four pixels are read, beyond the last one
  return rounded_up(static_cast<std::size_t>((p.columns.end - p.columns.begin) * p.key.channels * 2) + 256);
}
}  // namespace fastcv::preprocess
#endif

HWY_BEFORE_NAMESPACE();
namespace fastcv::preprocess {
namespace HWY_NAMESPACE {

#if FASTCV_HAVE_BYTE_DOTS

// ---- vertical ------------------------------------------------------------------------------

// Sums of the lower and upper eight bytes of each block; what the low parts of the weights add, times 16.
struct LineSums {
  V16 low, high, low_rest, high_rest;
};

// Adds (a * w0 + b * w1) / 2^7, w = high * 128 + low. 16 * 255 * 64 * 2 / 2^7 of six pairs is within 15 bits.
HWY_INLINE void AddRows(V8 a, V8 b, V8 high, V8 low, LineSums* sums) {
  const D16 d16;
  const D8 d8;
  const V16 shift_down = hn::Set(d16, 256 * 16);  // a product / 2^7 * 16
  const V8 lower = hn::InterleaveLower(d8, a, b), upper = hn::InterleaveUpper(d8, a, b);
  sums->low = hn::Add(sums->low, BytePairDots(lower, high));
  sums->high = hn::Add(sums->high, BytePairDots(upper, high));
  sums->low_rest = hn::Add(sums->low_rest, hn::MulFixedPoint15(BytePairDots(lower, low), shift_down));
  sums->high_rest = hn::Add(sums->high_rest, hn::MulFixedPoint15(BytePairDots(upper, low), shift_down));
}

// The same, w = high * 256 + low, low row by row: 16 * 255 * 128 / 2^8 of twelve rows is within 15 bits.
HWY_INLINE void AddWideRows(V8 a, V8 b, V8 high, V8 low, LineSums* sums) {
  const D16 d16;
  const D8 d8;
  const V16 shift_down = hn::Set(d16, 128 * 16);  // a product / 2^8 * 16
  const V8 lower = hn::InterleaveLower(d8, a, b), upper = hn::InterleaveUpper(d8, a, b);
  sums->low = hn::Add(sums->low, BytePairDots(lower, high));
  sums->high = hn::Add(sums->high, BytePairDots(upper, high));
  const V8 even = hn::BitCast(d8, hn::And(hn::BitCast(d16, low), hn::Set(d16, 255)));
  const V8 odd = hn::AndNot(even, low);
  const auto rest = [&](V8 pixels) HWY_ATTR __attribute__((always_inline)) {
    return hn::Add(hn::MulFixedPoint15(BytePairDots(pixels, even), shift_down),
                   hn::MulFixedPoint15(BytePairDots(pixels, odd), shift_down));
  };
  sums->low_rest = hn::Add(sums->low_rest, rest(lower));
  sums->high_rest = hn::Add(sums->high_rest, rest(upper));
}

// Writes the sums in the order of the bytes.
HWY_INLINE void StoreSums(LineSums sums, int16_t* to) {
  const D16 d16;
  const V16 sixteenth = hn::Set(d16, 32768 / 16);
  sums.low = hn::Add(sums.low, hn::MulFixedPoint15(sums.low_rest, sixteenth));
  sums.high = hn::Add(sums.high, hn::MulFixedPoint15(sums.high_rest, sixteenth));
#if HWY_TARGET <= HWY_AVX3
  const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11),
                second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
  hn::StoreU(V16{_mm512_permutex2var_epi64(sums.low.raw, first, sums.high.raw)}, d16, to);
  hn::StoreU(V16{_mm512_permutex2var_epi64(sums.low.raw, second, sums.high.raw)}, d16, to + 32);
#elif HWY_TARGET == HWY_AVX2
  hn::StoreU(hn::ConcatLowerLower(d16, sums.high, sums.low), d16, to);
  hn::StoreU(hn::ConcatUpperUpper(d16, sums.high, sums.low), d16, to + 16);
#else
  hn::StoreU(sums.low, d16, to);
  hn::StoreU(sums.high, d16, to + 8);
#endif
}

// line[i] = the weighed sum of the rows' byte i; weights as pairs of rows, high and low. kWide: low parts of 8 bits.
template <bool kWide>
HWY_NOINLINE void SumRows(const uint8_t* first, ptrdiff_t stride, ptrdiff_t taps, const int8_t* weight, ptrdiff_t count,
                          int16_t* line) {
  const D8 d8;
  const D16 d16;
  constexpr ptrdiff_t kN = HWY_MAX_BYTES;
  const auto pair_of = [&](const int8_t* w) HWY_ATTR __attribute__((always_inline)) {
    int16_t bits;
    memcpy(&bits, w, 2);
    return hn::BitCast(d8, hn::Set(d16, bits));
  };
  for (ptrdiff_t i = 0; i < count; i += kN) {
    LineSums sums{hn::Zero(d16), hn::Zero(d16), hn::Zero(d16), hn::Zero(d16)};
    const auto add = [&](V8 a, V8 b, V8 high, V8 low) HWY_ATTR __attribute__((always_inline)) {
      kWide ? AddWideRows(a, b, high, low, &sums) : AddRows(a, b, high, low, &sums);
    };
    const bool whole = count - i >= kN;
    for (ptrdiff_t t = 0; t < taps; t += 2) {
      const uint8_t* a = first + t * stride + i;
      const uint8_t* b = t + 1 < taps ? a + stride : a;  // its weight is 0
      const V8 high = pair_of(weight + 2 * t), low = pair_of(weight + 2 * t + 2);
      if (HWY_LIKELY(whole)) {
        add(hn::LoadU(d8, a), hn::LoadU(d8, b), high, low);
      } else {
        const auto n = static_cast<size_t>(count - i);
        add(LoadFirst(d8, a, n), LoadFirst(d8, b, n), high, low);
      }
    }
    StoreSums(sums, line + i);
  }
}

// ---- horizontal ----------------------------------------------------------------------------

template <int kPixel, int kChannels, PixelType kType>
HWY_NOINLINE void FilterLine(const Plan& plan, const Scaling<kChannels>& scaling, const int16_t* line, float unit,
                             Row<kChannels> to) {
  const D16 d16;
  const D32 d32;
  const DF df;
  const Tables& t = plan.tables;
  const V8 order = PairOrder<kPixel>();
  const int16_t* weight = t.weight.data();
  const auto* bytes = reinterpret_cast<const uint8_t*>(line);
  const ptrdiff_t count = plan.columns.count, pairs = t.groups;
  const VF most = hn::Set(df, plan.high / unit);
  for (ptrdiff_t x = 0; x < count; x += kLanes) {
    const ptrdiff_t* offset = t.base.data() + x;
    V32 sum[4];
    HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < 4; i++) sum[i] = hn::Zero(d32);
    for (ptrdiff_t p = 0; p < pairs; p++, weight += 2 * kLanes) {
      const V32 w = hn::BitCast(d32, hn::Load(d16, weight));
      const uint8_t* from = bytes + p * 4 * kPixel;
      const auto one = [&](V32& to_sum, int i, V32 weights) HWY_ATTR __attribute__((always_inline)) {
        const V16 pixels = hn::BitCast(d16, hn::TableLookupBytesOr0(LoadBlocks(from, offset + i, 4), order));
        to_sum = hn::Add(to_sum, PairDots(pixels, hn::BitCast(d16, weights)));
      };
      one(sum[0], 0, hn::Broadcast<0>(w));
      one(sum[1], 1, hn::Broadcast<1>(w));
      one(sum[2], 2, hn::Broadcast<2>(w));
      one(sum[3], 3, hn::Broadcast<3>(w));
    }
    Transpose4(sum);
    HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < kChannels; k++) {
      VF v = hn::ConvertTo(df, Pick(sum, plan.source_channel[k]));
      if (plan.clip) v = hn::Min(hn::Max(v, hn::Zero(df)), most);
      v = hn::MulAdd(v, hn::Set(df, scaling.gain[k]), hn::Set(df, scaling.bias[k]));
      if (HWY_LIKELY(x + kLanes <= count)) {
        StoreAll<kType>(v, to.plane[k], x);
      } else {
        StoreSome<kType>(v, to.plane[k], x, count - x);
      }
    }
  }
}

template <int kPixel, int kChannels, PixelType kType>
void FilterPixels(const Plan& plan, const SourceImage& in, const TargetImage& out, ptrdiff_t y0, ptrdiff_t y1,
                  std::byte* scratch, Band& band) {
  const Taps &rows = plan.rows, &columns = plan.columns;
  const float unit = std::ldexp(1.0f, -plan.tables.line_bits - plan.tables.bits);
  const Scaling<kChannels> scaling(plan, unit);
  auto* line = reinterpret_cast<int16_t*>(scratch);
  const auto sum_rows = low_bits(plan.tables) == 8 ? &SumRows<true> : &SumRows<false>;
  const ptrdiff_t row_weights = (rows.taps + 1) / 2 * 4;
  ForEachRow<kChannels>(
      plan, out, y0, y1, scratch + line_bytes(plan), band, [&](ptrdiff_t y, const Row<kChannels>& to) HWY_ATTR {
        sum_rows(RowOf(in, rows.start[y]) + columns.begin * kPixel, in.row_stride, rows.taps,
                 plan.tables.rows.data() + y * row_weights, (columns.end - columns.begin) * kPixel, line);
        FilterLine<kPixel, kChannels, kType>(plan, scaling, line, unit, to);
      });
}

template <int kPixel, int kChannels>
struct Filters {
  template <PixelType kType>
  static Kernel Of(const Plan&) {
    return &FilterPixels<kPixel, kChannels, kType>;
  }
};

bool PlanFilterPixels(Plan* plan) {
  Tables& t = plan->tables;
  const Taps& columns = plan->columns;
  t.bits = most_bits(columns, 32767, all_positive(columns) ? kFineColumnBits : kSomeColumnBits);
  t.groups = static_cast<int>((columns.taps + 1) / 2);  // pairs
  const ptrdiff_t padded = (columns.count + kLanes - 1) / kLanes * kLanes;
  std::vector<int32_t> taps(static_cast<size_t>(t.groups) * 2);
  t.weight.resize(static_cast<size_t>(padded * t.groups * 2));
  for (ptrdiff_t x = 0; x < padded; x++) {
    const ptrdiff_t from = Least(x, columns.count - 1);
    integer_taps(columns, from, t.bits, taps.data());
    t.base.push_back((columns.start[from] - columns.begin) * plan->key.channels * 2);
    for (ptrdiff_t i = 0; i < columns.taps; i++) {
      t.weight[((x / kLanes * t.groups + i / 2) * kLanes + x % kLanes) * 2 + i % 2] = static_cast<int16_t>(taps[i]);
    }
  }
  plan->kernel = OfPixelAndType<Filters>(*plan);
  plan->scratch_bytes = line_bytes(*plan) + planes_bytes(*plan);
  return true;
}

#else
bool PlanFilterPixels(Plan*) { return false; }
#endif

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::preprocess
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fastcv::preprocess {
namespace {

// Vertical weights: for each pair of rows high, high, low, low. False when a sum could leave 16 bits. `wide`: low parts
// of 8 bits.
bool set_row_weights(const Plan& plan, bool wide, Tables* t) {
  const Taps& rows = plan.rows;
  const bool fine = all_positive(rows) && most_bits(rows, 127 * 128, kFineRowBits) == kFineRowBits;
  t->row_bits = fine || wide ? kFineRowBits : kRowBits;
  t->line_bits = fine && !wide ? kFineLineBits : kLineBits;
  const int bits = low_bits(*t), half = 1 << (bits - 1);
  std::vector<std::int32_t> taps(static_cast<std::size_t>(rows.taps + 1));
  for (std::ptrdiff_t y = 0; y < rows.count; y++) {
    double sum = 0;
    for (std::ptrdiff_t i = 0; i < rows.taps; i++) sum += std::fabs(static_cast<double>(rows.weights(y)[i]));
    if (sum > kMostWeight) return false;
    integer_taps(rows, y, t->row_bits, taps.data());
    for (std::ptrdiff_t i = 0; i < rows.taps; i += 2) {
      // One half is rounded up and the other down: the high parts of 2^14 would add up to 129, and 129 * 255 saturates.
      const int a = taps[i], b = taps[i + 1], high_a = (a + half) >> bits;
      const int high_b = (b + half - (wide ? 0 : 1)) >> bits;
      for (const int v : {high_a, high_b, a - (high_a << bits), b - (high_b << bits)}) {
        t->rows.push_back(static_cast<std::int8_t>(v));
      }
    }
  }
  return true;
}

// Whether all rounding, that of a line included (a half, and a 32nd for each low part's product), stays within what is
// promised.
bool is_fine_enough(const Plan& plan) {
  const Tables& t = plan.tables;
  const std::ptrdiff_t products = low_bits(t) == 8 ? plan.rows.taps : (plan.rows.taps + 1) / 2;
  const double line = std::ldexp(0.5 + static_cast<double>(products) / 32, -t.line_bits);
  return weights_lost(plan, t) + largest_sum(plan.columns) * line <= most_lost(plan);
}

}  // namespace

HWY_EXPORT(PlanFilterPixels);

bool plan_filter_pixel(Plan* plan) {
  if (!is_common_image(*plan) || plan->key.channels == 1 || plan->rows.taps > kMostRows ||
      plan->columns.taps > kMostColumns) {
    return false;
  }
  for (const bool wide : {false, true}) {
    plan->tables = {};
    if (set_row_weights(*plan, wide, &plan->tables) && HWY_DYNAMIC_DISPATCH(PlanFilterPixels)(plan) &&
        is_fine_enough(*plan)) {
      return true;
    }
  }
  plan->tables = {};
  return false;
}

}  // namespace fastcv::preprocess
#endif
