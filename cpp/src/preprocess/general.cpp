// Any filter, type, channel count and layout. Vertical first: the rows an output row needs, weighed and summed as whole
// rows, in order of memory; then each output pixel's taps from that one line of floats, which lies in the cache.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "preprocess/general.cpp"
#include <cmath>

#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "preprocess/kernels.hpp"
#include "preprocess/store-inl.h"
#include "preprocess/tables.hpp"

#ifndef FASTCV_PREPROCESS_GENERAL_ONCE
#define FASTCV_PREPROCESS_GENERAL_ONCE
namespace fastcv::preprocess {
constexpr std::ptrdiff_t kTile = 64;     // output pixels from line to memory at a time
constexpr std::ptrdiff_t kSpare = 64;    // floats behind a buffer, written and read, never used
constexpr std::ptrdiff_t kManyRows = 8;  // bytes of so many are summed as integers
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
  std::vector<std::int32_t> taps(static_cast<std::size_t>((rows.taps + 3) / 4 * 4));
  for (std::ptrdiff_t y = 0; y < rows.count; y++) {
    integer_taps(rows, y, bits, taps.data());
    for (std::size_t i = 0; i < taps.size(); i += 4) {
      for (std::size_t k = i; k < i + 4; k++)
        plan->tables.rows.push_back(static_cast<std::int8_t>((taps[k] + 64) >> 7));
      for (std::size_t k = i; k < i + 4; k++) {
        plan->tables.rows.push_back(static_cast<std::int8_t>(taps[k] - ((taps[k] + 64) >> 7) * 128));
      }
    }
  }
  return true;
}
}  // namespace fastcv::preprocess
#endif

HWY_BEFORE_NAMESPACE();
#undef FASTCV_HAVE_BYTE_QUADS
#if HWY_TARGET == HWY_AVX3_DL
#define FASTCV_HAVE_BYTE_QUADS 1
HWY_PRAGMA(GCC target("avx512vnni"))  // part of the target, and asked for when it is chosen; only its name is missing
#else
#define FASTCV_HAVE_BYTE_QUADS 0
#endif
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
  for (; channels <= kWidth && i + 4 <= count; i += 4) {
    SumPixels<kWidth, 4>(line, taps, channels, x + i, tile + i * channels);
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

// sum_rows(y, first row, line): the vertical half.
template <class T, class SumRowsOf>
HWY_INLINE void GeneralRows(const Plan& plan, const SourceImage& in, const TargetImage& out, ptrdiff_t y0, ptrdiff_t y1,
                            std::byte* scratch, Band& band, const SumRowsOf& sum_rows) {
  const GeneralMemory memory = general_memory(plan, scratch);
  const Taps &rows = plan.rows, &columns = plan.columns;
  const ptrdiff_t channels = plan.key.channels;
  const auto sum_taps = channels == 1 ? &SumTaps<1> : channels == 2 ? &SumTaps<2> : &SumTaps<4>;
  for (ptrdiff_t y = y0; y < y1; y++) {
    sum_rows(y, RowOf(in, rows.start[y]) + columns.begin * channels * static_cast<ptrdiff_t>(sizeof(T)),
             (columns.end - columns.begin) * channels, memory.line);
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

template <class T>
void FloatRows(const Plan& plan, const SourceImage& in, const TargetImage& out, ptrdiff_t y0, ptrdiff_t y1,
               std::byte* scratch, Band& band) {
  GeneralRows<T>(plan, in, out, y0, y1, scratch, band,
                 [&](ptrdiff_t y, const uint8_t* first, ptrdiff_t count, float* line)
                     HWY_ATTR { SumRows<T>(first, in.row_stride, plan.rows.weights(y), plan.rows.taps, count, line); });
}

#if FASTCV_HAVE_BYTE_QUADS
void ManyRows(const Plan& plan, const SourceImage& in, const TargetImage& out, ptrdiff_t y0, ptrdiff_t y1,
              std::byte* scratch, Band& band) {
  const ptrdiff_t taps = plan.rows.taps, row_weights = (taps + 3) / 4 * 8;
  const float unit = std::ldexp(1.0f, -plan.tables.row_bits);
  GeneralRows<uint8_t>(plan, in, out, y0, y1, scratch, band,
                       [&](ptrdiff_t y, const uint8_t* first, ptrdiff_t count, float* line) HWY_ATTR {
                         SumManyRows(first, in.row_stride, plan.tables.rows.data() + y * row_weights, taps, unit, count,
                                     line);
                       });
}
#endif

void PlanGeneral(Plan* plan) {
#if FASTCV_HAVE_BYTE_QUADS
  if (plan->key.type == PixelType::kUint8 && plan->rows.taps >= kManyRows && set_quads(plan)) {
    plan->kernel = &ManyRows;
    return;
  }
#endif
  plan->kernel = plan->key.type == PixelType::kUint8    ? &FloatRows<uint8_t>
                 : plan->key.type == PixelType::kUint16 ? &FloatRows<uint16_t>
                                                        : &FloatRows<float>;
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
