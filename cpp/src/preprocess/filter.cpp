// 8-bit images, any number of taps: antialiased, bicubic, lanczos, area. Each source row is filtered horizontally once, in
// integers, into a ring of float rows; an output row is the weighed sum of the ring's.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "preprocess/filter.cpp"
#include <cmath>

#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "preprocess/kernels.hpp"
#include "preprocess/two_taps-inl.h"

#ifndef FASTCV_PREPROCESS_FILTER_ONCE
#define FASTCV_PREPROCESS_FILTER_ONCE
namespace fastcv::preprocess {

// One thread's buffers.
struct FilterMemory {
  float* ring;         // rows.taps rows of out_channels planes
  const float** rows;  // those an output row is made of, from the first
  std::uint8_t* end;   // the last bytes of a source row, and zeros behind
  std::byte* planes;   // of one output row, when pixels are to be interleaved
  std::ptrdiff_t pitch;  // floats of a plane

  FilterMemory(const Plan& plan, std::byte* scratch) {
    pitch = static_cast<std::ptrdiff_t>(plane_bytes(plan) / sizeof(float));
    ring = reinterpret_cast<float*>(scratch);
    rows = reinterpret_cast<const float**>(scratch + ring_bytes(plan));
    end = reinterpret_cast<std::uint8_t*>(rows) + rows_bytes(plan);
    planes = scratch + (bytes(plan) - planes_bytes(plan));
  }
  static std::size_t bytes(const Plan& p) {
    return ring_bytes(p) + rows_bytes(p) + rounded_up(static_cast<std::size_t>(2 * end_bytes(p))) + planes_bytes(p);
  }
  // What the loads of one output reach over.
  static std::ptrdiff_t end_bytes(const Plan& p) { return p.tables.groups * 4 * p.key.channels + 16; }

 private:
  static std::size_t plane_bytes(const Plan& p) { return rounded_up(static_cast<std::size_t>(p.columns.count) * 4 + 64); }
  static std::size_t planes_bytes(const Plan& p) {
    return p.layout == PixelLayout::kHwc ? static_cast<std::size_t>(p.out_channels) * plane_bytes(p) : 0;
  }
  static std::size_t ring_bytes(const Plan& p) {
    const std::ptrdiff_t planes = checked_mul(p.rows.taps, p.out_channels, "Preprocess: image");
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

// ---- vertical ------------------------------------------------------------------------------

HWY_INLINE VF Clipped(const Plan& plan, VF v) {
  const DF d;
  return plan.clip ? hn::Min(hn::Max(v, hn::Set(d, plan.low)), hn::Set(d, plan.high)) : v;
}

template <int kVectors, PixelType kType, bool kWhole>
HWY_INLINE void SumRing(const Plan& plan, const float* const* rows, const float* weight, ptrdiff_t plane, ptrdiff_t k,
                        ptrdiff_t x, ptrdiff_t count, void* to) {
  const DF d;
  VF sum[kVectors];
  const auto value = [&](ptrdiff_t t, int i) HWY_ATTR __attribute__((always_inline)) {
    return hn::Load(d, rows[t] + plane + x + i * kLanes);
  };
  VF w = hn::Set(d, weight[0]);
  HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kVectors; i++) sum[i] = hn::Mul(value(0, i), w);
  for (ptrdiff_t t = 1, taps = plan.rows.taps; t < taps; t++) {
    w = hn::Set(d, weight[t]);
    HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kVectors; i++) sum[i] = hn::MulAdd(value(t, i), w, sum[i]);
  }
  const VF gain = hn::Set(d, plan.gain[k]), bias = hn::Set(d, plan.bias[k]);
  HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kVectors; i++) {
    StoreValues<kType, kWhole>(hn::MulAdd(Clipped(plan, sum[i]), gain, bias), to, x + i * kLanes, count - x - i * kLanes);
  }
}

template <PixelType kType>
HWY_NOINLINE void SumRingRow(const Plan& plan, const FilterMemory& memory, const float* weight, ptrdiff_t k, void* to) {
  const ptrdiff_t count = plan.columns.count, plane = k * memory.pitch;
  ptrdiff_t x = 0;
  for (; x + 4 * kLanes <= count; x += 4 * kLanes)
    SumRing<4, kType, true>(plan, memory.rows, weight, plane, k, x, count, to);
  for (; x + kLanes <= count; x += kLanes) SumRing<1, kType, true>(plan, memory.rows, weight, plane, k, x, count, to);
  if (x < count) SumRing<1, kType, false>(plan, memory.rows, weight, plane, k, x, count, to);
}

