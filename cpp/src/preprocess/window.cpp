// 8-bit images on AVX-512 with VBMI: blocks of 16 outputs whose source pixels lie within two or three vectors of a row.
// One permutation a channel takes the bytes of all 16 outputs apart from their neighbours, in the order that the sums
// want.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "preprocess/window.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "preprocess/kernels.hpp"
#include "preprocess/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::preprocess {
namespace HWY_NAMESPACE {

#if FASTCV_HAVE_BYTE_WINDOWS

// Two vectors of each of two rows, and one that both share: of the pixels that begin at kNear or later, which end
// within it. Those before end within the first two.
constexpr ptrdiff_t kNear = 124, kSharedWindow = kNear + 32;

// Cache lines to fetch, a block, of the rows that come next.
struct Ahead {
  const uint8_t* row;
  ptrdiff_t lines, second;  // second: from the first row to the other
  HWY_INLINE Ahead(const Plan& plan, const SourceImage& in, ptrdiff_t y) {
    const Taps& rows = plan.rows;
    const bool moves = y + 1 < rows.count && rows.start[y + 1] != rows.start[y];
    row = moves ? RowOf(in, rows.start[y + 1]) : nullptr;
    lines = moves ? Least(kMostPrefetched, (plan.row_bytes() / window_blocks(plan) + kLine - 1) / kLine) : 0;
    second = (rows.taps - 1) * in.row_stride;
  }
  template <int kRows>
  HWY_INLINE void Fetch(ptrdiff_t base) const {
    const uint8_t* p = row + base;
    for (ptrdiff_t i = 0; i < lines; i++) {
      __builtin_prefetch(p + i * kLine);
      if constexpr (kRows > 1) __builtin_prefetch(p + second + i * kLine);
    }
  }
};

// Constants of one row, for vectors that live in registers.
template <int kChannels>
struct Constants {
  V8 shift[kChannels];
  VF gain[kChannels], bias[kChannels];
  Constants() = default;
  HWY_INLINE void Set(const Plan& plan, const Scaling<kChannels>& scaling) {
    HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < kChannels; k++) {
      shift[k] = hn::Set(D8(), static_cast<uint8_t>(plan.source_channel[k]));
      gain[k] = hn::Set(DF(), scaling.gain[k]);
      bias[k] = hn::Set(DF(), scaling.bias[k]);
    }
  }
};

// Calls block(b, count, whole) for all blocks of a row; `whole` is a compile-time flag.
template <class Fn>
HWY_INLINE void ForEachBlock(ptrdiff_t count, const Fn& block) {
  const ptrdiff_t whole = count / kBlock;
  for (ptrdiff_t b = 0; b < whole; b++) block(b, kBlock, Flag<true>());
  if (count % kBlock != 0) block(whole, count % kBlock, Flag<false>());
}

// ---- nearest -------------------------------------------------------------------------------

template <int kVectors, int kChannels, PixelType kType>
HWY_NOINLINE void NearestRow(const Plan& plan, const Scaling<kChannels>& scaling, const uint8_t* row, Ahead ahead,
                             Row<kChannels> to) {
  const DF df;
  Constants<kChannels> constant;
  constant.Set(plan, scaling);
  const uint8_t* index = plan.tables.index.data();
  const ptrdiff_t* base = plan.tables.base.data();
  ForEachBlock(plan.columns.count,
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

// ---- two taps ------------------------------------------------------------------------------

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

// Rows first, in units of 1/64: (a * w0 + b * w1) / 2^13 * 64, of which the low half of the weights' bits is rounded.
template <ptrdiff_t kWindow, int kChannels, PixelType kType>
HWY_NOINLINE void BilinearRow(const Plan& plan, const Scaling<kChannels>& scaling, const uint8_t* row_a,
                              const uint8_t* row_b, const int8_t* w, Ahead ahead, Row<kChannels> to) {
  const DF df;
  const D16 d16;
  Constants<kChannels> constant;
  constant.Set(plan, scaling);
  const V8 high = hn::BitCast(D8(), hn::Set(d16, static_cast<int16_t>((w[0] & 255) | (w[1] & 255) << 8)));
  const V8 low = hn::BitCast(D8(), hn::Set(d16, static_cast<int16_t>((w[2] & 255) | (w[3] & 255) << 8)));
  const auto odd = hn::MaskFromVec(hn::BitCast(D8(), hn::Set(d16, static_cast<int16_t>(0xFF00))));
  const uint8_t* index = plan.tables.index.data();
  const int16_t* weight = plan.tables.weight.data();
  const ptrdiff_t* base = plan.tables.base.data();
  ForEachBlock(plan.columns.count,
               [=](ptrdiff_t b, ptrdiff_t count, auto whole) HWY_ATTR __attribute__((always_inline)) {
                 V8 first = hn::Load(D8(), index + b * 64);
                 V16 columns = hn::Load(d16, weight + b * 32);
                 KeepInRegister(first);
                 KeepInRegister(columns);
                 ahead.template Fetch<2>(base[b]);
                 PairWindow<kWindow> window;
                 window.Load(row_a + base[b], row_b + base[b]);
                 // Step by step over the channels: what is independent stands together.
                 V8 at[kChannels], pairs[kChannels];
                 V16 blended[kChannels], rest[kChannels];
                 HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < kChannels; k++) at[k] = hn::Add(first, constant.shift[k]);
                 HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < kChannels; k++) pairs[k] = window.Lookup(at[k], odd);
                 HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < kChannels; k++) rest[k] = BytePairDots(pairs[k], low);
                 HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < kChannels; k++) blended[k] = BytePairDots(pairs[k], high);
                 HWY_PRAGMA(GCC unroll 4)
                 for (int k = 0; k < kChannels; k++)
                   blended[k] = hn::Add(blended[k], hn::MulFixedPoint15(rest[k], hn::Set(d16, 256)));
                 HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < kChannels; k++) {
                   const VF sum = hn::ConvertTo(df, PairDots(blended[k], columns));
                   StoreValues<kType, decltype(whole)::kValue>(hn::MulAdd(sum, constant.gain[k], constant.bias[k]),
                                                               to.plane[k], b * kBlock, count);
                 }
               });
}

