// 8-bit images on AVX-512 with VBMI and VNNI, any number of taps: antialiased, bicubic, lanczos, area. Each source row
// is filtered horizontally once, in integers, into a ring of float rows; an output row is the weighed sum of the
// ring's.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "preprocess/filter_window.cpp"
#include <cmath>

#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "preprocess/kernels.hpp"
#include "preprocess/rows-inl.h"

#ifndef FASTCV_PREPROCESS_FILTER_ONCE
#define FASTCV_PREPROCESS_FILTER_ONCE
namespace fastcv::preprocess {

// One thread's buffers.
struct FilterMemory {
  float* ring;           // slots(plan) rows of out_channels planes
  const float** rows;    // those an output row is made of, from the first
  std::byte* planes;     // of one output row, when pixels are to be interleaved
  std::ptrdiff_t pitch;  // floats of a plane

  FilterMemory(const Plan& plan, std::byte* scratch) {
    pitch = static_cast<std::ptrdiff_t>(plane_bytes(plan) / sizeof(float));
    ring = reinterpret_cast<float*>(scratch);
    rows = reinterpret_cast<const float**>(scratch + ring_bytes(plan));
    planes = scratch + (bytes(plan) - planes_bytes(plan));
  }
  // Rows are filtered by twos: one may be ahead of its time.
  static std::ptrdiff_t slots(const Plan& p) { return p.rows.taps + 1; }
  static std::size_t bytes(const Plan& p) { return ring_bytes(p) + rows_bytes(p) + planes_bytes(p); }

 private:
  static std::size_t ring_bytes(const Plan& p) {
    const std::ptrdiff_t planes = checked_mul(slots(p), p.out_channels, "Preprocess: image");
    return static_cast<std::size_t>(
        checked_mul(planes, static_cast<std::ptrdiff_t>(plane_bytes(p)), "Preprocess: image"));
  }
  static std::size_t rows_bytes(const Plan& p) {
    return rounded_up(static_cast<std::size_t>(p.rows.taps) * sizeof(float*));
  }
};

// Horizontal sums are 2^bits too large: the vertical weights make up for it.
inline void scale_rows(Plan* plan, int bits) {
  for (float& w : plan->rows.weight) w = std::ldexp(w, -bits);
}

}  // namespace fastcv::preprocess
#endif

HWY_BEFORE_NAMESPACE();
#if FASTCV_HAVE_BYTE_WINDOWS && HWY_COMPILER_GCC_ACTUAL
HWY_PRAGMA(GCC target("avx512vnni"))  // part of the target, and asked for when it is chosen; only its name is missing
#endif
namespace fastcv::preprocess {
namespace HWY_NAMESPACE {

#if FASTCV_HAVE_BYTE_WINDOWS && HWY_COMPILER_GCC_ACTUAL

// ---- vertical ------------------------------------------------------------------------------

// What is done to sums, in registers: the compiler cannot know that stores leave the plan alone.
template <int kChannels>
struct Finish {
  VF gain[kChannels], bias[kChannels], low, high;
  bool clip;
  HWY_INLINE explicit Finish(const Plan& plan) : clip(plan.clip) {
    const DF d;
    low = hn::Set(d, plan.low);
    high = hn::Set(d, plan.high);
    HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < kChannels; k++) {
      gain[k] = hn::Set(d, plan.gain[k]);
      bias[k] = hn::Set(d, plan.bias[k]);
    }
  }
  HWY_INLINE VF operator()(VF v, int k) const {
    if (clip) v = hn::Min(hn::Max(v, low), high);
    return hn::MulAdd(v, gain[k], bias[k]);
  }
};

// kBlocks blocks of every channel, whose sums share each weight. A ring's row holds block after block, in each the
// channels one after the other: one pointer and constant distances.
template <int kBlocks, int kChannels, PixelType kType, bool kWhole>
HWY_INLINE void SumRing(const float* const* rows, const float* weight, ptrdiff_t taps, const Finish<kChannels>& finish,
                        ptrdiff_t x, ptrdiff_t count, const Row<kChannels>& to) {
  constexpr int kSums = kBlocks * kChannels;
  const DF d;
  const ptrdiff_t from = x * kChannels;
  VF sum[kSums];
  VF w = hn::Set(d, weight[0]);
  const float* row = rows[0] + from;
  HWY_PRAGMA(GCC unroll 16) for (int i = 0; i < kSums; i++) sum[i] = hn::Mul(hn::Load(d, row + i * kLanes), w);
  for (ptrdiff_t t = 1; t < taps; t++) {
    w = hn::Set(d, weight[t]);
    row = rows[t] + from;
    HWY_PRAGMA(GCC unroll 16)
    for (int i = 0; i < kSums; i++) sum[i] = hn::MulAdd(hn::Load(d, row + i * kLanes), w, sum[i]);
  }
  HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < kChannels; k++) {
    HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kBlocks; i++) {
      StoreValues<kType, kWhole>(finish(sum[i * kChannels + k], k), to.plane[k], x + i * kLanes, count - x);
    }
  }
}

