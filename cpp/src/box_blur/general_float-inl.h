// The general blur of floating-point numbers: the same way through the image, with sums made of additions
// only.
#if defined(FASTCV_BOX_BLUR_GENERAL_FLOAT) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_BOX_BLUR_GENERAL_FLOAT
#undef FASTCV_BOX_BLUR_GENERAL_FLOAT
#else
#define FASTCV_BOX_BLUR_GENERAL_FLOAT
#endif

#include <algorithm>

#include "box_blur/general_accumulate-inl.h"
#include "box_blur/general_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::box {
namespace HWY_NAMESPACE {

// Column float: a slot holds the mean of its column, rounded once. Column double: its sum.
template <class T, class Column, bool kPremultiplied>
struct FloatBlur : PartBlur<T, Column> {
  using Base = PartBlur<T, Column>;
  using Base::Base;
  using Base::channels, Base::column_window, Base::job, Base::kRows, Base::memory, Base::part, Base::row,
      Base::row_window, Base::rows, Base::slot, Base::slot_step, Base::slots, Base::strip, Base::tile;

  static constexpr int kVectors = sizeof(double) / sizeof(Column);  // of doubles a slot, or a tile's row
  static constexpr size_t kTile = kLanes<Column>;                   // columns
  static constexpr size_t kOutLanes = kTile;                        // values that are written together
  static constexpr bool kStreams = !kPremultiplied;                 // else pixels must not be torn
  static constexpr bool kMeans = sizeof(Column) == 4;
  using Sum = Accumulator<kVectors, sizeof(T) == 8>;
  using Windows = VanHerk<Sum>;

  Column* const sums = reinterpret_cast<Column*>(memory.sums);

  double* tile_state(const SourceRun& run, size_t done) const {
    return reinterpret_cast<double*>(memory.state) + (run.begin + done) / kTile * Windows::state_size(row_window);
  }
  double* channel_state(ptrdiff_t c) const {
    return reinterpret_cast<double*>(memory.slide) + c * Windows::state_size(column_window);
  }

  void set_outside() {
    const T* values = static_cast<const T*>(memory.outside);
    for (ptrdiff_t c = 0; c < channels; c++) {
      double value = values[c];
      if (kPremultiplied && c < 3) value *= static_cast<double>(values[3]);
      if (!kMeans) value *= static_cast<double>(job.rows->ksize);
      std::fill_n(slots + (strip.ring + c) * kRows, kRows, static_cast<Column>(value));
    }
  }

  // ---- vertical --------------------------------------------------------------------------------

  template <bool kTail, class Fn>
  HWY_INLINE void each_value(const T* from, size_t column, size_t count, const Fn& fn) {
    HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kVectors; i++) {
      const size_t done = i * kLanes<double>, at = column + done;
      if (kTail && done >= count) break;
      const auto v = LoadValues<kTail>(kDouble, from + at, count - done);
      if constexpr (kPremultiplied) {
        const hn::Rebind<T, hn::ScalableTag<double>> d;
        const auto alpha = AlphaOfPixel(d, v, from + at / 4 * 4 + 3);
        const Doubles wide = Widen(kDouble, v);
        fn(i, hn::IfThenElse(AlphaLanes(kDouble, at), wide, hn::Mul(wide, Widen(kDouble, alpha))));
      } else {
        fn(i, Widen(kDouble, v));
      }
    }
  }

  template <bool kTail>
  HWY_NOINLINE void start_tile(size_t column, size_t count, double* state) {
    Windows::start(
        part.y0 % row_window, row_window, *job.rows, state,
        [&](ptrdiff_t p, const auto& fn) HWY_ATTR
        __attribute__((always_inline)) { each_value<kTail>(rows[p], column, count, fn); },
        [&](ptrdiff_t index, const auto& fn) HWY_ATTR
        __attribute__((always_inline)) { each_value<kTail>(row(index), column, count, fn); });
  }

  HWY_NOINLINE void start_vertical(const SourceRun& run) {
    if (Windows::is_three(*job.rows)) return;
    const size_t first = run.first * channels, columns = (run.last + 1) * channels - first;
    for (size_t done = 0; done < columns; done += kTile) {
      double* state = tile_state(run, done);
      if (columns - done >= kTile) {
        start_tile<false>(first + done, kTile, state);
      } else {
        start_tile<true>(first + done, columns - done, state);
      }
    }
  }

  template <bool kTail>
  HWY_NOINLINE void vertical_tile(ptrdiff_t y, ptrdiff_t row_count, size_t column, size_t count, double* state) {
    const double* inverse = memory.row_inverse + y;
    const T* const* from = rows;
    Column* to = tile;
    const auto each = [&](ptrdiff_t p, const auto& fn) HWY_ATTR
        __attribute__((always_inline)) { each_value<kTail>(from[p], column, count, fn); };
    const auto emit = [&](ptrdiff_t i, const Sum& sum) HWY_ATTR
        __attribute__((always_inline)) { store_column(sum, inverse[i], to + i * kTile); };
    if (Windows::is_three(*job.rows)) return Windows::of_three(y, row_count, each, emit);
    Windows::blocks(y, row_count, (part.y0 + y) % row_window, row_window, !job.rows->extra.empty(), state, each, emit);
  }

