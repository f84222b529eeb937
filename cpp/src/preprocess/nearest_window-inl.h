// The kernels of window.cpp for one tap.
#if defined(FASTCV_PREPROCESS_NEAREST_WINDOW) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_PREPROCESS_NEAREST_WINDOW
#undef FASTCV_PREPROCESS_NEAREST_WINDOW
#else
#define FASTCV_PREPROCESS_NEAREST_WINDOW
#endif

#include "preprocess/parting-inl.h"
#include "preprocess/window-inl.h"

#if FASTCV_HAVE_BYTE_WINDOWS  // around the namespace: Clang warns of one with attributes and no functions
HWY_BEFORE_NAMESPACE();
namespace fastcv::preprocess {
namespace HWY_NAMESPACE {

// 16 whole pixels are taken; a shuffle then has one channel of each.
template <int kVectors, int kChannels, PixelType kType>
HWY_NOINLINE void NearestPlanes(const Plan& plan, const SourceImage& in, const TargetImage& out, const Part& part) {
  const DF df;
  const D32 d32;
  const PlaneScaling<kChannels> scaling(Scaling<kChannels>(plan, 1));
  V8 channel[kChannels];
  alignas(16) static constexpr uint32_t kFirstBytes[4] = {0x80808000, 0x80808004, 0x80808008, 0x8080800C};
  HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < kChannels; k++) {
    const auto first = hn::LoadDup128(hn::ScalableTag<uint32_t>(), kFirstBytes);
    channel[k] =
        hn::BitCast(D8(), hn::Add(hn::BitCast(d32, first), hn::Set(d32, static_cast<int32_t>(plan.source_channel[k]))));
  }
  const uint8_t* index = plan.tables.index.data();
  const ptrdiff_t* base = plan.tables.base.data();
  NarrowRow copy;
  for (ptrdiff_t y = part.y0; y < part.y1; y++) {
    const uint8_t* row = Readable(plan, RowOf(in, plan.rows.start[y]), &copy);
    const ptrdiff_t ahead = ToNextRow(plan, in, y);
    const Row<kChannels> to = PlanesOf<kChannels>(out, y);
    ForEachBlock(part.begin, part.end, plan.columns.count,
                 [&](ptrdiff_t b, ptrdiff_t count, auto whole) HWY_ATTR __attribute__((always_inline)) {
                   const V8 at = hn::Load(D8(), index + b * 64);
                   Prefetch<kVectors>(row + base[b] + ahead);
                   ByteWindow<kVectors> window;
                   window.Load(row + base[b]);
                   const V8 pixels = kChannels > 1 ? window.Lookup(at) : window.LookupWide(at);
                   HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < kChannels; k++) {
                     const V8 bytes = kChannels > 1 ? hn::TableLookupBytesOr0(pixels, channel[k]) : pixels;
                     scaling.template Store<kType>(hn::ConvertTo(df, hn::BitCast(d32, bytes)), k, whole, to, b * kBlock,
                                                   count);
                   }
                 });
  }
}

// Bytes of several channels that stay what they are: the permutation has them as they are to lie.
template <int kVectors, int kChannels, bool kPlanar>
HWY_NOINLINE void NearestBytes(const Plan& plan, const SourceImage& in, const TargetImage& out, const Part& part) {
  const uint8_t* index = plan.tables.index.data();
  const ptrdiff_t* base = plan.tables.base.data();
  NarrowRow copy;
  for (ptrdiff_t y = part.y0; y < part.y1; y++) {
    const uint8_t* row = Readable(plan, RowOf(in, plan.rows.start[y]), &copy);
    const ptrdiff_t ahead = ToNextRow(plan, in, y);
    const Row<kChannels> to = LanesOf<kChannels, kPlanar>(out, y);
    ForEachBlock(part.begin, part.end, plan.columns.count,
                 [&](ptrdiff_t b, ptrdiff_t count, auto whole) HWY_ATTR __attribute__((always_inline)) {
                   Prefetch<kVectors>(row + base[b] + ahead);
                   ByteWindow<kVectors> window;
                   window.Load(row + base[b]);
                   const V8 bytes = window.Lookup(hn::Load(D8(), index + b * 64));
                   StoreByteBlock<kChannels, kPlanar, decltype(whole)::kValue>(bytes, to.plane, b * kBlock, count);
                 });
  }
}

template <int kVectors, int kChannels, PixelType kType, bool kPlanar>
HWY_NOINLINE void NearestLanes(const Plan& plan, const SourceImage& in, const TargetImage& out, const Part& part) {
  const DF df;
  const LaneScaling<kChannels> scaling(plan);
  const uint8_t* index = plan.tables.index.data();
  const ptrdiff_t* base = plan.tables.base.data();
  NarrowRow copy;
  for (ptrdiff_t y = part.y0; y < part.y1; y++) {
    const uint8_t* row = Readable(plan, RowOf(in, plan.rows.start[y]), &copy);
    const ptrdiff_t ahead = ToNextRow(plan, in, y);
    const Row<kChannels> to = LanesOf<kChannels, kPlanar>(out, y);
    ForEachBlock(part.begin, part.end, plan.columns.count,
                 [&](ptrdiff_t b, ptrdiff_t count, auto whole) HWY_ATTR __attribute__((always_inline)) {
                   const ptrdiff_t first = b * kChannels;
                   Prefetch<3>(row + base[first] + ahead);
                   VF v[kChannels];
                   HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kChannels; i++) {
                     ByteWindow<kVectors> window;
                     window.Load(row + base[first + i]);
                     const V8 bytes = window.LookupWide(hn::Load(D8(), index + (first + i) * 64));
                     v[i] = hn::MulAdd(hn::ConvertTo(df, hn::BitCast(D32(), bytes)), scaling.gain[i], scaling.bias[i]);
                   }
                   StoreParted<kChannels, kType, kPlanar, decltype(whole)::kValue>(v, to.plane, b * kBlock, count);
                 });
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::preprocess
HWY_AFTER_NAMESPACE();
#endif
#endif
