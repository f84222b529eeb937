// Any filter, type, channel count and layout. Vertical first: the rows an output row needs, weighed and summed as whole
// rows, in order of memory; then each output pixel's taps from that one line of floats, which lies in the cache.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "preprocess/general.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "preprocess/kernels.hpp"
#include "preprocess/store-inl.h"

#ifndef FASTCV_PREPROCESS_GENERAL_ONCE
#define FASTCV_PREPROCESS_GENERAL_ONCE
namespace fastcv::preprocess {
constexpr std::ptrdiff_t kTile = 64;   // output pixels from line to memory at a time
constexpr std::ptrdiff_t kSpare = 32;  // floats behind a buffer, written and read, never used
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

// ---- vertical ------------------------------------------------------------------------------

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

// ---- horizontal ----------------------------------------------------------------------------

// Lanes are channels, kWidth at a time; what is written beyond a pixel is overwritten by the next.
template <int kWidth>
HWY_NOINLINE void SumTaps(const float* line, const Taps& taps, ptrdiff_t channels, ptrdiff_t x, ptrdiff_t count,
                          float* tile) {
  const hn::CappedTag<float, kWidth> d;
  for (ptrdiff_t i = 0; i < count; i++) {
    const float* pixel = line + (taps.start[x + i] - taps.begin) * channels;
    const float* weight = taps.weights(x + i);
    for (ptrdiff_t c = 0; c < channels; c += kWidth) {
      auto sum = hn::Mul(hn::LoadU(d, pixel + c), hn::Set(d, weight[0]));
      for (ptrdiff_t t = 1; t < taps.taps; t++) {
        sum = hn::MulAdd(hn::LoadU(d, pixel + t * channels + c), hn::Set(d, weight[t]), sum);
      }
      hn::StoreU(sum, d, tile + i * channels + c);
    }
  }
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

template <class T>
void GeneralRows(const Plan& plan, const SourceImage& in, const TargetImage& out, ptrdiff_t y0, ptrdiff_t y1,
                 std::byte* scratch, Band& band) {
  const GeneralMemory memory = general_memory(plan, scratch);
  const Taps &rows = plan.rows, &columns = plan.columns;
  const ptrdiff_t channels = plan.key.channels, values = (columns.end - columns.begin) * channels;
  const auto sum_taps = channels == 1 ? &SumTaps<1> : channels == 2 ? &SumTaps<2> : &SumTaps<4>;
  for (ptrdiff_t y = y0; y < y1; y++) {
    const uint8_t* first = RowOf(in, rows.start[y]) + columns.begin * channels * static_cast<ptrdiff_t>(sizeof(T));
    SumRows<T>(first, in.row_stride, rows.weights(y), rows.taps, values, memory.line);
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

void GeneralUint8(const Plan& plan, const SourceImage& in, const TargetImage& out, ptrdiff_t y0, ptrdiff_t y1,
                  std::byte* scratch, Band& band) {
  GeneralRows<uint8_t>(plan, in, out, y0, y1, scratch, band);
}
void GeneralUint16(const Plan& plan, const SourceImage& in, const TargetImage& out, ptrdiff_t y0, ptrdiff_t y1,
                   std::byte* scratch, Band& band) {
  GeneralRows<uint16_t>(plan, in, out, y0, y1, scratch, band);
}
void GeneralFloat(const Plan& plan, const SourceImage& in, const TargetImage& out, ptrdiff_t y0, ptrdiff_t y1,
                  std::byte* scratch, Band& band) {
  GeneralRows<float>(plan, in, out, y0, y1, scratch, band);
}

Kernel GeneralKernel(PixelType type) {
  return type == PixelType::kUint8 ? &GeneralUint8 : type == PixelType::kUint16 ? &GeneralUint16 : &GeneralFloat;
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
HWY_EXPORT(GeneralKernel);
HWY_EXPORT(ConvertValues);
HWY_EXPORT(TargetBit);

std::int64_t current_target() { return HWY_DYNAMIC_DISPATCH(TargetBit)(); }

void convert_values(PixelType type, const float* from, std::ptrdiff_t count, void* to) {
  HWY_DYNAMIC_DISPATCH(ConvertValues)(type, from, count, to);
}

bool plan_general(Plan* plan) {
  plan->kernel = HWY_DYNAMIC_DISPATCH(GeneralKernel)(plan->key.type);
  plan->scratch_bytes = rounded_up(line_floats(*plan) * sizeof(float)) +
                        rounded_up(tile_floats(*plan) * sizeof(float)) +
                        static_cast<std::size_t>(plan->out_channels * kTile) * sizeof(float);
  return true;
}

}  // namespace fastcv::preprocess
#endif
