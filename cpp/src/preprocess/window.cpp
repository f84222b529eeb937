// 8-bit images on AVX-512 with VBMI, one or two taps: one permutation takes the bytes of 16 outputs out of a window of
// a row, in the order that the sums want. Planes: 16 pixels of one channel, from two or three vectors. Interleaved
// results, and windows that would be too wide: 16 values pixel by pixel, which lie closer together, but whose tables
// are as many times longer as there are channels.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "preprocess/window.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "preprocess/kernels.hpp"
#include "preprocess/nearest_window-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::preprocess {
namespace HWY_NAMESPACE {

#if FASTCV_HAVE_BYTE_WINDOWS

// ---- two taps ------------------------------------------------------------------------------

template <int kVectors, int kChannels, PixelType kType>
HWY_NOINLINE void BilinearPlanes(const Plan& plan, const SourceImage& in, const TargetImage& out, const Part& part) {
  const D16 d16;
  const PlaneScaling<kChannels> scaling(Scaling<kChannels>(plan, kUnit, kZero));
  V8 channel[kChannels];
  HWY_PRAGMA(GCC unroll 4)
  for (int k = 0; k < kChannels; k++) channel[k] = hn::Set(D8(), static_cast<uint8_t>(plan.source_channel[k]));
  const uint8_t* index = plan.tables.index.data();
  const int16_t* weight = plan.tables.weight.data();
  const ptrdiff_t* base = plan.tables.base.data();
  // Where two rows and the two that come next would push each other out of the first cache, hardware does better.
  const bool fetches = 4 * plan.row_bytes() <= 16384;
  NarrowRow copies[2];
  for (ptrdiff_t y = part.y0; y < part.y1; y++) {
    const TwoRows rows(plan, in, y);
    const uint8_t *row_a = Readable(plan, rows.a, &copies[0]), *row_b = Readable(plan, rows.b, &copies[1]);
    const V16 second = hn::Set(d16, rows.second);
    const ptrdiff_t ahead = ToNextRow(plan, in, y);
    const Row<kChannels> to = PlanesOf<kChannels>(out, y);
    ForEachBlock(part.begin, part.end, plan.columns.count,
                 [&](ptrdiff_t b, ptrdiff_t count, auto whole) HWY_ATTR __attribute__((always_inline)) {
                   V8 first = hn::Load(D8(), index + b * 64);
                   V16 columns = hn::Load(d16, weight + b * 32);
                   KeepInRegister(first);
                   KeepInRegister(columns);
                   if (fetches) {
                     Prefetch<kVectors>(row_a + base[b] + ahead);
                     Prefetch<kVectors>(row_b + base[b] + ahead);
                   }
                   ByteWindow<kVectors> window_a, window_b;
                   window_a.Load(row_a + base[b]);
                   window_b.Load(row_b + base[b]);
                   const TwoWeights weights(columns, second);
                   HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < kChannels; k++) {
                     const V8 at = hn::Add(first, channel[k]);
                     const V32 sum =
                         WeighedSum(window_a.LookupPairs(at), weights.a, window_b.LookupPairs(at), weights.b);
                     scaling.template Store<kType>(hn::BitCast(DF(), sum), k, whole, to, b * kBlock, count);
                   }
                 });
  }
}

