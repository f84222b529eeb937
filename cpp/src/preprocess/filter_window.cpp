// 8-bit images on AVX-512 with VBMI and VNNI, any number of taps: antialiased, bicubic, lanczos, area. Lanes are the
// values of an output row pixel by pixel, so that the bytes for 16 of them lie close together: one permutation takes
// two taps of each. Source rows are filtered horizontally once, to 16 bits, and lie in a ring as pairs of rows; an
// output row is the weighed sum of the ring's pairs, parted into planes at the end.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "preprocess/filter_window.cpp"
#include <algorithm>
#include <cmath>

#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "preprocess/kernels.hpp"
#include "preprocess/parting-inl.h"

#ifndef FASTCV_PREPROCESS_FILTER_ONCE
#define FASTCV_PREPROCESS_FILTER_ONCE
namespace fastcv::preprocess {

// Pair p of source rows is 2 p and 2 p + 1. Those that output row y is made of, of which all rows count as many:
inline std::ptrdiff_t first_pair(const Taps& rows, std::ptrdiff_t y) { return rows.start[y] / 2; }
inline std::ptrdiff_t last_pair(const Taps& rows, std::ptrdiff_t y) { return (rows.start[y] + rows.taps - 1) / 2; }
inline std::ptrdiff_t row_pairs(const Taps& rows) { return rows.taps / 2 + 1; }

// One thread's buffers.
struct FilterMemory {
  std::int16_t* ring;          // slots(plan) pairs of rows, their values side by side
  const std::int16_t** pairs;  // those an output row is made of, from the first
  std::ptrdiff_t pitch;        // 16-bit values of a pair

  FilterMemory(const Plan& plan, std::byte* scratch) : pitch(2 * kBlock * lane_vectors(plan)) {
    ring = reinterpret_cast<std::int16_t*>(scratch);
    pairs = reinterpret_cast<const std::int16_t**>(scratch + ring_bytes(plan));
  }
  // Pairs are filtered by twos: one may be ahead of its time.
  static std::ptrdiff_t slots(const Plan& p) { return row_pairs(p.rows) + 1; }
  static std::size_t bytes(const Plan& p) {
    return ring_bytes(p) + static_cast<std::size_t>(row_pairs(p.rows)) * sizeof(std::int16_t*);
  }
  std::int16_t* place(const Plan& plan, std::ptrdiff_t pair) const { return ring + pair % slots(plan) * pitch; }

 private:
  static std::size_t ring_bytes(const Plan& p) {
    return static_cast<std::size_t>(checked_mul(slots(p), 64 * lane_vectors(p), "Preprocess: image"));
  }
};

}  // namespace fastcv::preprocess
#endif

HWY_BEFORE_NAMESPACE();
namespace fastcv::preprocess {
namespace HWY_NAMESPACE {

#if FASTCV_HAVE_BYTE_WINDOWS

// ---- vertical ------------------------------------------------------------------------------

// 16 pixels' sums, pixel by pixel, to the output: normalised and parted.
template <int kChannels, PixelType kType, bool kPlanar>
struct Finish {
  VF gain[kChannels], bias[kChannels], most;
  bool clip;

  HWY_INLINE explicit Finish(const Plan& plan) : clip(plan.clip) {
    const DF d;
    most = hn::Set(d, std::ldexp(plan.high, plan.tables.line_bits + plan.tables.row_bits));
    HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kChannels; i++) {
      gain[i] = hn::Load(d, plan.tables.gain.data() + i * kBlock);
      bias[i] = hn::Load(d, plan.tables.bias.data() + i * kBlock);
    }
  }
  template <bool kWhole>
  HWY_INLINE void Store(const V32 (&sum)[kChannels], const Row<kChannels>& to, ptrdiff_t x, ptrdiff_t count) const {
    const DF d;
    VF v[kChannels];
    HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kChannels; i++) {
      v[i] = hn::ConvertTo(d, sum[i]);
      if (clip) v[i] = hn::Min(hn::Max(v[i], hn::Zero(d)), most);
      v[i] = hn::MulAdd(v[i], gain[i], bias[i]);
    }
    StoreParted<kChannels, kType, kPlanar, kWhole>(v, to.plane, x, count);
  }
};