  HWY_INLINE void store_column(const Sum& sum, double inverse, Column* to) {
    const hn::Rebind<Column, hn::ScalableTag<double>> d;
    HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kVectors; i++) {
      if constexpr (kMeans) {
        hn::Store(hn::DemoteTo(d, hn::Mul(sum.total(i), hn::Set(kDouble, inverse))), d, to + i * kLanes<double>);
      } else {
        hn::Store(sum.total(i), d, to + i * kLanes<double>);
      }
    }
  }

  // One tile of a run, for the band's rows, as slots.
  void vertical(const SourceRun& run, size_t done, size_t count, ptrdiff_t y, ptrdiff_t row_count) {
    const size_t column = run.first * channels + done;
    if (count == kTile) {
      vertical_tile<false>(y - part.y0, row_count, column, count, tile_state(run, done));
    } else {
      vertical_tile<true>(y - part.y0, row_count, column, count, tile_state(run, done));
    }
    TileToSlots(tile, kTile, count, slots + (run.begin + done) % strip.ring * kRows);
  }

  // ---- horizontal ------------------------------------------------------------------------------

  template <class Fn>
  HWY_INLINE void each_vector(const Column* from, const Fn& fn) {
    HWY_PRAGMA(GCC unroll 4)
    for (int i = 0; i < kVectors; i++) fn(i, WidenLoad(kDouble, from + i * kLanes<double>));
  }

  HWY_NOINLINE void start_horizontal() {
    if (Windows::is_three(*job.columns)) return;
    for (ptrdiff_t c = 0; c < channels; c++) {
      Windows::start(
          strip.x0 % column_window, column_window, *job.columns, channel_state(c),
          [&](ptrdiff_t p, const auto& fn) HWY_ATTR
          __attribute__((always_inline)) { each_vector(slots + memory.position[p] + c * kRows, fn); },
          [&](ptrdiff_t index, const auto& fn) HWY_ATTR
          __attribute__((always_inline)) { each_vector(slot(index) + c * kRows, fn); });
    }
  }

  HWY_NOINLINE void horizontal(ptrdiff_t x, ptrdiff_t pixels, ptrdiff_t first) {
    const double* inverse = memory.column_inverse + (strip.x0 - part.x0 + x) * channels;
    const ptrdiff_t* position = memory.position;
    const ptrdiff_t channel_count = channels, step = slot_step();
    for (ptrdiff_t c = 0; c < channel_count; c++) {
      const Column* base = slots + c * kRows;
      Column* to = sums + (first + c) * kRows;
      const auto each = [&](ptrdiff_t p, const auto& fn) HWY_ATTR
          __attribute__((always_inline)) { each_vector(base + position[p], fn); };
      const auto emit = [&](ptrdiff_t i, const Sum& sum) HWY_ATTR
          __attribute__((always_inline)) { store_column(sum, inverse[i * channel_count], to + i * step); };
      if (Windows::is_three(*job.columns)) {
        Windows::of_three(x, pixels, each, emit);
      } else {
        Windows::blocks(x, pixels, (strip.x0 + x) % column_window, column_window, !job.columns->extra.empty(),
                        channel_state(c), each, emit);
      }
    }
  }

  // What was not yet written, for the next chunk.
  void move_sums(ptrdiff_t from, ptrdiff_t count) {
    if (from && count) memmove(sums, sums + from * kRows, count * kRows * sizeof(Column));
  }

  // ---- divide and back -------------------------------------------------------------------------

  // Sums become means, in place. Lanes = rows.
  void divide(ptrdiff_t y, ptrdiff_t x, double* at, size_t columns) {
    const Doubles row_count = hn::LoadU(kDouble, memory.row_count + y);
    for (size_t j = 0; j < columns; j++, at += kRows) {
      Doubles count = hn::Mul(row_count, hn::Set(kDouble, memory.column_count[x + j]));
      if (kPremultiplied && j % 4 != 3) count = hn::Load(kDouble, at + (3 - j % 4) * kRows);  // not yet divided
      Doubles mean = hn::Div(hn::Load(kDouble, at), count);
      if (kPremultiplied) mean = hn::IfThenElseZero(hn::Ne(count, hn::Zero(kDouble)), mean);
      hn::Store(mean, kDouble, at);
    }
  }

  // Sums from column `from` on, to the band's rows from flat column `x` on. `stream`: x stands at whole
  // vectors.
  HWY_NOINLINE void divide_and_store(ptrdiff_t y, size_t row_count, ptrdiff_t x, size_t from, size_t columns,
                                     bool stream) {
    const hn::Rebind<T, hn::ScalableTag<Column>> d;
    Column* first = sums + from * kRows;
    if constexpr (!kMeans) divide(y - part.y0, x - part.x0 * channels, first, columns);
    T* outs[kRows];
    for (size_t i = 0; i < row_count; i++) outs[i] = job.out.row(y + i) + x;
    for (size_t column = 0; column < columns; column += kTile) {
      TransposeSquare(first + column * kRows, kRows, [&](size_t i, auto v) HWY_ATTR __attribute__((always_inline)) {
        if (i < row_count) StoreOut(Narrow(d, v), d, outs[i] + column, columns - column, stream);
      });
    }
  }

  template <class D, class V>
  static HWY_INLINE hn::Vec<D> Narrow(D d, V v) {
    if constexpr (sizeof(hn::TFromD<D>) == sizeof(hn::TFromV<V>)) {
      return v;
    } else {
      return hn::DemoteTo(d, v);
    }
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::box
HWY_AFTER_NAMESPACE();
#endif