template <int kChannels, PixelType kType>
HWY_NOINLINE void SumRingRow(const Plan& plan, const FilterMemory& memory, const float* weight, Row<kChannels> to) {
  const ptrdiff_t count = plan.columns.count, taps = plan.rows.taps;
  const float* const* rows = memory.rows;
  const Finish<kChannels> finish(plan);
  ptrdiff_t x = 0;
  for (; x + 4 * kLanes <= count; x += 4 * kLanes)
    SumRing<4, kChannels, kType, true>(rows, weight, taps, finish, x, count, to);
  for (; x + kLanes <= count; x += kLanes) SumRing<1, kChannels, kType, true>(rows, weight, taps, finish, x, count, to);
  if (x < count) SumRing<1, kChannels, kType, false>(rows, weight, taps, finish, x, count, to);
}

// ---- the ring ------------------------------------------------------------------------------

// horizontal(row, to, Flag<two>): filters a source row, or it and the next one, into the planes at to[0] (and to[1]).
template <int kChannels, PixelType kType, class Horizontal>
HWY_INLINE void FilterRows(const Plan& plan, const SourceImage& in, const TargetImage& out, ptrdiff_t y0, ptrdiff_t y1,
                           const FilterMemory& memory, Band& band, const Horizontal& horizontal) {
  const Taps& rows = plan.rows;
  const ptrdiff_t taps = rows.taps, slots = FilterMemory::slots(plan), ring_row = kChannels * memory.pitch;
  const ptrdiff_t end = rows.start[y1 - 1] + taps;
  ptrdiff_t next = 0, slot = 0;  // the source row to filter next, and its place in the ring
  const auto take_slot = [&]() HWY_ATTR {
    float* place = memory.ring + slot * ring_row;
    slot = slot + 1 == slots ? 0 : slot + 1;
    return place;
  };
  ForEachRow<kChannels>(plan, out, y0, y1, memory.planes, band, [&](ptrdiff_t y, const Row<kChannels>& to) HWY_ATTR {
    const ptrdiff_t first = rows.start[y];
    if (next < first) next = first;
    while (next < first + taps) {
      float* places[2] = {take_slot(), nullptr};
      if (next + 1 < end) {
        places[1] = take_slot();
        horizontal(RowOf(in, next), places, Flag<true>());
        next += 2;
      } else {
        horizontal(RowOf(in, next), places, Flag<false>());
        next += 1;
      }
    }
    ptrdiff_t at = slot - (next - first);
    if (at < 0) at += slots;
    for (ptrdiff_t t = 0; t < taps; t++) {
      memory.rows[t] = memory.ring + at * ring_row;
      at = at + 1 == slots ? 0 : at + 1;
    }
    SumRingRow<kChannels, kType>(plan, memory, rows.weights(y), to);
  });
}

// ---- horizontal ----------------------------------------------------------------------------

HWY_INLINE V32 AddDots(V32 sum, V8 bytes, V8 weights) {
  return V32{_mm512_dpbusd_epi32(sum.raw, bytes.raw, weights.raw)};
}

// kRows rows at once share the tables.
template <int kRows, int kVectors, int kChannels, int kGroups>
HWY_NOINLINE void FilterWindowRow(const Plan& plan, const uint8_t* const* rows, float* const* to) {
  constexpr int kSums = kRows * kChannels;
  const D8 d8;
  const Tables& t = plan.tables;
  const ptrdiff_t blocks = window_blocks(plan), groups = kGroups > 0 ? kGroups : t.groups;
  V8 shift[kChannels];
  for (int k = 0; k < kChannels; k++) shift[k] = hn::Set(d8, static_cast<uint8_t>(plan.source_channel[k]));
  const uint8_t* index = t.index.data();
  const auto* high = reinterpret_cast<const uint8_t*>(t.high.data());
  const auto* low = reinterpret_cast<const uint8_t*>(t.low.data());
  for (ptrdiff_t b = 0; b < blocks; b++) {
    ByteWindow<kVectors> window[kRows];
    for (int r = 0; r < kRows; r++) window[r].Load(rows[r] + t.base[b]);
    V32 high_sum[kSums], low_sum[kSums];
    HWY_PRAGMA(GCC unroll 8) for (int i = 0; i < kSums; i++) high_sum[i] = low_sum[i] = hn::Zero(D32());
    HWY_PRAGMA(GCC unroll 2) for (ptrdiff_t g = 0; g < groups; g++, index += 64, high += 64, low += 64) {
      V8 first = hn::Load(d8, index), w_high = hn::Load(d8, high), w_low = hn::Load(d8, low);
      KeepInRegister(first);
      KeepInRegister(w_high);
      KeepInRegister(w_low);
      HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < kChannels; k++) {
        const V8 at = hn::Add(first, shift[k]);
        HWY_PRAGMA(GCC unroll 2) for (int r = 0; r < kRows; r++) {
          const V8 bytes = window[r].Lookup(at);
          const int i = r * kChannels + k;
          high_sum[i] = AddDots(high_sum[i], bytes, w_high);
          low_sum[i] = AddDots(low_sum[i], bytes, w_low);
        }
      }
    }
    HWY_PRAGMA(GCC unroll 8) for (int i = 0; i < kSums; i++) {
      const V32 sum = hn::Add(hn::ShiftLeft<7>(high_sum[i]), low_sum[i]);
      hn::Store(hn::ConvertTo(DF(), sum), DF(), to[i / kChannels] + (b * kChannels + i % kChannels) * kBlock);
    }
  }
}

