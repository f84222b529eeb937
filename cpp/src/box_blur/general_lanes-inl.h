// What the integer and the floating-point general blur share inside a SIMD target: loads that widen, and the
// transposition between lanes = columns and lanes = rows.
#if defined(FASTCV_BOX_BLUR_GENERAL_LANES) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_BOX_BLUR_GENERAL_LANES
#undef FASTCV_BOX_BLUR_GENERAL_LANES
#else
#define FASTCV_BOX_BLUR_GENERAL_LANES
#endif

#include <cstring>
#include <type_traits>

#include "box_blur/general_plan.hpp"
#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "runtime/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::box {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using fastcv::HWY_NAMESPACE::LoadFirst;
#if HWY_MAX_BYTES == 64
using fastcv::HWY_NAMESPACE::EvenBlocksOf;
using fastcv::HWY_NAMESPACE::OddBlocksOf;
#endif
using fastcv::HWY_NAMESPACE::Pack;
using fastcv::HWY_NAMESPACE::StoreFirst;

template <class T>
constexpr size_t kLanes = HWY_MAX_BYTES / sizeof(T);

// ---- widening ----------------------------------------------------------------------------------

// Lanes of a smaller type to those of D: integers as they are, float to double.
template <class D, class V>
HWY_INLINE hn::Vec<D> Widen(D d, V v) {
  using To = hn::TFromD<D>;
  using From = hn::TFromV<V>;
  if constexpr (sizeof(To) == sizeof(From)) {
    return v;
  } else if constexpr (sizeof(To) == 8 && sizeof(From) < 4) {
    return hn::PromoteTo(d, hn::PromoteTo(hn::Rebind<uint32_t, D>(), v));
  } else {
    return hn::PromoteTo(d, v);
  }
}

template <class D, class T>
HWY_INLINE hn::Vec<D> WidenLoad(D d, const T* p) {
  return Widen(d, hn::LoadU(hn::Rebind<T, D>(), p));
}

// One vector of values in the lanes of D, from a row of the image. kTail: only `count` of them exist.
template <bool kTail, class D, class T>
HWY_INLINE auto LoadValues(D, const T* p, size_t count) {
  const hn::Rebind<T, D> d;
  if constexpr (kTail) {
    return LoadFirst(d, p, count);
  } else {
    return hn::LoadU(d, p);
  }
}

// Every lane becomes the alpha of its pixel. A vector holds whole pixels, except one of two lanes: then
// `alpha`, the address of its pixel's alpha, is read.
template <class D, class V, class T>
HWY_INLINE V AlphaOfPixel(D d, V v, const T* alpha) {
  constexpr size_t kCount = hn::MaxLanes(D());
  (void)alpha;
  if constexpr (kCount == 2) {
    T value;
    memcpy(&value, alpha, sizeof(T));  // rows may stand at any address
    return hn::Set(d, static_cast<hn::TFromD<D>>(value));
  } else if constexpr (sizeof(hn::TFromD<D>) == 4) {
    return hn::Broadcast<3>(v);
  } else {
    alignas(64) static constexpr int64_t kAlphas[8] = {3, 3, 3, 3, 7, 7, 7, 7};
    return hn::TableLookupLanes(v, hn::SetTableIndices(d, kAlphas));
  }
}

// The alpha lanes of a vector whose first lane is flat column `column`.
template <class D>
HWY_INLINE auto AlphaLanes(D d, size_t column) {
  using Lane = std::conditional_t<sizeof(hn::TFromD<D>) == 8, uint64_t, uint32_t>;
  const hn::Rebind<Lane, D> du;
  const auto three = hn::Set(du, 3);
  return hn::RebindMask(
      d, hn::Eq(hn::And(hn::Iota(du, static_cast<Lane>(hn::MaxLanes(D()) < 4 ? column % 4 : 0)), three), three));
}

// `count` values, a vector at most. `stream`: p is aligned when the vector is whole.
template <class D, class V>
HWY_INLINE void StoreOut(V v, D d, hn::TFromD<D>* p, size_t count, bool stream) {
  if (HWY_UNLIKELY(count < hn::MaxLanes(d))) {
    StoreFirst(v, d, p, count);
  } else if (stream) {
    hn::Stream(v, d, p);
  } else {
    hn::StoreU(v, d, p);
  }
}

// ---- transposition -----------------------------------------------------------------------------

// A vector of 16-byte blocks that stand `step` apart.
template <class D, class T>
HWY_INLINE hn::Vec<D> LoadBlocks(D d, const T* p, size_t step) {
  constexpr size_t kBlocks = hn::MaxLanes(D()) * sizeof(T) / 16;
  if constexpr (kBlocks == 1) {
    return hn::LoadU(d, p);
  } else {
    const hn::Half<D> half;
    return hn::Combine(d, LoadBlocks(half, p + step * (kBlocks / 2), step), LoadBlocks(half, p, step));
  }
}

