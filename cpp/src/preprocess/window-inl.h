// What the kernels of window.cpp share: the walk over an image in strips of columns and blocks of a row, what values
// are scaled with.
#if defined(FASTCV_PREPROCESS_WINDOW) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_PREPROCESS_WINDOW
#undef FASTCV_PREPROCESS_WINDOW
#else
#define FASTCV_PREPROCESS_WINDOW
#endif

#include "preprocess/rows-inl.h"
#include "preprocess/tables.hpp"

#if FASTCV_HAVE_BYTE_WINDOWS  // around the namespace: Clang warns of one with attributes and no functions
HWY_BEFORE_NAMESPACE();
namespace fastcv::preprocess {
namespace HWY_NAMESPACE {

// Rows [y0, y1) of blocks [begin, end).
struct Part {
  ptrdiff_t y0, y1, begin, end;
};
using PartKernel = void (*)(const Plan& plan, const SourceImage& in, const TargetImage& out, const Part& part);

// In strips of columns: so the tables, where they are long, stay in the first cache beside the rows.
template <PartKernel kPart, ptrdiff_t kStripBlocks>
void InStrips(const Plan& plan, const SourceImage& in, const TargetImage& out, ptrdiff_t y0, ptrdiff_t y1, std::byte*,
              Band& band) {
  const ptrdiff_t blocks = window_blocks(plan), strips = (blocks + kStripBlocks - 1) / kStripBlocks;
  for (ptrdiff_t strip = 0; strip < strips; strip++) {
    for (ptrdiff_t y = y0; y < y1; y += kRowsBetweenChecks) {
      kPart(plan, in, out,
            {y, Least(y1, y + kRowsBetweenChecks), strip * blocks / strips, (strip + 1) * blocks / strips});
      band.checkpoint();
    }
  }
}

// Calls block(b, count, whole) for the blocks [begin, end) of a row of `count` outputs; `whole` is a compile-time flag.
template <class Fn>
HWY_INLINE void ForEachBlock(ptrdiff_t begin, ptrdiff_t end, ptrdiff_t count, const Fn& block) {
  const ptrdiff_t whole = Least(end, count / kBlock);
  for (ptrdiff_t b = begin; b < whole; b++) block(b, kBlock, Flag<true>());
  if (whole < end) block(whole, count % kBlock, Flag<false>());
}

// The bytes from a row to the one that the next output row begins with.
HWY_INLINE ptrdiff_t ToNextRow(const Plan& plan, const SourceImage& in, ptrdiff_t y) {
  const Taps& rows = plan.rows;
  return y + 1 < rows.count ? (rows.start[y + 1] - rows.start[y]) * in.row_stride : 0;
}

template <int kLines>
HWY_INLINE void Prefetch(const uint8_t* p) {
  HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kLines; i++) __builtin_prefetch(p + i * kLine);
}

// Of each channel's plane.
template <int kChannels>
struct PlaneScaling {
  VF gain[kChannels], bias[kChannels];
  HWY_INLINE explicit PlaneScaling(const Scaling<kChannels>& scaling) {
    HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < kChannels; k++) {
      gain[k] = hn::Set(DF(), scaling.gain[k]);
      bias[k] = hn::Set(DF(), scaling.bias[k]);
    }
  }
  template <PixelType kType, class Whole>
  HWY_INLINE void Store(VF v, int k, Whole, const Row<kChannels>& to, ptrdiff_t x, ptrdiff_t count) const {
    StoreValues<kType, Whole::kValue>(hn::MulAdd(v, gain[k], bias[k]), to.plane[k], x, count);
  }
};
template <int kChannels>
HWY_INLINE Row<kChannels> PlanesOf(const TargetImage& out, ptrdiff_t y) {
  return Row<kChannels>(Offset(out.data, y * out.row_stride), kChannels > 1 ? out.plane_stride : 0);
}

// The same of each lane of values pixel by pixel.
template <int kChannels>
struct LaneScaling {
  VF gain[kChannels], bias[kChannels];
  HWY_INLINE explicit LaneScaling(const Plan& plan) {
    HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kChannels; i++) {
      gain[i] = hn::Load(DF(), plan.tables.gain.data() + i * kBlock);
      bias[i] = hn::Load(DF(), plan.tables.bias.data() + i * kBlock);
    }
  }
};
template <int kChannels, bool kPlanar>
HWY_INLINE Row<kChannels> LanesOf(const TargetImage& out, ptrdiff_t y) {
  return Row<kChannels>(Offset(out.data, y * out.row_stride), kPlanar ? out.plane_stride : 0);
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::preprocess
HWY_AFTER_NAMESPACE();
#endif
#endif