// kPairs: of source rows, whose weights then stay in registers; 0: any number.
template <int kPairs, int kChannels, PixelType kType, bool kPlanar>
HWY_NOINLINE void SumPairs(const Plan& plan, const int16_t* const* pairs, const int32_t* weight,
                           const Row<kChannels>& to) {
  const D16 d;
  const auto weight_of = [=](ptrdiff_t p) HWY_ATTR { return hn::BitCast(d, hn::Set(D32(), weight[p])); };
  const ptrdiff_t most = kPairs > 0 ? kPairs : row_pairs(plan.rows), count = plan.columns.count;
  const Finish<kChannels, kType, kPlanar> finish(plan);
  const auto block = [=](ptrdiff_t x, auto whole) HWY_ATTR __attribute__((always_inline)) {
    const ptrdiff_t from = 2 * x * kChannels;
    V32 sum[kChannels];
    HWY_PRAGMA(GCC unroll 4)
    for (int i = 0; i < kChannels; i++) sum[i] = PairDots(hn::Load(d, pairs[0] + from + i * 32), weight_of(0));
    HWY_PRAGMA(GCC unroll 4) for (ptrdiff_t p = 1; p < most; p++) {
      const V16 w = weight_of(p);
      HWY_PRAGMA(GCC unroll 4)
      for (int i = 0; i < kChannels; i++) sum[i] = AddPairDots(sum[i], hn::Load(d, pairs[p] + from + i * 32), w);
    }
    finish.template Store<decltype(whole)::kValue>(sum, to, x, count - x);
  };
  ptrdiff_t x = 0;
  for (; x + kBlock <= count; x += kBlock) block(x, Flag<true>());
  if (x < count) block(x, Flag<false>());
}

// ---- horizontal ----------------------------------------------------------------------------

// kRows rows, which share the tables, to kRows / 2 pairs. kPairs: of taps; 0: any number.
template <int kRows, int kVectors, int kPairs>
HWY_NOINLINE void FilterLanes(const Plan& plan, const uint8_t* const* rows, int16_t* const* to) {
  const D8 d8;
  const D16 d16;
  const D32 d32;
  const Tables& t = plan.tables;
  const ptrdiff_t vectors = lane_vectors(plan), pairs = kPairs > 0 ? kPairs : t.groups;
  const int shift = t.bits - t.line_bits;
  const V32 half = hn::Set(d32, 1 << (shift - 1));
  const uint8_t* index = t.index.data();
  const int16_t* weight = t.weight.data();
  for (ptrdiff_t v = 0; v < vectors; v++) {
    ByteWindow<kVectors> window[kRows];
    V32 sum[kRows];
    HWY_PRAGMA(GCC unroll 4) for (int r = 0; r < kRows; r++) {
      window[r].Load(rows[r] + t.base[v]);
      sum[r] = half;
    }
    HWY_PRAGMA(GCC unroll 4) for (ptrdiff_t p = 0; p < pairs; p++, index += 64, weight += 32) {
      V8 at = hn::Load(d8, index);
      V16 w = hn::Load(d16, weight);
      KeepInRegister(at);
      KeepInRegister(w);
      HWY_PRAGMA(GCC unroll 4) for (int r = 0; r < kRows; r++) {
        sum[r] = AddPairDots(sum[r], hn::BitCast(d16, window[r].LookupPairs(at)), w);
      }
    }
    HWY_PRAGMA(GCC unroll 2) for (int r = 0; r < kRows; r += 2) {
      const V16 first = hn::BitCast(d16, hn::ShiftRightSame(sum[r], shift));
      const V16 second = hn::BitCast(d16, hn::ShiftLeftSame(sum[r + 1], 16 - shift));
      hn::Store(hn::OddEven(second, first), d16, to[r / 2] + 32 * v);
    }
  }
}