// ---- the ring ------------------------------------------------------------------------------

// horizontal(row, to): filters a source row into the planes at `to`.
template <int kChannels, PixelType kType, class Horizontal>
HWY_INLINE void FilterRows(const Plan& plan, const SourceImage& in, const TargetImage& out, ptrdiff_t y0, ptrdiff_t y1,
                           const FilterMemory& memory, Band& band, const Horizontal& horizontal) {
  const Taps& rows = plan.rows;
  const ptrdiff_t taps = rows.taps, ring_row = kChannels * memory.pitch;
  ptrdiff_t done = 0;
  ForEachRow<kChannels>(plan, out, y0, y1, memory.planes, band, [&](ptrdiff_t y, const Row<kChannels>& to) HWY_ATTR {
    const ptrdiff_t first = rows.start[y];
    if (done < first) done = first;
    for (; done < first + taps; done++) horizontal(RowOf(in, done), memory.ring + done % taps * ring_row);
    for (ptrdiff_t t = 0; t < taps; t++) memory.rows[t] = memory.ring + (first + t) % taps * ring_row;
    for (int k = 0; k < kChannels; k++) SumRingRow<kType>(plan, memory, rows.weights(y), k, to.plane[k]);
  });
}

// ---- horizontal: windows -------------------------------------------------------------------

#if FASTCV_HAVE_BYTE_WINDOWS && HWY_COMPILER_GCC_ACTUAL

HWY_INLINE V32 AddDots(V32 sum, V8 bytes, V8 weights) {
  return V32{_mm512_dpbusd_epi32(sum.raw, bytes.raw, weights.raw)};
}

template <int kVectors, int kChannels, int kGroups>
HWY_NOINLINE void FilterWindowRow(const Plan& plan, const uint8_t* row, float* to, ptrdiff_t pitch) {
  const D8 d8;
  const Tables& t = plan.tables;
  const ptrdiff_t blocks = window_blocks(plan), groups = kGroups > 0 ? kGroups : t.groups;
  V8 shift[kChannels];
  for (int k = 0; k < kChannels; k++) shift[k] = hn::Set(d8, static_cast<uint8_t>(plan.source_channel[k]));
  const uint8_t* index = t.index.data();
  const auto* high = reinterpret_cast<const uint8_t*>(t.high.data());
  const auto* low = reinterpret_cast<const uint8_t*>(t.low.data());
  for (ptrdiff_t b = 0; b < blocks; b++) {
    ByteWindow<kVectors> window;
    window.Load(row + t.base[b]);
    V32 high_sum[kChannels], low_sum[kChannels];
    HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < kChannels; k++) high_sum[k] = low_sum[k] = hn::Zero(D32());
    HWY_PRAGMA(GCC unroll 2) for (ptrdiff_t g = 0; g < groups; g++, index += 64, high += 64, low += 64) {
      V8 at = hn::Load(d8, index), w_high = hn::Load(d8, high), w_low = hn::Load(d8, low), bytes[kChannels];
      KeepInRegister(at);
      KeepInRegister(w_high);
      KeepInRegister(w_low);
      HWY_PRAGMA(GCC unroll 4)
      for (int k = 0; k < kChannels; k++) bytes[k] = window.Lookup(hn::Add(at, shift[k]));
      HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < kChannels; k++) high_sum[k] = AddDots(high_sum[k], bytes[k], w_high);
      HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < kChannels; k++) low_sum[k] = AddDots(low_sum[k], bytes[k], w_low);
    }
    HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < kChannels; k++) {
      const V32 sum = hn::Add(hn::ShiftLeft<7>(high_sum[k]), low_sum[k]);
      hn::Store(hn::ConvertTo(DF(), sum), DF(), to + k * pitch + b * kBlock);
    }
  }
}

