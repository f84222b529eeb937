// The general blur of integers: running sums that add what enters the window and take away what leaves it,
// exact modulo the width of their lanes, which the final sum fits.
#if defined(FASTCV_BOX_BLUR_GENERAL_INTEGER) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_BOX_BLUR_GENERAL_INTEGER
#undef FASTCV_BOX_BLUR_GENERAL_INTEGER
#else
#define FASTCV_BOX_BLUR_GENERAL_INTEGER
#endif

#include <algorithm>
#include <limits>

#include "box_blur/general_divide-inl.h"
#include "box_blur/general_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::box {
namespace HWY_NAMESPACE {

template <class T, class Column, class Sum, bool kPremultiplied>
struct IntegerBlur : PartBlur<T, Column> {
  using Base = PartBlur<T, Column>;
  static constexpr size_t kHalves = sizeof(Sum) / sizeof(Column);  // vectors of sums a slot
  static constexpr int kVectors = 4;                               // of a tile's row
  static constexpr size_t kTile = kVectors * kLanes<Column>;       // columns
  static constexpr size_t kPerLane = sizeof(Sum) / sizeof(T);      // values packed into a lane
  static constexpr size_t kOutLanes = kLanes<T>;                   // values that are written together
  static constexpr bool kStreams = !kPremultiplied;                // else pixels must not be torn
  static constexpr hn::ScalableTag<Column> dc{};
  static constexpr hn::ScalableTag<Sum> ds{};
  using ColumnPack = Pack<hn::Vec<hn::ScalableTag<Column>>, kVectors>;
  using SumPack = Pack<hn::Vec<hn::ScalableTag<Sum>>, static_cast<int>(kHalves)>;

  using Base::Base;
  using Base::channels, Base::column_window, Base::job, Base::kRows, Base::memory, Base::part, Base::row,
      Base::row_window, Base::rows, Base::slot, Base::slot_step, Base::slots, Base::strip, Base::tile;

  // The slot of columns that lie outside.
  void set_outside() {
    const T* values = static_cast<const T*>(memory.outside);
    for (ptrdiff_t c = 0; c < channels; c++) {
      const Column alpha = kPremultiplied && c < 3 ? values[3] : 1;
      const Column sum = static_cast<Column>(values[c]) * alpha * static_cast<Column>(job.rows->ksize);
      std::fill_n(slots + (strip.ring + c) * kRows, kRows, sum);
    }
  }

  Column* const state = reinterpret_cast<Column*>(memory.state);
  Sum* const slide = reinterpret_cast<Sum*>(memory.slide);
  Sum* const sums = reinterpret_cast<Sum*>(memory.sums);
  // The pixels of a window that a shrinking border does not cut.
  const int64_t full_rows = full_count(*job.rows), full_columns = full_count(*job.columns);
  const Magic magic = sizeof(Sum) == 8 ? Magic() : make_magic(full_rows * full_columns, job.rounding);
  const FloatMagic float_magic =
      make_float_magic(full_rows * full_columns, std::numeric_limits<T>::max(), job.rounding);

  static int64_t full_count(const AxisPlan& plan) {
    return plan.border == Border::kShrink ? std::min<int64_t>(plan.ksize, plan.n) : plan.ksize;
  }

  // ---- vertical --------------------------------------------------------------------------------

  template <bool kTail>
  HWY_INLINE hn::Vec<hn::ScalableTag<Column>> values(const T* from, size_t column, size_t count) {
    if constexpr (kPremultiplied) {
      const hn::Rebind<uint32_t, hn::ScalableTag<Column>> d;  // the square of a 16-bit value fits
      const auto v = Widen(d, LoadValues<kTail>(d, from + column, count));
      const auto alpha = AlphaOfPixel(d, v, from + column / 4 * 4 + 3);
      return Widen(dc, hn::IfThenElse(AlphaLanes(d, column), v, hn::Mul(v, alpha)));
    } else {
      (void)column;
      return Widen(dc, LoadValues<kTail>(dc, from + column, count));
    }
  }

