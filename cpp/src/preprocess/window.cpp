// 8-bit images on AVX-512 with VBMI, one or two taps: one permutation takes the bytes of 16 outputs out of a window of
// a row, in the order that the sums want. Nearest, and bilinear to planes of floats: 16 pixels of one channel, from two
// or three vectors. Bilinear to all else: 16 values pixel by pixel, which need fewer bytes, parted at the end; that
// costs planes of floats more than it saves, and tables three times as long.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "preprocess/window.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "preprocess/kernels.hpp"
#include "preprocess/parting-inl.h"
#include "preprocess/window-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::preprocess {
namespace HWY_NAMESPACE {

#if FASTCV_HAVE_BYTE_WINDOWS

// ---- nearest -------------------------------------------------------------------------------

template <int kVectors, int kChannels, PixelType kType>
HWY_NOINLINE void NearestRow(const Plan& plan, const Scaling<kChannels>& scaling, const uint8_t* row, Ahead ahead,
                             Row<kChannels> to) {
  const DF df;
  Constants<kChannels> constant;
  constant.Set(plan, scaling);
  const uint8_t* index = plan.tables.index.data();
  const ptrdiff_t* base = plan.tables.base.data();
  ForEachBlock(0, window_blocks(plan), plan.columns.count,
               [=](ptrdiff_t b, ptrdiff_t count, auto whole) HWY_ATTR __attribute__((always_inline)) {
                 ahead.Fetch<1>(base[b]);
                 ByteWindow<kVectors> window;
                 window.Load(row + base[b]);
                 const V8 first = hn::Load(D8(), index + b * 64);
                 HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < kChannels; k++) {
                   const V8 bytes = window.LookupWide(hn::Add(first, constant.shift[k]));
                   const VF v = hn::ConvertTo(df, hn::BitCast(D32(), bytes));
                   StoreValues<kType, decltype(whole)::kValue>(hn::MulAdd(v, constant.gain[k], constant.bias[k]),
                                                               to.plane[k], b * kBlock, count);
                 }
               });
}

template <int kVectors, int kChannels, PixelType kType>
void NearestWindows(const Plan& plan, const SourceImage& in, const TargetImage& out, ptrdiff_t y0, ptrdiff_t y1,
                    std::byte* scratch, Band& band) {
  const Scaling<kChannels> scaling(plan, 1.0f);
  NarrowRow copy;
  ForEachRow<kChannels>(plan, out, y0, y1, scratch, band, [&](ptrdiff_t y, const Row<kChannels>& to) HWY_ATTR {
    const uint8_t* row = RowOf(in, plan.rows.start[y]);
    NearestRow<kVectors, kChannels, kType>(plan, scaling, Readable(plan, row, &copy), Ahead(plan, in, y), to);
  });
}

// ---- two taps, planes of floats --------------------------------------------------------------

// Two vectors of each of two rows, and one that both share: of the pixels that begin at kNear or later, which end
// within it. Those before end within the first two.
constexpr ptrdiff_t kNear = 124, kSharedWindow = kNear + 32;

// Looks up bytes of one row in even places and of another one in odd places.
template <ptrdiff_t kWindow>
struct PairWindow {
  ByteWindow<kWindow / 64> a, b;
  HWY_INLINE void Load(const uint8_t* row_a, const uint8_t* row_b) {
    a.Load(row_a);
    b.Load(row_b);
  }
  HWY_INLINE V8 Lookup(V8 index, hn::Mask<D8> odd) const {
    return hn::IfThenElse(odd, b.Lookup(index), a.Lookup(index));
  }
};
// The pixels from kNear on of both rows share a vector.
template <>
struct PairWindow<kSharedWindow> {
  ByteWindow<2> a, b;
  V8 rest;
  HWY_INLINE void Load(const uint8_t* row_a, const uint8_t* row_b) {
    a.Load(row_a);
    b.Load(row_b);
    const hn::Half<D8> half;
    rest = hn::Combine(D8(), hn::LoadU(half, row_b + kNear), hn::LoadU(half, row_a + kNear));
  }
  HWY_INLINE V8 Lookup(V8 index, hn::Mask<D8> odd) const {
    const V8 near = hn::IfThenElse(odd, b.Lookup(index), a.Lookup(index));
    return V8{_mm512_mask_permutexvar_epi8(near.raw, _mm512_movepi8_mask(index.raw), index.raw, rest.raw)};
  }
};

