// What the kernels of 8-bit images share: the way along the rows of an image, and normalised values to memory.
#if defined(FASTCV_PREPROCESS_ROWS) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_PREPROCESS_ROWS
#undef FASTCV_PREPROCESS_ROWS
#else
#define FASTCV_PREPROCESS_ROWS
#endif

#include "preprocess/store-inl.h"
#include "preprocess/tables.hpp"

HWY_BEFORE_NAMESPACE();
namespace fastcv::preprocess {
namespace HWY_NAMESPACE {

using D8 = hn::ScalableTag<uint8_t>;
using V8 = hn::Vec<D8>;
using DI8 = hn::ScalableTag<int8_t>;
using D16 = hn::ScalableTag<int16_t>;
using V16 = hn::Vec<D16>;
using D32 = hn::ScalableTag<int32_t>;
using V32 = hn::Vec<D32>;

constexpr ptrdiff_t kLine = 64;           // bytes of a cache line
constexpr ptrdiff_t kMostPrefetched = 4;  // lines ahead, a block and row
constexpr ptrdiff_t kRowsBetweenChecks = 16;

template <bool kFlag>
struct Flag {
  static constexpr bool kValue = kFlag;
};

HWY_INLINE ptrdiff_t Least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

#if FASTCV_HAVE_BYTE_WINDOWS
// Rows narrower than a window are copied to where a whole one can be read.
struct NarrowRow {
  alignas(64) uint8_t bytes[kMostWindow];
};
HWY_INLINE const uint8_t* Readable(const Plan& plan, const uint8_t* row, NarrowRow* copy) {
  if (HWY_LIKELY(plan.row_bytes() >= plan.tables.window)) return row;
  memcpy(copy->bytes, row, static_cast<size_t>(plan.row_bytes()));
  return copy->bytes;
}
#endif

// Where a row's values go, and with which gain and bias: kChannels planes.
template <int kChannels>
struct Row {
  void* plane[kChannels];
  HWY_INLINE Row(void* first, ptrdiff_t plane_stride) {
    for (int k = 0; k < kChannels; k++) plane[k] = Offset(first, k * plane_stride);
  }
};
template <int kChannels>
struct Scaling {
  float gain[kChannels], bias[kChannels];
  float clip_unit;  // what a pixel's level is in the kernel's sums
  HWY_INLINE Scaling(const Plan& plan, float unit) : clip_unit(1 / unit) {
    for (int k = 0; k < kChannels; k++) {
      gain[k] = plan.gain[k] * unit;
      bias[k] = plan.bias[k];
    }
  }
};

template <PixelType kType, bool kWhole>
HWY_INLINE void StoreValues(VF v, void* row, ptrdiff_t x, ptrdiff_t count) {
  if constexpr (kWhole) {
    StoreAll<kType>(v, row, x);
  } else {
    StoreSome<kType>(v, row, x, count);
  }
}

// Calls row(y, target) for each row; interleaves what it writes where the layout asks for it. kType is
// kFloat32 then. `planes`: planes_bytes(plan).
template <int kChannels, class Fn>
HWY_INLINE void ForEachRow(const Plan& plan, const TargetImage& out, ptrdiff_t y0, ptrdiff_t y1, std::byte* planes,
                           Band& band, const Fn& row) {
  const auto pitch = static_cast<ptrdiff_t>(plane_bytes(plan) / sizeof(float));
  for (ptrdiff_t y = y0; y < y1; y++) {
    void* to = Offset(out.data, y * out.row_stride);
    if (plan.layout == PixelLayout::kChw) {
      row(y, Row<kChannels>(to, out.plane_stride));
    } else {
      row(y, Row<kChannels>(planes, pitch * 4));
      StorePixels(plan, reinterpret_cast<const float*>(planes), pitch, plan.columns.count, to);
    }
    if (y % kRowsBetweenChecks == 0) band.checkpoint();
  }
}

// The type that a kernel itself writes.
HWY_INLINE PixelType WrittenType(const Plan& plan) {
  return plan.layout == PixelLayout::kHwc ? PixelType::kFloat32 : plan.dtype;
}

#if FASTCV_HAVE_BYTE_DOTS
// Per block of 16 bytes: two neighbouring pixels' 16-bit values as pairs of the same channel.
template <int kPixel>
HWY_INLINE V8 PairOrder() {
  alignas(16) static constexpr uint8_t kThree[16] = {0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11, 0x80, 0x80, 0x80, 0x80};
  alignas(16) static constexpr uint8_t kFour[16] = {0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15};
  return hn::LoadDup128(D8(), kPixel == 3 ? kThree : kFour);
}

// Four vectors of one 32-bit value a channel and block, turned into one vector a channel.
HWY_INLINE void Transpose4(V32 (&v)[4]) {
  const hn::RepartitionToWide<D32> d64;
  const D32 d;
  const V32 a = hn::InterleaveLower(d, v[0], v[1]), b = hn::InterleaveUpper(d, v[0], v[1]);
  const V32 c = hn::InterleaveLower(d, v[2], v[3]), e = hn::InterleaveUpper(d, v[2], v[3]);
  const auto wide = [&](V32 w) HWY_ATTR { return hn::BitCast(d64, w); };
  v[0] = hn::BitCast(d, hn::InterleaveLower(d64, wide(a), wide(c)));
  v[1] = hn::BitCast(d, hn::InterleaveUpper(d64, wide(a), wide(c)));
  v[2] = hn::BitCast(d, hn::InterleaveLower(d64, wide(b), wide(e)));
  v[3] = hn::BitCast(d, hn::InterleaveUpper(d64, wide(b), wide(e)));
}

// v[k] by a number that is known at run time only.
HWY_INLINE V32 Pick(const V32 (&v)[4], ptrdiff_t k) { return k == 0 ? v[0] : k == 1 ? v[1] : k == 2 ? v[2] : v[3]; }

template <int kChannels, PixelType kType, bool kWhole>
HWY_INLINE void StoreChannels(const Plan& plan, const Scaling<kChannels>& scaling, const V32 (&v)[4],
                              const Row<kChannels>& to, ptrdiff_t x, ptrdiff_t count) {
  const DF df;
  HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < kChannels; k++) {
    const VF value = hn::ConvertTo(df, Pick(v, plan.source_channel[k]));
    StoreValues<kType, kWhole>(hn::MulAdd(value, hn::Set(df, scaling.gain[k]), hn::Set(df, scaling.bias[k])),
                               to.plane[k], x, count);
  }
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::preprocess
HWY_AFTER_NAMESPACE();
#endif