template <int kRows, int kVectors, int kChannels>
HWY_INLINE void FilterWindow(const Plan& plan, const uint8_t* const* rows, float* const* to) {
  if (plan.tables.groups == 1) return FilterWindowRow<kRows, kVectors, kChannels, 1>(plan, rows, to);
  if (plan.tables.groups == 2) return FilterWindowRow<kRows, kVectors, kChannels, 2>(plan, rows, to);
  FilterWindowRow<kRows, kVectors, kChannels, 0>(plan, rows, to);
}

template <int kVectors, int kChannels, PixelType kType>
void FilterWindows(const Plan& plan, const SourceImage& in, const TargetImage& out, ptrdiff_t y0, ptrdiff_t y1,
                   std::byte* scratch, Band& band) {
  const FilterMemory memory(plan, scratch);
  NarrowRow copies[2];
  const auto horizontal = [&](const uint8_t* row, float* const* to, auto two) HWY_ATTR {
    constexpr int kRows = decltype(two)::kValue ? 2 : 1;
    const uint8_t* rows[2] = {Readable(plan, row, &copies[0]), nullptr};
    if constexpr (kRows == 2) rows[1] = Readable(plan, row + in.row_stride, &copies[1]);
    FilterWindow<kRows, kVectors, kChannels>(plan, rows, to);
  };
  FilterRows<kChannels, kType>(plan, in, out, y0, y1, memory, band, horizontal);
}

template <int kVectors, int kChannels>
Kernel WindowsForType(PixelType type) {
  if (type == PixelType::kFloat16) return &FilterWindows<kVectors, kChannels, PixelType::kFloat16>;
  if (type == PixelType::kUint8) return &FilterWindows<kVectors, kChannels, PixelType::kUint8>;
  return &FilterWindows<kVectors, kChannels, PixelType::kFloat32>;
}
template <int kVectors>
Kernel WindowsForChannels(ptrdiff_t channels, PixelType type) {
  return channels == 1   ? WindowsForType<kVectors, 1>(type)
         : channels == 3 ? WindowsForType<kVectors, 3>(type)
                         : WindowsForType<kVectors, 4>(type);
}

bool PlanFilterWindows(Plan* plan) {
  Tables& t = plan->tables;
  if (!set_windows(*plan, {128, kMostWindow}, &t)) return false;
  const Taps& columns = plan->columns;
  const int bits = most_bits(columns, 16000, 20);  // high must fit a byte
  std::vector<int32_t> taps(static_cast<size_t>(t.groups) * 4);
  const ptrdiff_t block_bytes = static_cast<ptrdiff_t>(t.groups) * 64;
  const auto size = static_cast<size_t>(window_blocks(*plan) * block_bytes);
  t.index.resize(size);
  t.high.resize(size);
  t.low.resize(size);
  for (ptrdiff_t x = 0; x < window_blocks(*plan) * kBlock; x++) {
    integer_taps(columns, Least(x, columns.count - 1), bits, taps.data());
    for (ptrdiff_t i = 0; i < t.groups * 4; i++) {
      const ptrdiff_t at = x / kBlock * block_bytes + i / 4 * 64 + x % kBlock * 4 + i % 4;
      const int w = i < columns.taps ? taps[i] : 0, w_high = (w + 64) >> 7;
      t.index[at] = window_byte(*plan, t, x, i);
      t.high[at] = static_cast<int8_t>(w_high);
      t.low[at] = static_cast<int8_t>(w - w_high * 128);
    }
  }
  scale_rows(plan, bits);
  const PixelType type = WrittenType(*plan);
  plan->kernel = t.window == 128 ? WindowsForChannels<2>(plan->out_channels, type)
                                 : WindowsForChannels<3>(plan->out_channels, type);
  return true;
}

#else
bool PlanFilterWindows(Plan*) { return false; }
#endif

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::preprocess
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fastcv::preprocess {
HWY_EXPORT(PlanFilterWindows);

bool plan_filter_window(Plan* plan) {
  if (!is_common_image(*plan)) return false;
  plan->tables = {};
  plan->tables.groups = static_cast<int>((plan->columns.taps + 3) / 4);
  if (!HWY_DYNAMIC_DISPATCH(PlanFilterWindows)(plan)) return false;
  plan->scratch_bytes = FilterMemory::bytes(*plan);
  return true;
}

}  // namespace fastcv::preprocess
#endif