template <ptrdiff_t kWindow, int kChannels>
HWY_NOINLINE void PlanesRow(const Plan& plan, const Scaling<kChannels>& scaling, const uint8_t* row_a,
                            const uint8_t* row_b, const int8_t* w, Ahead ahead, Row<kChannels> to) {
  const D16 d16;
  Constants<kChannels> constant;
  constant.Set(plan, scaling);
  const RowWeights weights(w);
  const auto odd = hn::MaskFromVec(hn::BitCast(D8(), hn::Set(d16, static_cast<int16_t>(0xFF00))));
  const uint8_t* index = plan.tables.index.data();
  const int16_t* weight = plan.tables.weight.data();
  const ptrdiff_t* base = plan.tables.base.data();
  ForEachBlock(0, window_blocks(plan), plan.columns.count,
               [=](ptrdiff_t b, ptrdiff_t count, auto whole) HWY_ATTR __attribute__((always_inline)) {
                 V8 first = hn::Load(D8(), index + b * 64);
                 V16 columns = hn::Load(d16, weight + b * 32);
                 KeepInRegister(first);
                 KeepInRegister(columns);
                 ahead.template Fetch<2>(base[b]);
                 PairWindow<kWindow> window;
                 window.Load(row_a + base[b], row_b + base[b]);
                 V8 at[kChannels], pairs[kChannels];
                 V16 blended[kChannels];
                 HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < kChannels; k++) at[k] = hn::Add(first, constant.shift[k]);
                 HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < kChannels; k++) pairs[k] = window.Lookup(at[k], odd);
                 weights.Blend(pairs, blended);
                 HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < kChannels; k++) {
                   const VF sum = hn::ConvertTo(DF(), PairDots(blended[k], columns));
                   StoreValues<PixelType::kFloat32, decltype(whole)::kValue>(
                       hn::MulAdd(sum, constant.gain[k], constant.bias[k]), to.plane[k], b * kBlock, count);
                 }
               });
}

template <ptrdiff_t kWindow, int kChannels>
void PlanesWindows(const Plan& plan, const SourceImage& in, const TargetImage& out, ptrdiff_t y0, ptrdiff_t y1,
                   std::byte*, Band& band) {
  const Scaling<kChannels> scaling(plan, 1.0f / (64.0f * (1 << kColumnBits)));
  NarrowRow copies[2];
  for (ptrdiff_t y = y0; y < y1; y++) {
    const TwoRows rows(plan, in, y, copies);
    PlanesRow<kWindow, kChannels>(plan, scaling, rows.a, rows.b, rows.w, Ahead(plan, in, y),
                                  Row<kChannels>(Offset(out.data, y * out.row_stride), out.plane_stride));
    if (y % kRowsBetweenChecks == 0) band.checkpoint();
  }
}

// ---- two taps, pixel by pixel ----------------------------------------------------------------

constexpr ptrdiff_t kStripBlocks = 20;

// Bytes of row a in even places and of row b in odd places, of windows that begin at `base`.
template <int kVectors>
HWY_INLINE V8 LookupRows(const uint8_t* a, const uint8_t* b, ptrdiff_t base, V8 index) {
  const auto odd = hn::MaskFromVec(hn::BitCast(D8(), hn::Set(D16(), static_cast<int16_t>(0xFF00))));
  ByteWindow<kVectors> window_a, window_b;
  window_a.Load(a + base);
  window_b.Load(b + base);
  return hn::IfThenElse(odd, window_b.Lookup(index), window_a.Lookup(index));
}