template <ptrdiff_t kWindow, int kChannels, PixelType kType>
void BilinearWindows(const Plan& plan, const SourceImage& in, const TargetImage& out, ptrdiff_t y0, ptrdiff_t y1,
                     std::byte* scratch, Band& band) {
  const Scaling<kChannels> scaling(plan, 1.0f / (64.0f * (1 << kColumnBits)));
  NarrowRow copies[2];
  ForEachRow<kChannels>(plan, out, y0, y1, scratch, band, [&](ptrdiff_t y, const Row<kChannels>& to) HWY_ATTR {
    const int8_t* w = plan.tables.rows.data() + 4 * y;
    const uint8_t* a = RowOf(in, plan.rows.start[y]);
    const uint8_t* b = w[1] != 0 || w[3] != 0 ? a + in.row_stride : a;  // a row of weight 0 is not looked at
    BilinearRow<kWindow, kChannels, kType>(plan, scaling, Readable(plan, a, &copies[0]), Readable(plan, b, &copies[1]),
                                           w, Ahead(plan, in, y), to);
  });
}

// ---- choice --------------------------------------------------------------------------------

template <int kChannels, PixelType kType>
Kernel ForWindow(ptrdiff_t window, bool one) {
  if (one) return window == 128 ? &NearestWindows<2, kChannels, kType> : &NearestWindows<3, kChannels, kType>;
  return window == 128             ? &BilinearWindows<128, kChannels, kType>
         : window == kSharedWindow ? &BilinearWindows<kSharedWindow, kChannels, kType>
                                   : &BilinearWindows<kMostWindow, kChannels, kType>;
}
template <int kChannels>
Kernel ForType(PixelType type, ptrdiff_t window, bool one) {
  if (type == PixelType::kFloat16) return ForWindow<kChannels, PixelType::kFloat16>(window, one);
  if (type == PixelType::kUint8) return ForWindow<kChannels, PixelType::kUint8>(window, one);
  return ForWindow<kChannels, PixelType::kFloat32>(window, one);
}

bool PlanWindow(Plan* plan) {
  Tables& t = plan->tables;
  const bool one = has_one_tap(*plan);
  if (!(one ? set_windows(*plan, {128, kMostWindow}, &t) : set_windows(*plan, {128, kSharedWindow, kMostWindow}, &t)))
    return false;
  for (ptrdiff_t x = 0; x < window_blocks(*plan) * kBlock; x++) {
    for (const ptrdiff_t tap : {0, 1}) {
      const uint8_t byte = window_byte(*plan, t, x, tap);
      const bool shared = t.window == kSharedWindow && byte >= kNear;
      t.index.push_back(static_cast<uint8_t>(shared ? 128 + byte - kNear : byte));
      t.index.push_back(static_cast<uint8_t>(shared ? 160 + byte - kNear : byte));
    }
    if (one) continue;
    const int w = second_weight(plan->columns, Least(x, plan->columns.count - 1));
    t.weight.push_back(static_cast<int16_t>((1 << kColumnBits) - w));
    t.weight.push_back(static_cast<int16_t>(w));
  }
  if (!one) set_two_rows(*plan, &t);
  const PixelType type = WrittenType(*plan);
  plan->kernel = plan->out_channels == 1   ? ForType<1>(type, t.window, one)
                 : plan->out_channels == 3 ? ForType<3>(type, t.window, one)
                                           : ForType<4>(type, t.window, one);
  plan->scratch_bytes = planes_bytes(*plan);
  return true;
}

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