template <int kRows, int kVectors>
HWY_INLINE void FilterLanes(const Plan& plan, const uint8_t* const* rows, int16_t* const* to) {
  if (kVectors == 1 && plan.tables.groups == 2) return FilterLanes<kRows, kVectors, 2>(plan, rows, to);
  if (kVectors == 1 && plan.tables.groups == 3) return FilterLanes<kRows, kVectors, 3>(plan, rows, to);
  if (kVectors < 3 && plan.tables.groups == 4) return FilterLanes<kRows, kVectors, 4>(plan, rows, to);
  FilterLanes<kRows, kVectors, 0>(plan, rows, to);
}

// Filters `count` pairs from `pair` on, one or two.
template <int kVectors>
void FilterRowPairs(const Plan& plan, const SourceImage& in, ptrdiff_t pair, ptrdiff_t count,
                    const FilterMemory& memory) {
  NarrowRow copies[4];
  const uint8_t* rows[4];
  for (ptrdiff_t r = 0; r < 2 * count; r++) {
    rows[r] = Readable(plan, RowOf(in, Least(2 * pair + r, in.height - 1)), &copies[r]);
  }
  int16_t* to[2] = {memory.place(plan, pair), memory.place(plan, pair + 1)};
  if (count == 2) return FilterLanes<4, kVectors>(plan, rows, to);
  FilterLanes<2, kVectors>(plan, rows, to);
}

// ---- both ----------------------------------------------------------------------------------

template <int kChannels, PixelType kType, bool kPlanar>
void FilterWindows(const Plan& plan, const SourceImage& in, const TargetImage& out, ptrdiff_t y0, ptrdiff_t y1,
                   std::byte* scratch, Band& band) {
  const Taps& rows = plan.rows;
  const ptrdiff_t window = plan.tables.window, pairs = row_pairs(rows);
  const auto filter = window == 64 ? &FilterRowPairs<1> : window == 128 ? &FilterRowPairs<2> : &FilterRowPairs<3>;
  const auto sum = pairs == 3   ? &SumPairs<3, kChannels, kType, kPlanar>
                   : pairs == 4 ? &SumPairs<4, kChannels, kType, kPlanar>
                                : &SumPairs<0, kChannels, kType, kPlanar>;
  const FilterMemory memory(plan, scratch);
  ptrdiff_t next = 0;  // the pair to filter next
  for (ptrdiff_t y = y0; y < y1; y++) {
    const ptrdiff_t first = first_pair(rows, y), last = last_pair(rows, y);
    if (next < first) next = first;
    while (next <= last) {
      const bool two =
          next < last || (y + 1 < y1 && first_pair(rows, y + 1) <= next + 1 && next + 1 <= last_pair(rows, y + 1));
      filter(plan, in, next, two ? 2 : 1, memory);
      next += two ? 2 : 1;
    }
    for (ptrdiff_t p = 0; p < pairs; p++) {  // the weight of one that does not exist is 0
      memory.pairs[p] = memory.place(plan, first + p <= last ? first + p : first);
    }
    sum(plan, memory.pairs, plan.tables.row_pairs.data() + y * pairs,
        Row<kChannels>(Offset(out.data, y * out.row_stride), kPlanar ? out.plane_stride : 0));
    if (y % kRowsBetweenChecks == 0) band.checkpoint();
  }
}

struct Filters {
  template <int kChannels, PixelType kType>
  static Kernel Of(const Plan& plan) {
    if (is_planar(plan)) return &FilterWindows<kChannels, kType, true>;
    return &FilterWindows<kChannels, kType, kChannels == 1>;  // of one channel there is no other
  }
};
Kernel FilterKernel(const Plan& plan) { return OfChannelsAndType<Filters>(plan); }