template <int kVectors, int kChannels, PixelType kType, bool kPlanar>
HWY_NOINLINE void BilinearLanes(const Plan& plan, const SourceImage& in, const TargetImage& out, const Part& part) {
  const D16 d16;
  const LaneScaling<kChannels> scaling(plan);
  const uint8_t* index = plan.tables.index.data();
  const int16_t* weight = plan.tables.weight.data();
  const ptrdiff_t* base = plan.tables.base.data();
  NarrowRow copies[2];
  for (ptrdiff_t y = part.y0; y < part.y1; y++) {
    const TwoRows rows(plan, in, y);
    const uint8_t *row_a = Readable(plan, rows.a, &copies[0]), *row_b = Readable(plan, rows.b, &copies[1]);
    const V16 second = hn::Set(d16, rows.second);
    const ptrdiff_t ahead = ToNextRow(plan, in, y);
    const Row<kChannels> to = LanesOf<kChannels, kPlanar>(out, y);
    ForEachBlock(part.begin, part.end, plan.columns.count,
                 [&](ptrdiff_t b, ptrdiff_t count, auto whole) HWY_ATTR __attribute__((always_inline)) {
                   VF v[kChannels];
                   HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kChannels; i++) {
                     const ptrdiff_t vector = b * kChannels + i;
                     V8 at = hn::Load(D8(), index + vector * 64);
                     V16 columns = hn::Load(d16, weight + vector * 32);
                     KeepInRegister(at);
                     KeepInRegister(columns);
                     Prefetch<kVectors>(row_a + base[vector] + ahead);
                     Prefetch<kVectors>(row_b + base[vector] + ahead);
                     ByteWindow<kVectors> window_a, window_b;
                     window_a.Load(row_a + base[vector]);
                     window_b.Load(row_b + base[vector]);
                     const TwoWeights weights(columns, second);
                     const V32 sum =
                         WeighedSum(window_a.LookupPairs(at), weights.a, window_b.LookupPairs(at), weights.b);
                     v[i] = hn::MulAdd(hn::BitCast(DF(), sum), scaling.gain[i], scaling.bias[i]);
                   }
                   StoreParted<kChannels, kType, kPlanar, decltype(whole)::kValue>(v, to.plane, b * kBlock, count);
                 });
  }
}

// ---- choice --------------------------------------------------------------------------------

constexpr ptrdiff_t kLaneStrip = 20, kNoStrip = PTRDIFF_MAX / 2;  // blocks

template <bool kTwo, int kVectors, int kChannels, PixelType kType>
constexpr Kernel PlanesKernel() {
  if constexpr (kTwo) return &InStrips<&BilinearPlanes<kVectors, kChannels, kType>, kNoStrip>;
  return &InStrips<&NearestPlanes<kVectors, kChannels, kType>, kNoStrip>;
}
template <bool kTwo, int kVectors, int kChannels, PixelType kType, bool kPlanar>
constexpr Kernel LanesKernel() {
  if constexpr (kTwo) return &InStrips<&BilinearLanes<kVectors, kChannels, kType, kPlanar>, kLaneStrip>;
  return &InStrips<&NearestLanes<kVectors, kChannels, kType, kPlanar>, kLaneStrip>;
}

constexpr ptrdiff_t FewVectors(ptrdiff_t out_channels) { return out_channels == 1 ? 1 : 2; }

// Whether planes are made channel by channel, where windows allow it: the narrower a type is, the more it costs to
// narrow vectors of one channel, and the less to part pixels.
constexpr bool GoesByPlanes(bool two, ptrdiff_t out_channels, PixelType type) {
  return !two || out_channels == 1 || type == PixelType::kFloat32;
}

template <bool kTwo>
struct Planes {
  template <int kChannels, PixelType kType>
  static Kernel Of(const Plan& plan) {
    if constexpr (GoesByPlanes(kTwo, kChannels, kType)) {
      constexpr int kFew = FewVectors(kChannels);
      return plan.tables.window == kFew * 64 ? PlanesKernel<kTwo, kFew, kChannels, kType>()
                                             : PlanesKernel<kTwo, 3, kChannels, kType>();
    }
    return nullptr;
  }
};
template <bool kTwo>
struct Lanes {
  template <int kChannels, PixelType kType>
  static Kernel Of(const Plan& plan) {
    if constexpr (kChannels > 1) {
      constexpr int kPlanarFew = GoesByPlanes(kTwo, kChannels, kType) ? 2 : 1;  // windows of one vector go by planes
      const bool few = plan.tables.window == 64;
      if (is_planar(plan)) {
        return few ? LanesKernel<kTwo, kPlanarFew, kChannels, kType, true>()
                   : LanesKernel<kTwo, 2, kChannels, kType, true>();
      }
      return few ? LanesKernel<kTwo, 1, kChannels, kType, false>() : LanesKernel<kTwo, 2, kChannels, kType, false>();
    }
    return nullptr;
  }
};