// Lanes are values, pixel by pixel: bytes for 16 of them lie close together.
template <int kVectors, int kChannels, PixelType kType, bool kPlanar>
HWY_NOINLINE void BilinearRow(const Plan& plan, ptrdiff_t begin, ptrdiff_t end, const uint8_t* row_a,
                              const uint8_t* row_b, const int8_t* w, Ahead ahead, Row<kChannels> to) {
  const DF df;
  const D16 d16;
  VF gain[kChannels], bias[kChannels];
  HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kChannels; i++) {
    gain[i] = hn::Load(df, plan.tables.gain.data() + i * kBlock);
    bias[i] = hn::Load(df, plan.tables.bias.data() + i * kBlock);
  }
  const RowWeights weights(w);
  const uint8_t* index = plan.tables.index.data();
  const int16_t* weight = plan.tables.weight.data();
  const ptrdiff_t* base = plan.tables.base.data();
  ForEachBlock(begin, end, plan.columns.count,
               [=](ptrdiff_t b, ptrdiff_t count, auto whole) HWY_ATTR __attribute__((always_inline)) {
                 const ptrdiff_t first = b * kChannels;
                 ahead.template Fetch<2>(base[first]);
                 V8 pairs[kChannels];
                 V16 blended[kChannels];
                 VF v[kChannels];
                 HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kChannels; i++) {
                   V8 at = hn::Load(D8(), index + (first + i) * 64);
                   KeepInRegister(at);
                   pairs[i] = LookupRows<kVectors>(row_a, row_b, base[first + i], at);
                 }
                 weights.Blend(pairs, blended);
                 HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kChannels; i++) {
                   const V32 sum = PairDots(blended[i], hn::Load(d16, weight + (first + i) * 32));
                   v[i] = hn::MulAdd(hn::ConvertTo(df, sum), gain[i], bias[i]);
                 }
                 StoreParted<kChannels, kType, kPlanar, decltype(whole)::kValue>(v, to.plane, b * kBlock, count);
               });
}

template <int kVectors, int kChannels, PixelType kType, bool kPlanar>
void BilinearWindows(const Plan& plan, const SourceImage& in, const TargetImage& out, ptrdiff_t y0, ptrdiff_t y1,
                     std::byte*, Band& band) {
  NarrowRow copies[2];
  // In strips of columns whose tables, 128 bytes a vector, stay in the first cache beside the rows.
  const ptrdiff_t blocks = window_blocks(plan), strips = (blocks + kStripBlocks - 1) / kStripBlocks;
  for (ptrdiff_t strip = 0; strip < strips; strip++) {
    const ptrdiff_t begin = strip * blocks / strips, end = (strip + 1) * blocks / strips;
    for (ptrdiff_t y = y0; y < y1; y++) {
      const TwoRows rows(plan, in, y, copies);
      BilinearRow<kVectors, kChannels, kType, kPlanar>(
          plan, begin, end, rows.a, rows.b, rows.w, Ahead(plan, in, y),
          Row<kChannels>(Offset(out.data, y * out.row_stride), kPlanar ? out.plane_stride : 0));
      if (y % kRowsBetweenChecks == 0) band.checkpoint();
    }
  }
}

// ---- choice --------------------------------------------------------------------------------

template <int kChannels, PixelType kType>
Kernel NearestOf(const Plan& plan) {
  return plan.tables.window == 128 ? &NearestWindows<2, kChannels, kType> : &NearestWindows<3, kChannels, kType>;
}
template <int kChannels, PixelType kType, bool kPlanar>
Kernel BilinearOf(ptrdiff_t window) {
  return window == 64 ? &BilinearWindows<1, kChannels, kType, kPlanar> : &BilinearWindows<2, kChannels, kType, kPlanar>;
}
template <int kChannels, PixelType kType>
Kernel BilinearOf(const Plan& plan) {
  if (kChannels > 1 && plan.layout == PixelLayout::kHwc) {
    return BilinearOf<kChannels, kType, kChannels == 1>(plan.tables.window);
  }
  return BilinearOf<kChannels, kType, true>(plan.tables.window);
}
template <int kChannels>
Kernel NearestOf(const Plan& plan) {
  const PixelType type = WrittenType(plan);
  if (type == PixelType::kFloat16) return NearestOf<kChannels, PixelType::kFloat16>(plan);
  if (type == PixelType::kUint8) return NearestOf<kChannels, PixelType::kUint8>(plan);
  return NearestOf<kChannels, PixelType::kFloat32>(plan);
}
template <int kChannels>
Kernel BilinearOf(const Plan& plan) {
  if (plan.dtype == PixelType::kFloat16) return BilinearOf<kChannels, PixelType::kFloat16>(plan);
  if (plan.dtype == PixelType::kUint8) return BilinearOf<kChannels, PixelType::kUint8>(plan);
  return BilinearOf<kChannels, PixelType::kFloat32>(plan);
}

