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
                 StoreChannels<kChannels, kType, decltype(whole)::kValue, false>(plan, scaling, channels, to, x, count);
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
HWY_NOINLINE void BilinearPixelRow(const Plan& plan, const Scaling<kChannels>& scaling, const TwoRows& rows,
                                   const RowEnd& end_a, const RowEnd& end_b, Row<kChannels> to) {
  const D16 d16;
  const V16 second = hn::Set(d16, rows.second);
  const V8 order = BytePairOrder<kPixel>();
  const ptrdiff_t* base = plan.tables.base.data();
  const int16_t* weight = plan.tables.weight.data();
  ForEachGroup(plan, plan.tables.window,
               [&](ptrdiff_t x, ptrdiff_t count, auto whole, auto at_end) HWY_ATTR __attribute__((always_inline)) {
                 Gathered a_end, b_end;
                 const uint8_t *a = rows.a, *b = rows.b;
                 const ptrdiff_t* offset = base + x;
                 if constexpr (decltype(at_end)::kValue) {
                   a_end.Set(rows.a, end_a, offset);
                   b_end.Set(rows.b, end_b, offset);
                   a = a_end.bytes, b = b_end.bytes, offset = a_end.offset;
                 }
                 const TwoWeights weights(hn::LoadU(d16, weight + 2 * x), second);
                 const V32 weights_a = hn::BitCast(D32(), weights.a), weights_b = hn::BitCast(D32(), weights.b);
                 V32 v[4];
                 const auto one = [&](auto i, V32 of_a, V32 of_b) HWY_ATTR __attribute__((always_inline)) {
                   v[i] =
                       WeighedSum(hn::TableLookupBytesOr0(LoadBlocks(a, offset + i, 4), order), hn::BitCast(d16, of_a),
                                  hn::TableLookupBytesOr0(LoadBlocks(b, offset + i, 4), order), hn::BitCast(d16, of_b));
                 };
                 one(0, hn::Broadcast<0>(weights_a), hn::Broadcast<0>(weights_b));
                 one(1, hn::Broadcast<1>(weights_a), hn::Broadcast<1>(weights_b));
                 one(2, hn::Broadcast<2>(weights_a), hn::Broadcast<2>(weights_b));
                 one(3, hn::Broadcast<3>(weights_a), hn::Broadcast<3>(weights_b));
                 Transpose4(v);
                 StoreChannels<kChannels, kType, decltype(whole)::kValue, true>(plan, scaling, v, to, x, count);
               });
}

template <int kPixel, int kChannels, PixelType kType>
void BilinearPixels(const Plan& plan, const SourceImage& in, const TargetImage& out, ptrdiff_t y0, ptrdiff_t y1,
                    std::byte* scratch, Band& band) {
  const Scaling<kChannels> scaling(plan, kUnit, kZero);
  ForEachRow<kChannels>(plan, out, y0, y1, scratch, band, [&](ptrdiff_t y, const Row<kChannels>& to) HWY_ATTR {
    const TwoRows rows(plan, in, y);
    RowEnd end_a, end_b;
    end_a.Set(plan, rows.a);
    end_b.Set(plan, rows.b);
    BilinearPixelRow<kPixel, kChannels, kType>(plan, scaling, rows, end_a, end_b, to);
  });
}

// ---- choice --------------------------------------------------------------------------------

template <int kPixel, int kChannels>
struct NearestOrBilinear {
  template <PixelType kType>
  static Kernel Of(const Plan& plan) {
    return has_one_tap(plan) ? &NearestPixels<kChannels, kType> : &BilinearPixels<kPixel, kChannels, kType>;
  }
};

bool PlanPixels(Plan* plan) {
  Tables& t = plan->tables;
  const ptrdiff_t count = plan->columns.count;
  for (ptrdiff_t x = 0; x < count + kLanes; x++) {  // a whole vector may be read of the tables
    t.base.push_back(plan->columns.start[Least(x, count - 1)] * plan->key.channels);
    add_two_columns(*plan, x, &t);
  }
  t.window = SafeOutputs(*plan);
  set_two_rows(*plan, &t);
  plan->kernel = OfPixelAndType<NearestOrBilinear>(*plan);
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
