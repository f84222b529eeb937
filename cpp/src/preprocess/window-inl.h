// What the kernels of window.cpp share: the walk along a row in blocks, and pairs of rows.
#if defined(FASTCV_PREPROCESS_WINDOW) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_PREPROCESS_WINDOW
#undef FASTCV_PREPROCESS_WINDOW
#else
#define FASTCV_PREPROCESS_WINDOW
#endif

#include "preprocess/rows-inl.h"
#include "preprocess/tables.hpp"

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

// Calls block(b, count, whole) for the blocks [begin, end) of a row of `count` outputs; `whole` is a compile-time flag.
template <class Fn>
HWY_INLINE void ForEachBlock(ptrdiff_t begin, ptrdiff_t end, ptrdiff_t count, const Fn& block) {
  const ptrdiff_t whole = Least(end, count / kBlock);
  for (ptrdiff_t b = begin; b < whole; b++) block(b, kBlock, Flag<true>());
  if (whole < end) block(whole, count % kBlock, Flag<false>());
}

// The rows of an output row, and what they weigh.
struct TwoRows {
  const int8_t* w;
  const uint8_t *a, *b;
  HWY_INLINE TwoRows(const Plan& plan, const SourceImage& in, ptrdiff_t y, NarrowRow* copies) {
    w = plan.tables.rows.data() + 4 * y;
    const uint8_t* row = RowOf(in, plan.rows.start[y]);
    const bool two = w[1] != 0 || w[3] != 0;  // a row of weight 0 is not looked at
    a = Readable(plan, row, &copies[0]);
    b = Readable(plan, two ? row + in.row_stride : row, &copies[1]);
  }
};

// Blends pairs of bytes of two rows, in units of 1/64: (a * w0 + b * w1) / 2^13 * 64, of which the low half of the
// weights' bits is rounded.
struct RowWeights {
  V8 high, low;
  HWY_INLINE explicit RowWeights(const int8_t* w) {
    const D16 d16;
    high = hn::BitCast(D8(), hn::Set(d16, static_cast<int16_t>((w[0] & 255) | (w[1] & 255) << 8)));
    low = hn::BitCast(D8(), hn::Set(d16, static_cast<int16_t>((w[2] & 255) | (w[3] & 255) << 8)));
  }
  // Step by step over the vectors: what is independent stands together.
  template <int kCount>
  HWY_INLINE void Blend(const V8 (&pairs)[kCount], V16 (&blended)[kCount]) const {
    V16 rest[kCount];
    HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kCount; i++) rest[i] = BytePairDots(pairs[i], low);
    HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kCount; i++) blended[i] = BytePairDots(pairs[i], high);
    HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kCount; i++) {
      blended[i] = hn::Add(blended[i], hn::MulFixedPoint15(rest[i], hn::Set(D16(), 256)));
    }
  }
};

#endif

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::preprocess
HWY_AFTER_NAMESPACE();
#endif