bool PlanNearest(Plan* plan) {
  Tables& t = plan->tables;
  if (!set_windows(*plan, {128, kMostWindow}, &t)) return false;
  for (ptrdiff_t x = 0; x < window_blocks(*plan) * kBlock; x++) {
    t.index.insert(t.index.end(), 4, window_byte(*plan, t, x, 0));
  }
  plan->kernel = plan->out_channels == 1   ? NearestOf<1>(*plan)
                 : plan->out_channels == 3 ? NearestOf<3>(*plan)
                                           : NearestOf<4>(*plan);
  plan->scratch_bytes = planes_bytes(*plan);
  return true;
}

template <int kChannels>
Kernel PlanesOf(const Plan& plan) {
  return plan.tables.window == 128             ? &PlanesWindows<128, kChannels>
         : plan.tables.window == kSharedWindow ? &PlanesWindows<kSharedWindow, kChannels>
                                               : &PlanesWindows<kMostWindow, kChannels>;
}

// Weights of column x, for both lanes of a pair.
void AddColumnWeights(const Plan& plan, ptrdiff_t x, Tables* t) {
  const int w = second_weight(plan.columns, Least(x, plan.columns.count - 1));
  t->weight.push_back(static_cast<int16_t>((1 << kColumnBits) - w));
  t->weight.push_back(static_cast<int16_t>(w));
}

bool PlanPlanes(Plan* plan) {
  Tables& t = plan->tables;
  if (plan->dtype != PixelType::kFloat32 || plan->layout == PixelLayout::kHwc || plan->out_channels == 1) return false;
  if (!set_windows(*plan, {128, kSharedWindow, kMostWindow}, &t)) return false;
  for (ptrdiff_t x = 0; x < window_blocks(*plan) * kBlock; x++) {
    for (const ptrdiff_t tap : {0, 1}) {
      const uint8_t byte = window_byte(*plan, t, x, tap);
      const bool shared = t.window == kSharedWindow && byte >= kNear;
      t.index.push_back(static_cast<uint8_t>(shared ? 128 + byte - kNear : byte));
      t.index.push_back(static_cast<uint8_t>(shared ? 160 + byte - kNear : byte));
    }
    AddColumnWeights(*plan, x, &t);
  }
  set_two_rows(*plan, &t);
  plan->kernel = plan->out_channels == 3 ? PlanesOf<3>(*plan) : PlanesOf<4>(*plan);
  plan->scratch_bytes = 0;
  return true;
}

bool PlanBilinear(Plan* plan) {
  Tables& t = plan->tables;
  if (PlanPlanes(plan)) return true;
  if (!set_lane_windows(*plan, 128, &t)) return false;
  const Taps& columns = plan->columns;
  const ptrdiff_t second = columns.taps > 1 ? plan->key.channels : 0;
  for (ptrdiff_t i = 0; i < lane_vectors(*plan) * kBlock; i++) {
    const ptrdiff_t byte = lane_byte(*plan, t, i);
    t.index.insert(t.index.end(), 2, static_cast<uint8_t>(byte));
    t.index.insert(t.index.end(), 2, static_cast<uint8_t>(byte + second));
    AddColumnWeights(*plan, i / plan->out_channels, &t);
  }
  set_lane_scaling(*plan, 6 + kColumnBits, &t);
  set_two_rows(*plan, &t);
  plan->kernel = plan->out_channels == 1   ? BilinearOf<1>(*plan)
                 : plan->out_channels == 3 ? BilinearOf<3>(*plan)
                                           : BilinearOf<4>(*plan);
  plan->scratch_bytes = 0;
  return true;
}

bool PlanWindow(Plan* plan) { return has_one_tap(*plan) ? PlanNearest(plan) : PlanBilinear(plan); }

#else
bool PlanWindow(Plan*) { return false; }
#endif

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::preprocess
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fastcv::preprocess {
HWY_EXPORT(PlanWindow);

bool plan_window(Plan* plan) {
  if (!is_common_image(*plan) || !has_two_taps(*plan)) return false;
  return HWY_DYNAMIC_DISPATCH(PlanWindow)(plan);
}

}  // namespace fastcv::preprocess
#endif