struct Bytes {
  template <int kChannels, PixelType kType>
  static Kernel Of(const Plan& plan) {
    if constexpr (kChannels > 1 && kType == PixelType::kUint8) {
      const bool few = plan.tables.window == 128;
      if (is_planar(plan)) {
        return few ? &InStrips<&NearestBytes<2, kChannels, true>, kNoStrip>
                   : &InStrips<&NearestBytes<3, kChannels, true>, kNoStrip>;
      }
      return few ? &InStrips<&NearestBytes<2, kChannels, false>, kNoStrip>
                 : &InStrips<&NearestBytes<3, kChannels, false>, kNoStrip>;
    }
    return nullptr;
  }
};

// Nearest: the bytes of a pixel. Two taps: those of the channel of both pixels, in the even places.
void AddIndex(bool two, std::ptrdiff_t first, std::ptrdiff_t step, Tables* t) {
  for (int i = 0; i < 4; i++) {
    const ptrdiff_t byte = !two ? first + i * step : i == 2 ? first + step : i == 0 ? first : 0;
    t->index.push_back(static_cast<uint8_t>(byte));
  }
}

// One tap.
bool PlanBytes(Plan* plan) {
  Tables& t = plan->tables;
  const ptrdiff_t channels = plan->out_channels;
  if (!keeps_bytes(*plan) || channels == 1 || !set_windows(*plan, {128, kMostWindow}, &t)) return false;
  for (ptrdiff_t b = 0; b < window_blocks(*plan); b++) {
    for (ptrdiff_t i = 0; i < 64; i++) {
      const ptrdiff_t value = Least(i, channels * kBlock - 1);  // none comes after them
      const ptrdiff_t x = is_planar(*plan) ? value % kBlock : value / channels;
      const ptrdiff_t k = is_planar(*plan) ? value / kBlock : value % channels;
      const ptrdiff_t byte = window_byte(*plan, t, b * kBlock + x, 0) + plan->source_channel[k];
      t.index.push_back(static_cast<uint8_t>(byte));
    }
  }
  plan->kernel = OfChannelsAndType<Bytes>(*plan);
  return true;
}

template <bool kTwo>
bool PlanPlanes(Plan* plan) {
  Tables& t = plan->tables;
  if (!is_planar(*plan) || !GoesByPlanes(kTwo, plan->out_channels, plan->dtype)) return false;
  if (!set_windows(*plan, {64 * FewVectors(plan->out_channels), kMostWindow}, &t)) return false;
  for (ptrdiff_t x = 0; x < window_blocks(*plan) * kBlock; x++) {
    const ptrdiff_t first = window_byte(*plan, t, x, 0);
    AddIndex(kTwo, first, kTwo ? window_byte(*plan, t, x, 1) - first : 1, &t);
    if (kTwo) add_two_columns(*plan, x, &t);
  }
  plan->kernel = OfChannelsAndType<Planes<kTwo>>(*plan);
  return true;
}

template <bool kTwo>
bool PlanLanes(Plan* plan) {
  Tables& t = plan->tables;
  t = {};
  const bool too_wide = is_planar(*plan) && GoesByPlanes(kTwo, plan->out_channels, plan->dtype);  // for planes
  if (plan->out_channels == 1 || !set_lane_windows(*plan, too_wide ? 128 : 64, 128, &t)) return false;
  const ptrdiff_t second = plan->columns.taps > 1 ? plan->key.channels : 0;
  for (ptrdiff_t i = 0; i < lane_vectors(*plan) * kBlock; i++) {
    AddIndex(true, lane_byte(*plan, t, i), second, &t);
    if (kTwo) add_two_columns(*plan, i / plan->out_channels, &t);
  }
  set_lane_scaling(*plan, kTwo ? kUnit : 1, kTwo ? kZero : 0, &t);
  plan->kernel = OfChannelsAndType<Lanes<kTwo>>(*plan);
  return true;
}

template <bool kTwo>
bool PlanEither(Plan* plan) {
  if ((kTwo || !PlanBytes(plan)) && !PlanPlanes<kTwo>(plan) && !PlanLanes<kTwo>(plan)) return false;
  if (kTwo) set_two_rows(*plan, &plan->tables);
  plan->scratch_bytes = 0;
  return true;
}

bool PlanWindow(Plan* plan) { return has_one_tap(*plan) ? PlanEither<false>(plan) : PlanEither<true>(plan); }

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