// Inside every block, the kCount x kCount matrix of kCount vectors: each round shuffles the two halves
// together.
template <int kCount, class D, class P>
HWY_INLINE void TransposeBlocks(D d, P& m) {
  HWY_PRAGMA(GCC unroll 16) for (int round = 1; round < kCount; round *= 2) {
    const P old = m;
    HWY_PRAGMA(GCC unroll 16) for (int i = 0; i < kCount / 2; i++) {
      m.v[2 * i] = hn::InterleaveLower(d, old.v[i], old.v[i + kCount / 2]);
      m.v[2 * i + 1] = hn::InterleaveUpper(d, old.v[i], old.v[i + kCount / 2]);
    }
  }
}

// A square of lanes x lanes: rows of `step` values from p, its columns to store(index, vector).
template <class T, class Store>
HWY_INLINE void TransposeSquare(const T* p, size_t step, const Store& store) {
  const hn::ScalableTag<T> d;
  constexpr size_t kInBlock = 16 / sizeof(T);
  using Square = Pack<hn::Vec<decltype(d)>, static_cast<int>(kInBlock)>;
#if HWY_MAX_BYTES == 64  // two columns of blocks at once: half the loads
  const hn::Half<decltype(d)> dh;
  for (size_t column = 0; column < kLanes<T>; column += 2 * kInBlock) {
    Square even, odd;
    HWY_PRAGMA(GCC unroll 16) for (size_t i = 0; i < kInBlock; i++) {
      const T* from = p + i * step + column;
      const size_t next = kInBlock * step;
      const auto low = hn::Combine(d, hn::LoadU(dh, from + next), hn::LoadU(dh, from));
      const auto high = hn::Combine(d, hn::LoadU(dh, from + 3 * next), hn::LoadU(dh, from + 2 * next));
      even.v[i] = EvenBlocksOf(d, high, low);
      odd.v[i] = OddBlocksOf(d, high, low);
    }
    TransposeBlocks<kInBlock>(d, even);
    HWY_PRAGMA(GCC unroll 16) for (size_t i = 0; i < kInBlock; i++) store(column + i, even.v[i]);
    TransposeBlocks<kInBlock>(d, odd);
    HWY_PRAGMA(GCC unroll 16) for (size_t i = 0; i < kInBlock; i++) store(column + kInBlock + i, odd.v[i]);
  }
#else
  for (size_t column = 0; column < kLanes<T>; column += kInBlock) {
    Square m;
    HWY_PRAGMA(GCC unroll 16) for (size_t i = 0; i < kInBlock; i++) {
      m.v[i] = LoadBlocks(d, p + i * step + column, kInBlock * step);
    }
    TransposeBlocks<kInBlock>(d, m);
    HWY_PRAGMA(GCC unroll 16) for (size_t i = 0; i < kInBlock; i++) store(column + i, m.v[i]);
  }
#endif
}

// The band's tile, one row of `step` columns a lane, to slots: `columns` of them, rounded up to whole
// squares.
template <class T>
HWY_NOINLINE void TileToSlots(const T* tile, size_t step, size_t columns, T* slots) {
  const hn::ScalableTag<T> d;
  for (size_t column = 0; column < columns; column += kLanes<T>) {
    T* to = slots + column * kLanes<T>;
    TransposeSquare(tile + column, step, [&](size_t i, auto v) HWY_ATTR __attribute__((always_inline)) {
      hn::Store(v, d, to + i * kLanes<T>);
    });
  }
}

// ---- the way through a part ----------------------------------------------------------------------

// What both kinds of blur know. Column: the type of a column's sum, so of a slot's lanes.
template <class T, class Column>
struct PartBlur {
  static constexpr size_t kRows = kLanes<Column>;  // of a band

  PartBlur(const GeneralJob<T>& the_job, const GeneralMemory& the_memory, const Rectangle& the_part)
      : job(the_job),
        memory(the_memory),
        part(the_part),
        channels(the_job.in.channels),
        row_window(sliding_window(*the_job.rows)),
        column_window(sliding_window(*the_job.columns)),
        rows(reinterpret_cast<const T* const*>(the_memory.rows)),
        tile(reinterpret_cast<Column*>(the_memory.tile)),
        slots(reinterpret_cast<Column*>(the_memory.slots)) {}

  ptrdiff_t slot_step() const { return channels * static_cast<ptrdiff_t>(kRows); }  // from pixel to pixel
  const Column* slot(ptrdiff_t pixel) const { return slots + place_of(strip, channels, pixel) * kRows; }
  const T* row(ptrdiff_t index) const {
    return index == kOutside ? static_cast<const T*>(memory.outside) : job.in.row(index);
  }

  const GeneralJob<T>& job;
  const GeneralMemory& memory;
  const Rectangle part;
  const ptrdiff_t channels, row_window, column_window;
  const T* const* rows;
  Column *tile, *slots;
  Strip strip;
};