  // Applies fn to each vector of a tile's row: fn(i, values).
  template <bool kTail, class Fn>
  HWY_INLINE void each(const T* from, size_t column, size_t count, const Fn& fn) {
    HWY_PRAGMA(GCC unroll 16) for (int i = 0; i < kVectors; i++) {
      const size_t done = i * kLanes<Column>;
      if (kTail && done >= count) break;
      fn(i, values<kTail>(from, column + done, count - done));
    }
  }

  // The sums of all rows but the last of the first output row's window.
  template <bool kTail>
  HWY_NOINLINE void start_tile(size_t column, size_t count, Column* to) {
    ColumnPack sum;
    HWY_PRAGMA(GCC unroll 16) for (int i = 0; i < kVectors; i++) sum.v[i] = hn::Zero(dc);
    for (ptrdiff_t p = 0; p < row_window - 1; p++) {
      each<kTail>(rows[p], column, count,
                  [&](int i, auto v) HWY_ATTR __attribute__((always_inline)) { sum.v[i] = hn::Add(sum.v[i], v); });
    }
    for (const AxisPlan::Term& term : job.rows->extra) {
      each<kTail>(row(term.index), column, count, [&](int i, auto v) HWY_ATTR __attribute__((always_inline)) {
        sum.v[i] = hn::Add(sum.v[i], TimesWeight(dc, v, static_cast<Column>(term.weight)));
      });
    }
    HWY_PRAGMA(GCC unroll 16)
    for (int i = 0; i < kVectors; i++) hn::Store(sum.v[i], dc, to + i * kLanes<Column>);
  }

  HWY_NOINLINE void start_vertical(const SourceRun& run) {
    const size_t first = run.first * channels, columns = (run.last + 1) * channels - first;
    for (size_t done = 0; done < columns; done += kTile) {
      Column* to = state + run.begin + done;
      if (columns - done >= kTile) {
        start_tile<false>(first + done, kTile, to);
      } else {
        start_tile<true>(first + done, columns - done, to);
      }
    }
  }

  template <bool kTail>
  HWY_NOINLINE void vertical_tile(ptrdiff_t y, size_t row_count, size_t column, size_t count, Column* kept) {
    ColumnPack sum;
    HWY_PRAGMA(GCC unroll 16)
    for (int i = 0; i < kVectors; i++) sum.v[i] = hn::Load(dc, kept + i * kLanes<Column>);
    const T* const* enter = rows + y + row_window - 1;
    const T* const* leave = rows + y;
    Column* to = tile;
    for (size_t r = 0; r < row_count; r++, to += kTile) {
      each<kTail>(enter[r], column, count,
                  [&](int i, auto v) HWY_ATTR __attribute__((always_inline)) { sum.v[i] = hn::Add(sum.v[i], v); });
      HWY_PRAGMA(GCC unroll 16) for (int i = 0; i < kVectors; i++) {
        if (kTail && i * kLanes<Column> >= count) break;  // a side of a frame is a few columns wide
        hn::Store(sum.v[i], dc, to + i * kLanes<Column>);
      }
      each<kTail>(leave[r], column, count,
                  [&](int i, auto v) HWY_ATTR __attribute__((always_inline)) { sum.v[i] = hn::Sub(sum.v[i], v); });
    }
    HWY_PRAGMA(GCC unroll 16)
    for (int i = 0; i < kVectors; i++) hn::Store(sum.v[i], dc, kept + i * kLanes<Column>);
  }

  // One tile of a run, for the band's rows, as slots.
  void vertical(const SourceRun& run, size_t done, size_t count, ptrdiff_t y, ptrdiff_t row_count) {
    const size_t column = run.first * channels + done;
    if (count == kTile) {
      vertical_tile<false>(y - part.y0, row_count, column, count, state + run.begin + done);
    } else {
      vertical_tile<true>(y - part.y0, row_count, column, count, state + run.begin + done);
    }
    TileToSlots(tile, kTile, count, slots + (run.begin + done) % strip.ring * kRows);
  }

