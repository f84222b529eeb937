// 8-bit images of three or four channels at any scale: each output's pixels are loaded by themselves, 16 bytes of a
// row. For SIMD targets that cannot take any byte of a window, and for windows that are too wide.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "preprocess/pixel.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "preprocess/kernels.hpp"
#include "preprocess/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::preprocess {
namespace HWY_NAMESPACE {

#if FASTCV_HAVE_BYTE_DOTS

constexpr ptrdiff_t kLoad = 16;  // bytes

// A row's last bytes with room behind them: what loads that would pass the row's end read from.
struct RowEnd {
  alignas(64) uint8_t bytes[3 * kLoad] = {};
  ptrdiff_t begin;  // of the row's bytes
  HWY_INLINE void Set(const Plan& plan, const uint8_t* row) {
    const ptrdiff_t size = plan.row_bytes(), count = Least(size, kLoad);
    begin = size - count;
    memcpy(bytes, row + begin, static_cast<size_t>(count));
  }
};

// Calls block(x, count, whole, at_end) for kLanes outputs each: at_end when one of them reads beyond the row's last
// kLoad bytes. `safe` outputs from the left do not.
template <class Fn>
HWY_INLINE void ForEachGroup(const Plan& plan, ptrdiff_t safe, const Fn& block) {
  const ptrdiff_t count = plan.columns.count;
  ptrdiff_t x = 0;
  for (; x + kLanes <= safe; x += kLanes) block(x, kLanes, Flag<true>(), Flag<false>());
  for (; x + kLanes <= count; x += kLanes) block(x, kLanes, Flag<true>(), Flag<true>());
  if (x < count) block(x, count - x, Flag<false>(), Flag<true>());
}

// The outputs whose loads end within the row.
inline ptrdiff_t SafeOutputs(const Plan& plan) {
  const Tables& t = plan.tables;
  ptrdiff_t safe = 0;
  while (safe < plan.columns.count && t.base[safe] + kLoad <= plan.row_bytes()) safe++;
  return safe;
}

// Offsets from `end.bytes` for outputs that may pass the end; those that do not are copied there first.
struct Gathered {
  alignas(64) uint8_t bytes[kLanes * kLoad];
  ptrdiff_t offset[kLanes];
  HWY_INLINE void Set(const uint8_t* row, const RowEnd& end, const ptrdiff_t* base) {
    for (ptrdiff_t i = 0; i < kLanes; i++) {
      const uint8_t* from = base[i] >= end.begin ? end.bytes + (base[i] - end.begin) : row + base[i];
      memcpy(bytes + i * kLoad, from, static_cast<size_t>(kLoad));
      offset[i] = i * kLoad;
    }
  }
};

// ---- nearest -------------------------------------------------------------------------------

template <int kChannels, PixelType kType>
HWY_NOINLINE void NearestPixelRow(const Plan& plan, const Scaling<kChannels>& scaling, const uint8_t* row,
                                  const RowEnd& end, Row<kChannels> to) {
  const hn::ScalableTag<uint32_t> du;
  const auto mask = hn::Set(du, 255);
  const ptrdiff_t* base = plan.tables.base.data();
  ForEachGroup(plan, plan.tables.window,
               [&](ptrdiff_t x, ptrdiff_t count, auto whole, auto at_end) HWY_ATTR __attribute__((always_inline)) {
                 Gathered near_end;
                 if constexpr (decltype(at_end)::kValue) near_end.Set(row, end, base + x);
                 const auto v =
                     decltype(at_end)::kValue ? LoadDwords(near_end.bytes, near_end.offset) : LoadDwords(row, base + x);
                 const auto channel = [&](auto w) HWY_ATTR { return hn::BitCast(D32(), hn::And(w, mask)); };
                 const V32 channels[4] = {channel(v), channel(hn::ShiftRight<8>(v)), channel(hn::ShiftRight<16>(v)),
                                          channel(hn::ShiftRight<24>(v))};
                 StoreChannels<kChannels, kType, decltype(whole)::kValue>(plan, scaling, channels, to, x, count);
               });
}

template <int kChannels, PixelType kType>
void NearestPixels(const Plan& plan, const SourceImage& in, const TargetImage& out, ptrdiff_t y0, ptrdiff_t y1,
                   std::byte* scratch, Band& band) {
  const Scaling<kChannels> scaling(plan, 1.0f);
  ForEachRow<kChannels>(plan, out, y0, y1, scratch, band, [&](ptrdiff_t y, const Row<kChannels>& to) HWY_ATTR {
    const uint8_t* row = RowOf(in, plan.rows.start[y]);
    RowEnd end;
    end.Set(plan, row);
    NearestPixelRow<kChannels, kType>(plan, scaling, row, end, to);
  });
}

// ---- two taps ------------------------------------------------------------------------------

template <int kPixel, int kChannels, PixelType kType>
HWY_NOINLINE void BilinearPixelRow(const Plan& plan, const Scaling<kChannels>& scaling, const uint8_t* row_a,
                                   const uint8_t* row_b, const RowEnd& end_a, const RowEnd& end_b, const int8_t* w,
                                   Row<kChannels> to) {
  const D16 d16;
  const D8 d8;
  const V8 high = hn::BitCast(d8, hn::Set(d16, static_cast<int16_t>((w[0] & 255) | (w[1] & 255) << 8)));
  const V8 low = hn::BitCast(d8, hn::Set(d16, static_cast<int16_t>((w[2] & 255) | (w[3] & 255) << 8)));
  const V16 to_64ths = hn::Set(d16, 256);
  const V8 order = PairOrder<kPixel>();
  const ptrdiff_t* base = plan.tables.base.data();
  const int16_t* weight = plan.tables.weight.data();
  ForEachGroup(plan, plan.tables.window,
               [&](ptrdiff_t x, ptrdiff_t count, auto whole, auto at_end) HWY_ATTR __attribute__((always_inline)) {
                 Gathered a_end, b_end;
                 const uint8_t *a = row_a, *b = row_b;
                 const ptrdiff_t* offset = base + x;
                 if constexpr (decltype(at_end)::kValue) {
                   a_end.Set(row_a, end_a, offset);
                   b_end.Set(row_b, end_b, offset);
                   a = a_end.bytes, b = b_end.bytes, offset = a_end.offset;
                 }
                 const V32 columns = hn::BitCast(D32(), hn::LoadU(d16, weight + 2 * x));
                 V32 v[4];
                 const auto one = [&](auto i, V32 weights) HWY_ATTR __attribute__((always_inline)) {
                   const V8 pairs = hn::InterleaveLower(d8, LoadBlocks(a, offset + i, 4), LoadBlocks(b, offset + i, 4));
                   const V16 rounded = hn::MulFixedPoint15(BytePairDots(pairs, low), to_64ths);
                   const V16 blended = hn::Add(BytePairDots(pairs, high), rounded);
                   const V16 ordered = hn::BitCast(d16, hn::TableLookupBytesOr0(hn::BitCast(d8, blended), order));
                   v[i] = PairDots(ordered, hn::BitCast(d16, weights));
                 };
                 one(0, hn::Broadcast<0>(columns));
                 one(1, hn::Broadcast<1>(columns));
                 one(2, hn::Broadcast<2>(columns));
                 one(3, hn::Broadcast<3>(columns));
                 Transpose4(v);
                 StoreChannels<kChannels, kType, decltype(whole)::kValue>(plan, scaling, v, to, x, count);
               });
}

template <int kPixel, int kChannels, PixelType kType>
void BilinearPixels(const Plan& plan, const SourceImage& in, const TargetImage& out, ptrdiff_t y0, ptrdiff_t y1,
                    std::byte* scratch, Band& band) {
  const Scaling<kChannels> scaling(plan, 1.0f / (64.0f * (1 << kColumnBits)));
  ForEachRow<kChannels>(plan, out, y0, y1, scratch, band, [&](ptrdiff_t y, const Row<kChannels>& to) HWY_ATTR {
    const int8_t* w = plan.tables.rows.data() + 4 * y;
    const uint8_t* a = RowOf(in, plan.rows.start[y]);
    const uint8_t* b = w[1] != 0 || w[3] != 0 ? a + in.row_stride : a;  // a row of weight 0 is not looked at
    RowEnd end_a, end_b;
    end_a.Set(plan, a);
    end_b.Set(plan, b);
    BilinearPixelRow<kPixel, kChannels, kType>(plan, scaling, a, b, end_a, end_b, w, to);
  });
}

// ---- choice --------------------------------------------------------------------------------

template <int kPixel, int kChannels, PixelType kType>
Kernel OneOrTwo(bool one) {
  return one ? &NearestPixels<kChannels, kType> : &BilinearPixels<kPixel, kChannels, kType>;
}
template <int kPixel, int kChannels>
Kernel ForType(PixelType type, bool one) {
  if (type == PixelType::kFloat16) return OneOrTwo<kPixel, kChannels, PixelType::kFloat16>(one);
  if (type == PixelType::kUint8) return OneOrTwo<kPixel, kChannels, PixelType::kUint8>(one);
  return OneOrTwo<kPixel, kChannels, PixelType::kFloat32>(one);
}

bool PlanPixels(Plan* plan) {
  Tables& t = plan->tables;
  const bool one = has_one_tap(*plan);
  const ptrdiff_t count = plan->columns.count;
  for (ptrdiff_t x = 0; x < count + kLanes; x++) {  // a whole vector may be read of the tables
    const ptrdiff_t at = Least(x, count - 1);
    t.base.push_back(plan->columns.start[at] * plan->key.channels);
    const int w = second_weight(plan->columns, at);
    t.weight.push_back(static_cast<int16_t>((1 << kColumnBits) - w));
    t.weight.push_back(static_cast<int16_t>(w));
  }
  t.window = SafeOutputs(*plan);
  if (!one) set_two_rows(*plan, &t);
  const PixelType type = WrittenType(*plan);
  plan->kernel = plan->out_channels == 4   ? ForType<4, 4>(type, one)
                 : plan->key.channels == 4 ? ForType<4, 3>(type, one)
                                           : ForType<3, 3>(type, one);
  plan->scratch_bytes = planes_bytes(*plan);
  return true;
}

#else
bool PlanPixels(Plan*) { return false; }
#endif

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::preprocess
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fastcv::preprocess {
HWY_EXPORT(PlanPixels);

bool plan_pixels(Plan* plan) {
  if (!is_common_image(*plan) || plan->key.channels == 1 || !has_two_taps(*plan)) return false;
  plan->tables = {};
  return HWY_DYNAMIC_DISPATCH(PlanPixels)(plan);
}

}  // namespace fastcv::preprocess
#endif
