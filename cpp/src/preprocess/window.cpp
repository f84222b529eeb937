// 8-bit images on AVX-512 with VBMI, one or two taps: one permutation takes the bytes of 16 outputs out of a window of
// a row, in the order that the sums want. Nearest: 16 pixels of one channel, from two or three vectors. Bilinear: 16
// values pixel by pixel, which need fewer bytes, parted into planes at the end.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "preprocess/window.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "preprocess/kernels.hpp"
#include "preprocess/parting-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::preprocess {
namespace HWY_NAMESPACE {

#if FASTCV_HAVE_BYTE_WINDOWS

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

// Bytes of row a in even places and of row b in odd places, of windows that begin at `base`.
template <int kVectors>
HWY_INLINE V8 LookupRows(const uint8_t* a, const uint8_t* b, ptrdiff_t base, V8 index) {
  const auto odd = hn::MaskFromVec(hn::BitCast(D8(), hn::Set(D16(), static_cast<int16_t>(0xFF00))));
  ByteWindow<kVectors> window_a, window_b;
  window_a.Load(a + base);
  window_b.Load(b + base);
  return hn::IfThenElse(odd, window_b.Lookup(index), window_a.Lookup(index));
}

// Rows first, in units of 1/64: (a * w0 + b * w1) / 2^13 * 64, of which the low half of the weights' bits is rounded.
// Lanes are values, pixel by pixel: bytes for 16 of them lie close together.
template <int kVectors, int kChannels, PixelType kType, bool kPlanar>
HWY_NOINLINE void BilinearRow(const Plan& plan, const uint8_t* row_a, const uint8_t* row_b, const int8_t* w,
                              Ahead ahead, Row<kChannels> to) {
  const DF df;
  const D16 d16;
  VF gain[kChannels], bias[kChannels];
  HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kChannels; i++) {
    gain[i] = hn::Load(df, plan.tables.gain.data() + i * kBlock);
    bias[i] = hn::Load(df, plan.tables.bias.data() + i * kBlock);
  }
  const V8 high = hn::BitCast(D8(), hn::Set(d16, static_cast<int16_t>((w[0] & 255) | (w[1] & 255) << 8)));
  const V8 low = hn::BitCast(D8(), hn::Set(d16, static_cast<int16_t>((w[2] & 255) | (w[3] & 255) << 8)));
  const uint8_t* index = plan.tables.index.data();
  const int16_t* weight = plan.tables.weight.data();
  const ptrdiff_t* base = plan.tables.base.data();
  ForEachBlock(plan.columns.count,
               [=](ptrdiff_t b, ptrdiff_t count, auto whole) HWY_ATTR __attribute__((always_inline)) {
                 const ptrdiff_t first = b * kChannels;
                 ahead.template Fetch<2>(base[first]);
                 // Step by step over the vectors: what is independent stands together.
                 V8 pairs[kChannels];
                 V16 blended[kChannels], rest[kChannels];
                 VF v[kChannels];
                 HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kChannels; i++) {
                   V8 at = hn::Load(D8(), index + (first + i) * 64);
                   KeepInRegister(at);
                   pairs[i] = LookupRows<kVectors>(row_a, row_b, base[first + i], at);
                 }
                 HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kChannels; i++) rest[i] = BytePairDots(pairs[i], low);
                 HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kChannels; i++) blended[i] = BytePairDots(pairs[i], high);
                 HWY_PRAGMA(GCC unroll 4)
                 for (int i = 0; i < kChannels; i++)
                   blended[i] = hn::Add(blended[i], hn::MulFixedPoint15(rest[i], hn::Set(d16, 256)));
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
  for (ptrdiff_t y = y0; y < y1; y++) {
    const int8_t* w = plan.tables.rows.data() + 4 * y;
    const uint8_t* a = RowOf(in, plan.rows.start[y]);
    const uint8_t* b = w[1] != 0 || w[3] != 0 ? a + in.row_stride : a;  // a row of weight 0 is not looked at
    BilinearRow<kVectors, kChannels, kType, kPlanar>(
        plan, Readable(plan, a, &copies[0]), Readable(plan, b, &copies[1]), w, Ahead(plan, in, y),
        Row<kChannels>(Offset(out.data, y * out.row_stride), kPlanar ? out.plane_stride : 0));
    if (y % kRowsBetweenChecks == 0) band.checkpoint();
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

bool PlanBilinear(Plan* plan) {
  Tables& t = plan->tables;
  if (!set_lane_windows(*plan, 128, &t)) return false;
  const Taps& columns = plan->columns;
  const ptrdiff_t second = columns.taps > 1 ? plan->key.channels : 0;
  for (ptrdiff_t i = 0; i < lane_vectors(*plan) * kBlock; i++) {
    const ptrdiff_t byte = lane_byte(*plan, t, i);
    t.index.insert(t.index.end(), 2, static_cast<uint8_t>(byte));
    t.index.insert(t.index.end(), 2, static_cast<uint8_t>(byte + second));
    const int w = second_weight(columns, Least(i / plan->out_channels, columns.count - 1));
    t.weight.push_back(static_cast<int16_t>((1 << kColumnBits) - w));
    t.weight.push_back(static_cast<int16_t>(w));
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