  // ---- horizontal ------------------------------------------------------------------------------

  template <class Fn>
  HWY_INLINE void each_half(const Column* slot, const Fn& fn) {
    HWY_PRAGMA(GCC unroll 4)
    for (size_t h = 0; h < kHalves; h++) fn(h, WidenLoad(ds, slot + h * kLanes<Sum>));
  }

  HWY_INLINE SumPack load_sums(const Sum* from) {
    SumPack sum;
    HWY_PRAGMA(GCC unroll 4)
    for (size_t h = 0; h < kHalves; h++) sum.v[h] = hn::Load(ds, from + h * kLanes<Sum>);
    return sum;
  }

  HWY_INLINE void store_sums(const SumPack& sum, Sum* to) {
    HWY_PRAGMA(GCC unroll 4)
    for (size_t h = 0; h < kHalves; h++) hn::Store(sum.v[h], ds, to + h * kLanes<Sum>);
  }

  // The sums of all columns but the last of the strip's first window.
  HWY_NOINLINE void start_horizontal() {
    for (ptrdiff_t c = 0; c < channels; c++) {
      const Column* base = slots + c * kRows;
      SumPack sum;
      HWY_PRAGMA(GCC unroll 4) for (size_t h = 0; h < kHalves; h++) sum.v[h] = hn::Zero(ds);
      for (ptrdiff_t p = 0; p < column_window - 1; p++) {
        each_half(base + memory.position[p],
                  [&](size_t h, auto v) HWY_ATTR __attribute__((always_inline)) { sum.v[h] = hn::Add(sum.v[h], v); });
      }
      for (const AxisPlan::Term& term : job.columns->extra) {
        each_half(slot(term.index) + c * kRows, [&](size_t h, auto v) HWY_ATTR __attribute__((always_inline)) {
          sum.v[h] = hn::Add(sum.v[h], TimesWeight(ds, v, static_cast<Sum>(term.weight)));
        });
      }
      store_sums(sum, slide + c * kRows);
    }
  }

  // The windows of `pixels` outputs from strip.x0 + x on, every channel by itself; sums begin at column `at`.
  HWY_NOINLINE void horizontal(ptrdiff_t x, ptrdiff_t pixels, ptrdiff_t at) {
    const ptrdiff_t* leave = memory.position + x;
    const ptrdiff_t* enter = leave + column_window - 1;
    const ptrdiff_t step = slot_step(), channel_count = channels;
    for (ptrdiff_t c = 0; c < channel_count; c++) {
      const Column* base = slots + c * kRows;
      Sum* to = sums + (at + c) * kRows;
      SumPack sum = load_sums(slide + c * kRows);
      for (ptrdiff_t i = 0; i < pixels; i++, to += step) {
        each_half(base + enter[i],
                  [&](size_t h, auto v) HWY_ATTR __attribute__((always_inline)) { sum.v[h] = hn::Add(sum.v[h], v); });
        store_sums(sum, to);
        each_half(base + leave[i],
                  [&](size_t h, auto v) HWY_ATTR __attribute__((always_inline)) { sum.v[h] = hn::Sub(sum.v[h], v); });
      }
      store_sums(sum, slide + c * kRows);
    }
  }

  // What was not yet written, for the next chunk.
  void move_sums(ptrdiff_t from, ptrdiff_t count) {
    if (from && count) memmove(sums, sums + from * kRows, count * kRows * sizeof(Sum));
  }

  // ---- divide and back -------------------------------------------------------------------------

