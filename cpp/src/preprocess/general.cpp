// Any filter, type, channel count and layout. Vertical first: the rows an output row needs, weighed and summed as whole
// rows, in order of memory; then each output pixel's taps from that one line of floats, which lies in the cache.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "preprocess/general.cpp"
#include <cmath>

#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "preprocess/kernels.hpp"
#include "preprocess/store-inl.h"
#include "preprocess/sum_rows-inl.h"

#ifndef FASTCV_PREPROCESS_GENERAL_ONCE
#define FASTCV_PREPROCESS_GENERAL_ONCE
namespace fastcv::preprocess {
constexpr std::ptrdiff_t kTile = 64;   // output pixels from line to memory at a time
constexpr std::ptrdiff_t kSpare = 64;  // floats behind a buffer, written and read, never used
constexpr std::ptrdiff_t kRowsBetweenChecks = 8;

// One thread's buffers.
struct GeneralMemory {
  float* line;    // the weighed sum of source rows, columns.begin on
  float* tile;    // resized pixels, interleaved
  float* planes;  // normalised values, one plane an output channel, kTile floats each
};
inline std::size_t line_floats(const Plan& p) {
  return static_cast<std::size_t>((p.columns.end - p.columns.begin) * p.key.channels + kSpare);
}
inline std::size_t tile_floats(const Plan& p) { return static_cast<std::size_t>(kTile * p.key.channels + kSpare); }
inline GeneralMemory general_memory(const Plan& p, std::byte* scratch) {
  GeneralMemory m;
  m.line = reinterpret_cast<float*>(scratch);
  m.tile = reinterpret_cast<float*>(scratch + rounded_up(line_floats(p) * sizeof(float)));
  m.planes =
      reinterpret_cast<float*>(reinterpret_cast<std::byte*>(m.tile) + rounded_up(tile_floats(p) * sizeof(float)));
  return m;
}
}  // namespace fastcv::preprocess
#endif