template <int kVectors, int kChannels, PixelType kType>
void FilterWindows(const Plan& plan, const SourceImage& in, const TargetImage& out, ptrdiff_t y0, ptrdiff_t y1,
                   std::byte* scratch, Band& band) {
  const FilterMemory memory(plan, scratch);
  NarrowRow copy;
  const ptrdiff_t groups = plan.tables.groups;
  const auto filter = groups == 1   ? &FilterWindowRow<kVectors, kChannels, 1>
                      : groups == 2 ? &FilterWindowRow<kVectors, kChannels, 2>
                                    : &FilterWindowRow<kVectors, kChannels, 0>;
  FilterRows<kChannels, kType>(plan, in, out, y0, y1, memory, band, [&](const uint8_t* row, float* to) HWY_ATTR {
    filter(plan, Readable(plan, row, &copy), to, memory.pitch);
  });
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
  if (!set_windows(*plan, &t)) return false;
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

// ---- horizontal: pixels --------------------------------------------------------------------

#if FASTCV_HAVE_BYTE_DOTS

// Per block of 16 bytes: two neighbouring pixels' bytes as pairs of 16-bit values of the same channel.
template <int kPixel>
HWY_INLINE V8 PairOrder(int first) {
  alignas(16) uint8_t order[16];
  for (int i = 0; i < 16; i++) {
    const int channel = i / 4, pixel = first + i / 2 % 2;
    order[i] = static_cast<uint8_t>(i % 2 == 0 && channel < kPixel ? pixel * kPixel + channel : 0x80);
  }
  return hn::LoadDup128(D8(), order);
}

HWY_INLINE void Transpose4(V32 (&v)[4]) {
  const hn::RepartitionToWide<D32> d64;
  const D32 d;
  const V32 a = hn::InterleaveLower(d, v[0], v[1]), b = hn::InterleaveUpper(d, v[0], v[1]);
  const V32 c = hn::InterleaveLower(d, v[2], v[3]), e = hn::InterleaveUpper(d, v[2], v[3]);
  const auto wide = [&](V32 w) HWY_ATTR { return hn::BitCast(d64, w); };
  v[0] = hn::BitCast(d, hn::InterleaveLower(d64, wide(a), wide(c)));
  v[1] = hn::BitCast(d, hn::InterleaveUpper(d64, wide(a), wide(c)));
  v[2] = hn::BitCast(d, hn::InterleaveLower(d64, wide(b), wide(e)));
  v[3] = hn::BitCast(d, hn::InterleaveUpper(d64, wide(b), wide(e)));
}

template <int kPixel, int kChannels>
HWY_NOINLINE void FilterPixelRow(const Plan& plan, const uint8_t* row, float* to, const FilterMemory& memory) {
  const D16 d16;
  const D32 d32;
  const Tables& t = plan.tables;
  const ptrdiff_t reach = FilterMemory::end_bytes(plan), bytes = plan.row_bytes(), kept = Least(bytes, reach);
  memcpy(memory.end, row + bytes - kept, static_cast<size_t>(kept));
  const V8 order0 = PairOrder<kPixel>(0), order1 = PairOrder<kPixel>(2);
  const int16_t* weight = t.weight.data();
  for (ptrdiff_t x = 0; x < plan.columns.count; x += kLanes) {
    const ptrdiff_t* offset = t.base.data() + x;
    ptrdiff_t moved[kLanes];
    if (HWY_UNLIKELY(x + kLanes > t.window)) {  // some may pass the end of the row: those read the copy
      const ptrdiff_t to_end = reinterpret_cast<intptr_t>(memory.end) - reinterpret_cast<intptr_t>(row);
      for (ptrdiff_t i = 0; i < kLanes; i++) {
        moved[i] = offset[i] < bytes - kept ? offset[i] : offset[i] - (bytes - kept) + to_end;
      }
      offset = moved;
    }
    V32 sum[4];
    for (int i = 0; i < 4; i++) sum[i] = hn::Zero(d32);
    for (int g = 0; g < t.groups; g++, weight += 4 * kLanes) {
      const V32 w0 = hn::BitCast(d32, hn::Load(d16, weight)), w1 = hn::BitCast(d32, hn::Load(d16, weight + 2 * kLanes));
      const uint8_t* from = row + g * 4 * kPixel;
      const auto one = [&](int i, V32 a, V32 b) HWY_ATTR __attribute__((always_inline)) {
        const V8 pixels = LoadBlocks(from, offset + i, 4);
        const V16 p0 = hn::BitCast(d16, hn::TableLookupBytesOr0(pixels, order0));
        const V16 p1 = hn::BitCast(d16, hn::TableLookupBytesOr0(pixels, order1));
        sum[i] = hn::Add(sum[i], hn::Add(PairDots(p0, hn::BitCast(d16, a)), PairDots(p1, hn::BitCast(d16, b))));
      };
      one(0, hn::Broadcast<0>(w0), hn::Broadcast<0>(w1));
      one(1, hn::Broadcast<1>(w0), hn::Broadcast<1>(w1));
      one(2, hn::Broadcast<2>(w0), hn::Broadcast<2>(w1));
      one(3, hn::Broadcast<3>(w0), hn::Broadcast<3>(w1));
    }
    Transpose4(sum);
    for (int k = 0; k < kChannels; k++) {
      hn::Store(hn::ConvertTo(DF(), sum[plan.source_channel[k]]), DF(), to + k * memory.pitch + x);
    }
  }
}

template <int kPixel, int kChannels, PixelType kType>
void FilterPixels(const Plan& plan, const SourceImage& in, const TargetImage& out, ptrdiff_t y0, ptrdiff_t y1,
                  std::byte* scratch, Band& band) {
  const FilterMemory memory(plan, scratch);
  memset(memory.end, 0, static_cast<size_t>(2 * FilterMemory::end_bytes(plan)));
  FilterRows<kChannels, kType>(plan, in, out, y0, y1, memory, band, [&](const uint8_t* row, float* to) HWY_ATTR {
    FilterPixelRow<kPixel, kChannels>(plan, row, to, memory);
  });
}

template <int kPixel, int kChannels>
Kernel PixelsForType(PixelType type) {
  if (type == PixelType::kFloat16) return &FilterPixels<kPixel, kChannels, PixelType::kFloat16>;
  if (type == PixelType::kUint8) return &FilterPixels<kPixel, kChannels, PixelType::kUint8>;
  return &FilterPixels<kPixel, kChannels, PixelType::kFloat32>;
}

bool PlanFilterPixels(Plan* plan) {
  Tables& t = plan->tables;
  const Taps& columns = plan->columns;
  if (plan->key.channels == 1) return false;
  const int bits = most_bits(columns, 32767, 22);  // 255 * 2^22 is within 31
  const ptrdiff_t padded = (columns.count + kLanes - 1) / kLanes * kLanes;
  std::vector<int32_t> taps(static_cast<size_t>(t.groups) * 4);
  t.weight.resize(static_cast<size_t>(padded * t.groups * 4));
  for (ptrdiff_t x = 0; x < padded; x++) {
    const ptrdiff_t from = Least(x, columns.count - 1);
    integer_taps(columns, from, bits, taps.data());
    t.base.push_back(columns.start[from] * plan->key.channels);
    for (ptrdiff_t i = 0; i < columns.taps; i++) {  // vectors of pairs, one of taps 0 and 1, one of taps 2 and 3, ...
      const ptrdiff_t vector = x / kLanes * t.groups * 2 + i / 2;
      t.weight[vector * 2 * kLanes + x % kLanes * 2 + i % 2] = static_cast<int16_t>(taps[i]);
    }
  }
  t.window = 0;  // outputs whose loads end within the row
  while (t.window < columns.count && t.base[t.window] + FilterMemory::end_bytes(*plan) <= plan->row_bytes()) t.window++;
  scale_rows(plan, bits);
  const PixelType type = WrittenType(*plan);
  plan->kernel = plan->out_channels == 4   ? PixelsForType<4, 4>(type)
                 : plan->key.channels == 4 ? PixelsForType<4, 3>(type)
                                           : PixelsForType<3, 3>(type);
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
HWY_EXPORT(PlanFilterWindows);
HWY_EXPORT(PlanFilterPixels);

bool plan_filter(Plan* plan) {
  if (!is_common_image(*plan)) return false;
  bool done = false;
  for (const bool windows : {true, false}) {
    plan->tables = {};
    plan->tables.groups = static_cast<int>((plan->columns.taps + 3) / 4);
    done = done || (windows ? HWY_DYNAMIC_DISPATCH(PlanFilterWindows)(plan) : HWY_DYNAMIC_DISPATCH(PlanFilterPixels)(plan));
    if (done) break;
  }
  if (done) plan->scratch_bytes = FilterMemory::bytes(*plan);
  return done;
}

}  // namespace fastcv::preprocess
#endif