  // Sums from column `from` on, to the band's rows from flat column `x` on. `stream`: x stands at whole
  // vectors.
  void divide_and_store(ptrdiff_t y, size_t row_count, ptrdiff_t x, size_t from, size_t columns, bool stream) {
    if (columns == 0) return;
    constexpr int64_t kLargest = std::numeric_limits<T>::max();
    const ptrdiff_t row_at = y - part.y0, column_at = x - part.x0 * channels;
    const Counts counts = {memory.row_count + row_at, memory.row_inverse + row_at, memory.column_count + column_at,
                           memory.column_inverse + column_at, job.rounding};
    const int64_t area = job.rows->ksize * job.columns->ksize;
    const Sum* first = sums + from * kRows;
    const Target target = {y, row_count, x, columns, stream};
    if constexpr (kPremultiplied) {
      back(PremultipliedQuotient<kRows>{counts, fits_double_colour(area, kLargest)}, first, target);
    } else if constexpr (sizeof(Sum) == 8) {
      back(WideQuotient<kRows>{counts, fits_double(area)}, first, target);
    } else if (!all_full(counts, row_count, columns)) {
      back(ShrinkQuotient<kRows>{counts}, first, target);
    } else if (HWY_NATIVE_FMA && float_magic.exact) {
      back(FloatQuotient<kRows>{float_magic}, first, target);
    } else {
      back(MagicQuotient<kRows>{magic}, first, target);
    }
  }

  // Counts rise, stay and fall along an axis: full at both ends, full between.
  bool all_full(const Counts& counts, size_t row_count, size_t columns) const {
    return counts.row[0] == full_rows && counts.row[row_count - 1] == full_rows && counts.column[0] == full_columns &&
           counts.column[columns - 1] == full_columns;
  }

  struct Target {
    ptrdiff_t y;
    size_t row_count;
    ptrdiff_t x;
    size_t columns;
    bool stream;
  };

  // Values of kPerLane columns in the lanes of one vector, from value kIndex on.
  template <size_t kIndex, class Quotient>
  HWY_INLINE hn::Vec<hn::ScalableTag<Sum>> packed(const Quotient& quotient, const Sum* from, size_t column,
                                                  size_t lane) {
    const auto q = hn::ShiftLeft<8 * sizeof(T) * kIndex>(quotient(from, column + kIndex, lane));
    if constexpr (kIndex + 1 == kPerLane) {
      return q;
    } else {
      return hn::Xor(q, packed<kIndex + 1>(quotient, from, column, lane));
    }
  }

  // What FloatQuotient leaves in a lane, packed.
  static constexpr Sum rounder_bits() {
    Sum bits = 0;
    for (size_t i = 0; i < kPerLane; i++) bits ^= static_cast<Sum>(kRounderBits) << (8 * sizeof(T) * i);
    return bits;
  }

  // A vector of values is a vector of packed lanes: as many rows as lanes, as many columns as values in a
  // vector.
  template <class Quotient>
  HWY_NOINLINE void back(const Quotient quotient, const Sum* from, const Target target) {
    const hn::ScalableTag<T> d;
    constexpr bool rounded = std::is_same_v<Quotient, FloatQuotient<kRows>>;
    Sum* square = reinterpret_cast<Sum*>(memory.packed);
    for (size_t lane = 0; lane < target.row_count; lane += kLanes<Sum>) {
      T* outs[kLanes<Sum>];
      const size_t here = std::min(kLanes<Sum>, target.row_count - lane);
      for (size_t i = 0; i < here; i++) outs[i] = job.out.row(target.y + lane + i) + target.x;
      for (size_t column = 0; column < target.columns; column += kLanes<T>) {
        for (size_t i = 0; i < kLanes<Sum>; i++) {
          auto values = packed<0>(quotient, from, column + i * kPerLane, lane);
          if (rounded) values = hn::Xor(values, hn::Set(ds, rounder_bits()));
          hn::Store(values, ds, square + i * kLanes<Sum>);
        }
        const size_t count = target.columns - column;
        TransposeSquare(square, kLanes<Sum>, [&](size_t i, auto v) HWY_ATTR __attribute__((always_inline)) {
          if (i < here) StoreOut(hn::BitCast(d, v), d, outs[i] + column, count, target.stream);
        });
      }
    }
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::box
HWY_AFTER_NAMESPACE();
#endif