HWY_BEFORE_NAMESPACE();
namespace fastcv::preprocess {
namespace HWY_NAMESPACE {

// ---- horizontal ----------------------------------------------------------------------------

// Lanes are channels, kWidth at a time; what is written beyond a pixel is overwritten by the next. kTogether pixels
// take turns: each sum waits for itself.
template <int kWidth, int kTogether>
HWY_INLINE void SumPixels(const float* line, const Taps& taps, ptrdiff_t channels, ptrdiff_t x, float* to) {
  const hn::CappedTag<float, kWidth> d;
  const float *pixel[kTogether], *weight[kTogether];
  for (int j = 0; j < kTogether; j++) {
    pixel[j] = line + (taps.start[x + j] - taps.begin) * channels;
    weight[j] = taps.weights(x + j);
  }
  for (ptrdiff_t c = 0; c < channels; c += kWidth) {
    hn::Vec<decltype(d)> sum[kTogether];
    HWY_PRAGMA(GCC unroll 4)
    for (int j = 0; j < kTogether; j++) sum[j] = hn::Mul(hn::LoadU(d, pixel[j] + c), hn::Set(d, weight[j][0]));
    for (ptrdiff_t t = 1; t < taps.taps; t++) {
      HWY_PRAGMA(GCC unroll 4)
      for (int j = 0; j < kTogether; j++) {
        sum[j] = hn::MulAdd(hn::LoadU(d, pixel[j] + t * channels + c), hn::Set(d, weight[j][t]), sum[j]);
      }
    }
    for (int j = 0; j < kTogether; j++) hn::StoreU(sum[j], d, to + j * channels + c);
  }
}

template <int kWidth>
HWY_NOINLINE void SumTaps(const float* line, const Taps& taps, ptrdiff_t channels, ptrdiff_t x, ptrdiff_t count,
                          float* tile) {
  // With more channels than lanes a pixel's last write would reach into the next one's first values.
  ptrdiff_t i = 0;
  if constexpr (kWidth == 4) {
    for (; channels <= kWidth && i + 4 <= count; i += 4) {
      SumPixels<kWidth, 4>(line, taps, channels, x + i, tile + i * channels);
    }
  }
  for (; i < count; i++) SumPixels<kWidth, 1>(line, taps, channels, x + i, tile + i * channels);
}

// ---- normalise and store -------------------------------------------------------------------

// kLanes pixels of the tile, one plane after the other.
HWY_INLINE void Separate(const float* tile, ptrdiff_t channels, float* planes) {
  const DF d;
  VF a, b, c, e;
  if (channels == 1) {
    hn::Store(hn::LoadU(d, tile), d, planes);
  } else if (channels == 3) {
    hn::LoadInterleaved3(d, tile, a, b, c);
    hn::Store(a, d, planes);
    hn::Store(b, d, planes + kLanes);
    hn::Store(c, d, planes + 2 * kLanes);
  } else {
    hn::LoadInterleaved4(d, tile, a, b, c, e);
    hn::Store(a, d, planes);
    hn::Store(b, d, planes + kLanes);
    hn::Store(c, d, planes + 2 * kLanes);
    hn::Store(e, d, planes + 3 * kLanes);
  }
}

HWY_INLINE VF Normalised(const Plan& plan, ptrdiff_t k, VF v) {
  const DF d;
  if (plan.clip) v = hn::Min(hn::Max(v, hn::Set(d, plan.low)), hn::Set(d, plan.high));
  return hn::MulAdd(v, hn::Set(d, plan.gain[k]), hn::Set(d, plan.bias[k]));
}

// The tile's pixels into one plane of kTile floats an output channel.
HWY_NOINLINE void ToPlanes(const Plan& plan, const float* tile, ptrdiff_t count, float* planes) {
  const DF d;
  const ptrdiff_t channels = plan.key.channels;
  if (channels == 1 || channels == 3 || channels == 4) {
    alignas(64) float separate[4 * kLanes];
    for (ptrdiff_t i = 0; i < count; i += kLanes) {
      Separate(tile + i * channels, channels, separate);
      for (ptrdiff_t k = 0; k < plan.out_channels; k++) {
        const VF v = hn::Load(d, separate + plan.source_channel[k] * kLanes);
        hn::StoreU(Normalised(plan, k, v), d, planes + k * kTile + i);
      }
    }
    return;
  }
  for (ptrdiff_t k = 0; k < plan.out_channels; k++) {
    float* plane = planes + k * kTile;
    const float* from = tile + plan.source_channel[k];
    for (ptrdiff_t i = 0; i < count; i++) plane[i] = from[i * channels];
    for (ptrdiff_t i = 0; i < count; i += kLanes) {
      hn::StoreU(Normalised(plan, k, hn::LoadU(d, plane + i)), d, plane + i);
    }
  }
}

template <PixelType kType>
HWY_NOINLINE void StorePlanes(const Plan& plan, const float* planes, ptrdiff_t count, ptrdiff_t plane_stride, void* row,
                              ptrdiff_t x) {
  const DF d;
  for (ptrdiff_t k = 0; k < plan.out_channels; k++) {
    const float* from = planes + k * kTile;
    void* to = Offset(row, k * plane_stride);
    ptrdiff_t i = 0;
    for (; i + kLanes <= count; i += kLanes) StoreAll<kType>(hn::LoadU(d, from + i), to, x + i);
    if (i < count) StoreSome<kType>(hn::LoadU(d, from + i), to, x + i, count - i);
  }
}

HWY_INLINE void StoreTile(const Plan& plan, const float* planes, ptrdiff_t count, const TargetImage& out, void* row,
                          ptrdiff_t x) {
  if (plan.layout == PixelLayout::kHwc) {
    return StorePixels(plan, planes, kTile, count, Offset(row, x * plan.out_channels * Plan::item_size(plan.dtype)));
  }
  switch (plan.dtype) {
    case PixelType::kFloat16:
      return StorePlanes<PixelType::kFloat16>(plan, planes, count, out.plane_stride, row, x);
    case PixelType::kUint8:
      return StorePlanes<PixelType::kUint8>(plan, planes, count, out.plane_stride, row, x);
    default:
      return StorePlanes<PixelType::kFloat32>(plan, planes, count, out.plane_stride, row, x);
  }
}

// ---- rows ----------------------------------------------------------------------------------

// The vertical half: `count` values of output row y, whose first source row begins at `first`, to `line`.
using SumRowsOf = void (*)(const Plan& plan, ptrdiff_t y, const uint8_t* first, ptrdiff_t stride, ptrdiff_t count,
                           float* line);

template <class T>
void SumFloats(const Plan& plan, ptrdiff_t y, const uint8_t* first, ptrdiff_t stride, ptrdiff_t count, float* line) {
  SumRows<T>(first, stride, plan.rows.weights(y), plan.rows.taps, count, line);
}

#if FASTCV_HAVE_BYTE_QUADS
void SumQuads(const Plan& plan, ptrdiff_t y, const uint8_t* first, ptrdiff_t stride, ptrdiff_t count, float* line) {
  const ptrdiff_t taps = plan.rows.taps, row_weights = (taps + 3) / 4 * 8;
  SumManyRows(first, stride, plan.tables.rows.data() + y * row_weights, taps, std::ldexp(1.0f, -plan.tables.row_bits),
              count, line);
}
#endif

HWY_NOINLINE void GeneralRows(const Plan& plan, const SourceImage& in, const TargetImage& out, ptrdiff_t y0,
                              ptrdiff_t y1, std::byte* scratch, Band& band, SumRowsOf sum_rows) {
  const GeneralMemory memory = general_memory(plan, scratch);
  const Taps &rows = plan.rows, &columns = plan.columns;
  const ptrdiff_t channels = plan.key.channels;
  const auto sum_taps = channels == 1 ? &SumTaps<1> : channels == 2 ? &SumTaps<2> : &SumTaps<4>;
  for (ptrdiff_t y = y0; y < y1; y++) {
    sum_rows(plan, y, RowOf(in, rows.start[y]) + columns.begin * channels * Plan::item_size(plan.key.type),
             in.row_stride, (columns.end - columns.begin) * channels, memory.line);
    void* row = Offset(out.data, y * out.row_stride);
    for (ptrdiff_t x = 0; x < columns.count; x += kTile) {
      const ptrdiff_t count = columns.count - x < kTile ? columns.count - x : kTile;
      sum_taps(memory.line, columns, channels, x, count, memory.tile);
      ToPlanes(plan, memory.tile, count, memory.planes);
      StoreTile(plan, memory.planes, count, out, row, x);
    }
    if (y % kRowsBetweenChecks == 0) band.checkpoint();
  }
}

template <SumRowsOf kSum>
void Rows(const Plan& plan, const SourceImage& in, const TargetImage& out, ptrdiff_t y0, ptrdiff_t y1,
          std::byte* scratch, Band& band) {
  GeneralRows(plan, in, out, y0, y1, scratch, band, kSum);
}

void PlanGeneral(Plan* plan) {
#if FASTCV_HAVE_BYTE_QUADS
  if (plan->key.type == PixelType::kUint8 && plan->rows.taps >= kManyRows && set_quads(plan)) {
    plan->kernel = &Rows<&SumQuads>;
    return;
  }
#endif
  plan->kernel = plan->key.type == PixelType::kUint8    ? &Rows<&SumFloats<uint8_t>>
                 : plan->key.type == PixelType::kUint16 ? &Rows<&SumFloats<uint16_t>>
                                                        : &Rows<&SumFloats<float>>;
}

template <PixelType kType>
void Convert(const float* from, ptrdiff_t count, void* to) {
  for (ptrdiff_t i = 0; i < count; i += kLanes) {
    const ptrdiff_t n = count - i < kLanes ? count - i : kLanes;
    StoreSome<kType>(LoadFirst(DF(), from + i, static_cast<size_t>(n)), to, i, n);
  }
}
void ConvertValues(PixelType type, const float* from, ptrdiff_t count, void* to) {
  if (type == PixelType::kFloat16) return Convert<PixelType::kFloat16>(from, count, to);
  if (type == PixelType::kUint8) return Convert<PixelType::kUint8>(from, count, to);
  Convert<PixelType::kFloat32>(from, count, to);
}

int64_t TargetBit() { return HWY_TARGET; }

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::preprocess
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fastcv::preprocess {
HWY_EXPORT(PlanGeneral);
HWY_EXPORT(ConvertValues);
HWY_EXPORT(TargetBit);

std::int64_t current_target() { return HWY_DYNAMIC_DISPATCH(TargetBit)(); }

void convert_values(PixelType type, const float* from, std::ptrdiff_t count, void* to) {
  HWY_DYNAMIC_DISPATCH(ConvertValues)(type, from, count, to);
}

bool plan_general(Plan* plan) {
  HWY_DYNAMIC_DISPATCH(PlanGeneral)(plan);
  plan->scratch_bytes = rounded_up(line_floats(*plan) * sizeof(float)) +
                        rounded_up(tile_floats(*plan) * sizeof(float)) +
                        static_cast<std::size_t>(plan->out_channels * kTile) * sizeof(float);
  return true;
}

}  // namespace fastcv::preprocess
#endif