// Asks for what the next band adds to a tile.
template <size_t kTile, class T>
HWY_INLINE void PrefetchTile(const T* const* rows, ptrdiff_t row_count, size_t column) {
  for (ptrdiff_t r = 0; r < row_count; r++) {
    const char* p = reinterpret_cast<const char*>(rows[r] + column);
    for (size_t b = 0; b < kTile * sizeof(T); b += 64) __builtin_prefetch(p + b);
  }
}

// Sums the columns of the strip's runs in their order, as far as they are needed: so that a slot is still in
// the nearest cache when its windows ask for it.
template <class Blur>
HWY_INLINE void VerticalUntil(Blur& blur, ptrdiff_t reach, ptrdiff_t y, ptrdiff_t row_count, int& run, size_t& done) {
  const auto* next_rows = blur.rows + y - blur.part.y0 + row_count + blur.row_window - 1;
  const ptrdiff_t next = HWY_MIN(row_count, blur.part.y1 - y - row_count);
  for (; run < blur.strip.run_count; run++, done = 0) {
    const SourceRun& r = blur.strip.runs[run];
    const size_t columns = (r.last + 1 - r.first) * blur.channels;
    const size_t wanted = HWY_MIN(static_cast<size_t>(HWY_MAX(ptrdiff_t{0}, reach - r.begin)), columns);
    for (; done < wanted; done += Blur::kTile) {
      PrefetchTile<Blur::kTile>(next_rows, next, r.first * blur.channels + done);
      blur.vertical(r, done, HWY_MIN(Blur::kTile, columns - done), y, row_count);
    }
    if (done < columns) return;
  }
}

// Columns before the first whole vector of the output's rows that may be written around the caches, or -1.
template <class T>
HWY_INLINE ptrdiff_t StreamHead(const ImageView<T>& out, ptrdiff_t y, ptrdiff_t x) {
  if (HWY_MAX_BYTES < 64 || out.row_stride % 64 != 0 ||
      out.height * out.row_values() < kStreamBytes / static_cast<ptrdiff_t>(sizeof(T)))
    return -1;
  const size_t behind = reinterpret_cast<uintptr_t>(out.row(y) + x * out.channels) % 64;
  return behind % sizeof(T) ? -1 : static_cast<ptrdiff_t>((64 - behind) % 64 / sizeof(T));
}

// The outputs of one band and strip, chunk by chunk. Whole vectors are written; columns that do not fill one
// are carried to the next chunk.
template <class Blur>
HWY_INLINE void BlurBand(Blur& blur, ptrdiff_t y, ptrdiff_t row_count) {
  const Strip& strip = blur.strip;
  const GeneralMemory& memory = blur.memory;
  int run = 0;
  size_t done = 0;
  VerticalUntil(blur, strip.first_reach, y, row_count, run, done);
  blur.start_horizontal();
  const ptrdiff_t head = blur.kStreams ? StreamHead(blur.job.out, y, strip.x0) : -1;
  ptrdiff_t out = strip.x0 * blur.channels, carried = 0, chunk = 0;
  for (ptrdiff_t x = strip.x0; x < strip.x1; x += memory.chunk_width, chunk++) {
    const ptrdiff_t pixels = HWY_MIN(memory.chunk_width, strip.x1 - x);
    VerticalUntil(blur, memory.reach[chunk], y, row_count, run, done);
    blur.horizontal(x - strip.x0, pixels, carried);
    ptrdiff_t count = carried + pixels * blur.channels, from = 0;
    if (head > 0 && chunk == 0) {
      from = HWY_MIN(head, count);
      blur.divide_and_store(y, row_count, out, 0, from, false);
    }
    const bool last = x + pixels == strip.x1;
    const ptrdiff_t columns = last ? count - from : (count - from) / Blur::kOutLanes * Blur::kOutLanes;
    blur.divide_and_store(y, row_count, out + from, from, columns, head >= 0);
    out += from + columns;
    carried = count - from - columns;
    blur.move_sums(from + columns, carried);
  }
}

template <class Blur>
HWY_INLINE void BlurPart(Blur& blur, Band& band) {
  const GeneralMemory& memory = blur.memory;
  const Rectangle& part = blur.part;
  Strip& strip = blur.strip;
  for (ptrdiff_t x = part.x0; x < part.x1; x += memory.strip_width) {
    strip = plan_strip(memory, *blur.job.columns, blur.channels, x, HWY_MIN(part.x1, x + memory.strip_width));
    const ptrdiff_t positions = strip.x1 - strip.x0 + blur.column_window - 1;
    for (ptrdiff_t i = 0; i < positions; i++) memory.position[i] *= Blur::kRows;
    blur.set_outside();
    for (int r = 0; r < strip.run_count; r++) blur.start_vertical(strip.runs[r]);
    for (ptrdiff_t y = part.y0; y < part.y1; y += Blur::kRows) {
      band.checkpoint();
      BlurBand(blur, y, HWY_MIN(static_cast<ptrdiff_t>(Blur::kRows), part.y1 - y));
    }
  }
  hwy::FlushStream();
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::box
HWY_AFTER_NAMESPACE();
#endif