#else
Kernel FilterKernel(const Plan&) { return nullptr; }
#endif

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::preprocess
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fastcv::preprocess {
namespace {

// How fine the integers are; false when they would be too coarse or too large.
bool set_precision(const Plan& plan, Tables* t) {
  constexpr double kMostWeight = 1.9;  // 1.9 * 255 * 2^6 is within 15 bits, 1.9 times that and 2^15 within 31
  const bool positive = all_positive(plan.rows) && all_positive(plan.columns);
  const double row_sum = largest_sum(plan.rows), column_sum = largest_sum(plan.columns);
  if (!positive && std::max(row_sum, column_sum) > kMostWeight) return false;
  t->line_bits = positive ? 7 : 6;
  t->bits = most_bits(plan.columns, 32767, 16);
  t->row_bits = most_bits(plan.rows, 32767, positive ? 16 : 15);
  const double lost = weights_lost(plan, *t) + row_sum * std::ldexp(0.5, -t->line_bits);
  return t->bits > t->line_bits && lost <= most_lost(plan);
}

void set_lanes(const Plan& plan, Tables* t) {
  const Taps& columns = plan.columns;
  const std::ptrdiff_t out = plan.out_channels, values = lane_vectors(plan) * kBlock;
  std::vector<std::int32_t> taps(static_cast<std::size_t>(columns.taps));
  t->index.resize(static_cast<std::size_t>(checked_mul(values, 4 * t->groups, "Preprocess: image")));
  t->weight.resize(static_cast<std::size_t>(values * 2 * t->groups));
  for (std::ptrdiff_t i = 0; i < values; i++) {
    const std::ptrdiff_t x = std::min(i / out, columns.count - 1);
    if (i % out == 0) integer_taps(columns, x, t->bits, taps.data());
    const std::ptrdiff_t byte = lane_byte(plan, *t, i);
    for (std::ptrdiff_t tap = 0; tap < columns.taps; tap++) {
      const std::ptrdiff_t at = ((i / kBlock * t->groups + tap / 2) * kBlock + i % kBlock) * 2 + tap % 2;
      t->index[2 * at] = static_cast<std::uint8_t>(byte + tap * plan.key.channels);
      t->weight[at] = static_cast<std::int16_t>(taps[tap]);
    }
  }
  set_lane_scaling(plan, std::ldexp(1.0, -t->line_bits - t->row_bits), 0, t);
}

void set_row_pairs(const Plan& plan, Tables* t) {
  const Taps& rows = plan.rows;
  const std::ptrdiff_t pairs = row_pairs(rows);
  std::vector<std::int32_t> taps(static_cast<std::size_t>(rows.taps));
  t->row_pairs.resize(static_cast<std::size_t>(checked_mul(rows.count, pairs, "Preprocess: image")));
  for (std::ptrdiff_t y = 0; y < rows.count; y++) {
    integer_taps(rows, y, t->row_bits, taps.data());
    for (std::ptrdiff_t i = 0; i < rows.taps; i++) {
      const std::ptrdiff_t row = rows.start[y] % 2 + i;
      const std::uint32_t bits = static_cast<std::uint16_t>(taps[i]);
      t->row_pairs[y * pairs + row / 2] |= static_cast<std::int32_t>(bits << (row % 2 * 16));
    }
  }
}

}  // namespace

HWY_EXPORT(FilterKernel);

bool plan_filter_window(Plan* plan) {
  if (!is_common_image(*plan)) return false;
  Tables& t = plan->tables = {};
  t.groups = static_cast<int>((plan->columns.taps + 1) / 2);
  plan->kernel = HWY_DYNAMIC_DISPATCH(FilterKernel)(*plan);
  if (plan->kernel == nullptr || !set_lane_windows(*plan, 64, kMostWindow, &t) || !set_precision(*plan, &t))
    return false;
  set_lanes(*plan, &t);
  set_row_pairs(*plan, &t);
  plan->scratch_bytes = rounded_up(FilterMemory::bytes(*plan));
  return true;
}

}  // namespace fastcv::preprocess
#endif
