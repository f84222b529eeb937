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
// Rows narrower than a window are copied to where a whole one can be read: in the vectors that it is then loaded in,
// since loads of what several stores have just written wait for all of them.
struct NarrowRow {
  alignas(64) uint8_t bytes[kMostWindow];
};
HWY_INLINE const uint8_t* Readable(const Plan& plan, const uint8_t* row, NarrowRow* copy) {
  if (HWY_LIKELY(plan.row_bytes() >= plan.tables.window)) return row;
  for (ptrdiff_t i = 0; i < plan.row_bytes(); i += 64) {
    hn::Store(LoadFirst(D8(), row + i, static_cast<size_t>(Least(plan.row_bytes() - i, 64))), D8(), copy->bytes + i);
  }
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
// Of sums that are `zero` for black and grow by 1 / unit with a level.
template <int kChannels>
struct Scaling {
  float gain[kChannels], bias[kChannels];
  HWY_INLINE Scaling(const Plan& plan, float unit, float zero = 0) {
    for (int k = 0; k < kChannels; k++) {
      gain[k] = plan.gain[k] * unit;
      bias[k] = plan.bias[k] - gain[k] * zero;
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

// The kernel of a set of them, Of<type>(plan), for the type, the channels, the bytes of a pixel that a plan has.
template <class Kernels>
Kernel OfType(const Plan& plan, PixelType type) {
  if (type == PixelType::kFloat16) return Kernels::template Of<PixelType::kFloat16>(plan);
  if (type == PixelType::kUint8) return Kernels::template Of<PixelType::kUint8>(plan);
  return Kernels::template Of<PixelType::kFloat32>(plan);
}
template <class Kernels, int kChannels>
struct WithChannels {
  template <PixelType kType>
  static Kernel Of(const Plan& plan) {
    return Kernels::template Of<kChannels, kType>(plan);
  }
};
template <class Kernels>
Kernel OfChannelsAndType(const Plan& plan) {
  return plan.out_channels == 1   ? OfType<WithChannels<Kernels, 1>>(plan, plan.dtype)
         : plan.out_channels == 3 ? OfType<WithChannels<Kernels, 3>>(plan, plan.dtype)
                                  : OfType<WithChannels<Kernels, 4>>(plan, plan.dtype);
}
template <template <int kPixel, int kChannels> class Kernels>
Kernel OfPixelAndType(const Plan& plan) {
  return plan.out_channels == 4   ? OfType<Kernels<4, 4>>(plan, WrittenType(plan))
         : plan.key.channels == 4 ? OfType<Kernels<4, 3>>(plan, WrittenType(plan))
                                  : OfType<Kernels<3, 3>>(plan, WrittenType(plan));
}

#if FASTCV_HAVE_BYTE_DOTS
// The rows of an output row, and what the second one weighs: less than 2^15.
struct TwoRows {
  const uint8_t *a, *b;
  int16_t second;
  HWY_INLINE TwoRows(const Plan& plan, const SourceImage& in, ptrdiff_t y) {
    const int32_t weight = plan.tables.second[y];
    const bool all = weight == 1 << kTwoBits;
    a = RowOf(in, plan.rows.start[y]) + (all ? in.row_stride : 0);
    b = weight == 0 || all ? a : a + in.row_stride;  // a row of weight 0 is not looked at
    second = static_cast<int16_t>(all ? 0 : weight);
  }
};

// Sums of two pixels of two rows, as the bits of a float: 2^24 - 2^15 * level. Exact: the last bit is worth 1.
constexpr int32_t kZeroBits = 0x4B800000;
constexpr float kZero = 1 << 24, kUnit = -1.0f / (1 << kTwoBits);

// The weights of pairs of pixels in either row: what one is rounded by the other one gets, and the whole is exact.
struct TwoWeights {
  V16 a, b;
  HWY_INLINE TwoWeights(V16 columns, V16 second) {
    b = hn::MulFixedPoint15(columns, second);
    a = hn::Sub(columns, b);
  }
};
HWY_INLINE V32 WeighedSum(V8 pixels_a, V16 weights_a, V8 pixels_b, V16 weights_b) {
  const V32 sum = AddPairDots(hn::Set(D32(), kZeroBits), hn::BitCast(D16(), pixels_a), weights_a);
  return AddPairDots(sum, hn::BitCast(D16(), pixels_b), weights_b);
}

// Per block of 16 bytes: two neighbouring pixels' 16-bit values as pairs of the same channel.
template <int kPixel>
HWY_INLINE V8 PairOrder() {
  alignas(16) static constexpr uint8_t kThree[16] = {0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11, 0x80, 0x80, 0x80, 0x80};
  alignas(16) static constexpr uint8_t kFour[16] = {0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15};
  return hn::LoadDup128(D8(), kPixel == 3 ? kThree : kFour);
}

// Per block of 16 bytes: the same of 8-bit values, as 16 bits.
template <int kPixel>
HWY_INLINE V8 BytePairOrder() {
  alignas(16) static constexpr uint8_t kThree[16] = {0, 0x80, 3, 0x80, 1,    0x80, 4,    0x80,
                                                     2, 0x80, 5, 0x80, 0x80, 0x80, 0x80, 0x80};
  alignas(16) static constexpr uint8_t kFour[16] = {0, 0x80, 4, 0x80, 1, 0x80, 5, 0x80,
                                                    2, 0x80, 6, 0x80, 3, 0x80, 7, 0x80};
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

// kBits: the vectors are the bits of floats.
template <int kChannels, PixelType kType, bool kWhole, bool kBits>
HWY_INLINE void StoreChannels(const Plan& plan, const Scaling<kChannels>& scaling, const V32 (&v)[4],
                              const Row<kChannels>& to, ptrdiff_t x, ptrdiff_t count) {
  const DF df;
  HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < kChannels; k++) {
    const V32 picked = Pick(v, plan.source_channel[k]);
    const VF value = kBits ? hn::BitCast(df, picked) : hn::ConvertTo(df, picked);
    StoreValues<kType, kWhole>(hn::MulAdd(value, hn::Set(df, scaling.gain[k]), hn::Set(df, scaling.bias[k])),
                               to.plane[k], x, count);
  }
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::preprocess
HWY_AFTER_NAMESPACE();
#endif
