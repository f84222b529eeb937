// The general blur of floating-point numbers. Sums are made of additions only (van Herk): an axis is cut into blocks
// of the window's size, at multiples of it; a window is the end of one block, from the stored sums of suffixes, and
// the beginning of the next, a running sum. So a window's bytes depend on nothing outside it.
// float is added in double; double in pairs (high + what rounding took away).
#if defined(FASTCV_BOX_BLUR_GENERAL_FLOAT) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_BOX_BLUR_GENERAL_FLOAT
#undef FASTCV_BOX_BLUR_GENERAL_FLOAT
#else
#define FASTCV_BOX_BLUR_GENERAL_FLOAT
#endif

#include <algorithm>

#include "box_blur/general_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::box {
namespace HWY_NAMESPACE {

constexpr hn::ScalableTag<double> kDouble{};
using Doubles = hn::Vec<hn::ScalableTag<double>>;

// The sums of kVectors vectors of lanes, each in double or, kPaired, in two doubles.
template <int kVectors, bool kPaired>
struct Accumulator {
  static constexpr size_t kSize = kVectors * kLanes<double> * (kPaired ? 2 : 1);  // doubles in memory
  Pack<Doubles, kVectors> high, low;

  Accumulator() = default;
  HWY_INLINE Accumulator(const Accumulator& o) : high(o.high), low(o.low) {}
  HWY_INLINE Accumulator& operator=(const Accumulator& o) {
    high = o.high;
    low = o.low;
    return *this;
  }

  HWY_INLINE void clear() {
    HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kVectors; i++) high.v[i] = low.v[i] = hn::Zero(kDouble);
  }

  HWY_INLINE void set(int i, Doubles value) {
    high.v[i] = value;
    low.v[i] = hn::Zero(kDouble);
  }

  HWY_INLINE void add(int i, Doubles value) {
    const Doubles sum = hn::Add(high.v[i], value);
    if (kPaired) {  // TwoSum (Knuth)
      const Doubles part = hn::Sub(sum, high.v[i]);
      const Doubles lost = hn::Add(hn::Sub(high.v[i], hn::Sub(sum, part)), hn::Sub(value, part));
      low.v[i] = hn::Add(low.v[i], lost);
    }
    high.v[i] = sum;
  }

  HWY_INLINE void add(const Accumulator& other) {
    HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kVectors; i++) {
      add(i, other.high.v[i]);
      if (kPaired) low.v[i] = hn::Add(low.v[i], other.low.v[i]);
    }
  }

  // Behind an infinity `low` is NaN, and says nothing.
  HWY_INLINE Doubles total(int i) const {
    if (!kPaired) return high.v[i];
    return hn::IfThenElse(hn::IsFinite(high.v[i]), hn::Add(high.v[i], low.v[i]), high.v[i]);
  }

  HWY_INLINE void load(const double* from) {
    HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kVectors; i++) {
      high.v[i] = hn::Load(kDouble, from + i * kLanes<double>);
      low.v[i] = kPaired ? hn::Load(kDouble, from + (kVectors + i) * kLanes<double>) : hn::Zero(kDouble);
    }
  }

  HWY_INLINE void store(double* to) const {
    HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kVectors; i++) {
      hn::Store(high.v[i], kDouble, to + i * kLanes<double>);
      if (kPaired) hn::Store(low.v[i], kDouble, to + (kVectors + i) * kLanes<double>);
    }
  }
};

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
  // What is kept for a tile's row (vertical) or a channel (horizontal): the running sum of the block's beginning, the
  // sum of `extra`, then the suffixes.
  static constexpr size_t kPrefix = 0, kExtra = Sum::kSize, kSuffix = 2 * Sum::kSize;

  Column* const sums = reinterpret_cast<Column*>(memory.sums);

  double* tile_state(const SourceRun& run, size_t done) const {
    return reinterpret_cast<double*>(memory.state) + (run.begin + done) / kTile * (row_window + 2) * Sum::kSize;
  }
  double* channel_state(ptrdiff_t c) const {
    return reinterpret_cast<double*>(memory.slide) + c * (column_window + 2) * Sum::kSize;
  }

  static bool of_three(const AxisPlan& plan) { return plan.window == 3 && plan.extra.empty(); }

  void set_outside() {
    const T* values = static_cast<const T*>(memory.outside);
    for (ptrdiff_t c = 0; c < channels; c++) {
      double value = values[c];
      if (kPremultiplied && c < 3) value *= static_cast<double>(values[3]);
      if (!kMeans) value *= static_cast<double>(job.rows->ksize);
      std::fill_n(slots + (strip.ring + c) * kRows, kRows, static_cast<Column>(value));
    }
  }

  // ---- one axis, whichever: `each(p, fn)` calls fn(i, doubles) for the vectors at position p -----------------

  // The sums from each of the positions [first, window) of the block at `block` to the block's end.
  template <class Each>
  HWY_INLINE Sum suffixes(ptrdiff_t block, ptrdiff_t first, ptrdiff_t window, double* state, const Each& each) {
    Sum sum;
    sum.clear();
    for (ptrdiff_t p = window - 1; p >= first; p--) {
      each(block + p, [&](int i, Doubles v) HWY_ATTR __attribute__((always_inline)) { sum.add(i, v); });
      sum.store(state + kSuffix + p * Sum::kSize);
    }
    return sum;
  }

  // Makes ready for output `at`, which stands `inside` positions behind its block's beginning. Positions count from
  // the first output, so the block begins at -inside.
  template <class Each, class EachTerm>
  HWY_INLINE void start(ptrdiff_t inside, ptrdiff_t window, const AxisPlan& plan, double* state, const Each& each,
                        const EachTerm& each_term) {
    Sum sum;
    sum.clear();
    for (const AxisPlan::Term& term : plan.extra) {
      const Doubles weight = hn::Set(kDouble, static_cast<double>(term.weight));
      each_term(term.index, [&](int i, Doubles v) HWY_ATTR __attribute__((always_inline)) {
        sum.add(i, hn::Mul(v, weight));
      });
    }
    sum.store(state + kExtra);
    sum.clear();
    if (inside > 0) {
      suffixes(-inside, inside, window, state, each);
      for (ptrdiff_t p = window - inside; p < window - 1; p++) {
        each(p, [&](int i, Doubles v) HWY_ATTR __attribute__((always_inline)) { sum.add(i, v); });
      }
    }
    sum.store(state + kPrefix);
  }

  // The windows of outputs [at, at + count): emit(output, sum). Keeps the running sum in `state`.
  template <class Each, class Emit>
  HWY_INLINE void windows(ptrdiff_t at, ptrdiff_t count, ptrdiff_t inside, ptrdiff_t window, bool has_extra,
                          double* state, const Each& each, const Emit& emit) {
    const auto finish = [&](ptrdiff_t i, Sum& sum) HWY_ATTR __attribute__((always_inline)) {
      if (has_extra) {
        Sum extra;
        extra.load(state + kExtra);
        sum.add(extra);
      }
      emit(i, sum);
    };
    Sum prefix;
    prefix.load(state + kPrefix);
    for (ptrdiff_t i = 0; i < count;) {
      if (inside == 0) {  // the window is the block
        Sum whole = suffixes(at + i, 0, window, state, each);
        finish(i++, whole);
        prefix.clear();
        inside = 1;
      }
      const ptrdiff_t end = std::min(count, i + window - inside);
      for (; i < end; i++, inside++) {
        each(at + i + window - 1, [&](int k, Doubles v) HWY_ATTR __attribute__((always_inline)) { prefix.add(k, v); });
        Sum sum;
        sum.load(state + kSuffix + inside * Sum::kSize);
        sum.add(prefix);
        finish(i, sum);
      }
      if (inside == window) inside = 0;
    }
    prefix.store(state + kPrefix);
  }

  // The same for a window of three without `extra`, as (a + b) + c: nothing is stored, nothing read twice.
  template <class Each, class Emit>
  HWY_INLINE void windows_of_three(ptrdiff_t at, ptrdiff_t count, const Each& each, const Emit& emit) {
    Sum pair, last;
    pair.clear();
    last.clear();
    each(at, [&](int i, Doubles v) HWY_ATTR __attribute__((always_inline)) { last.set(i, v); });
    each(at + 1, [&](int i, Doubles v) HWY_ATTR __attribute__((always_inline)) {
      pair.set(i, last.high.v[i]);
      pair.add(i, v);
      last.set(i, v);
    });
    for (ptrdiff_t i = 0; i < count; i++) {
      Sum sum(pair);
      each(at + i + 2, [&](int k, Doubles v) HWY_ATTR __attribute__((always_inline)) {
        sum.add(k, v);
        pair.set(k, last.high.v[k]);
        pair.add(k, v);
        last.set(k, v);
      });
      emit(i, sum);
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
    start(
        part.y0 % row_window, row_window, *job.rows, state,
        [&](ptrdiff_t p, const auto& fn) HWY_ATTR __attribute__((always_inline)) {
          each_value<kTail>(rows[p], column, count, fn);
        },
        [&](ptrdiff_t index, const auto& fn) HWY_ATTR __attribute__((always_inline)) {
          each_value<kTail>(row(index), column, count, fn);
        });
  }

  HWY_NOINLINE void start_vertical(const SourceRun& run) {
    if (of_three(*job.rows)) return;
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
    const auto each = [&](ptrdiff_t p, const auto& fn) HWY_ATTR __attribute__((always_inline)) {
      each_value<kTail>(from[p], column, count, fn);
    };
    const auto emit = [&](ptrdiff_t i, const Sum& sum) HWY_ATTR __attribute__((always_inline)) {
      store_column(sum, inverse[i], to + i * kTile);
    };
    if (of_three(*job.rows)) return windows_of_three(y, row_count, each, emit);
    windows(y, row_count, (part.y0 + y) % row_window, row_window, !job.rows->extra.empty(), state, each, emit);
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
    HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kVectors; i++) fn(i, WidenLoad(kDouble, from + i * kLanes<double>));
  }

  HWY_NOINLINE void start_horizontal() {
    if (of_three(*job.columns)) return;
    for (ptrdiff_t c = 0; c < channels; c++) {
      start(
          strip.x0 % column_window, column_window, *job.columns, channel_state(c),
          [&](ptrdiff_t p, const auto& fn) HWY_ATTR __attribute__((always_inline)) {
            each_vector(slots + memory.position[p] + c * kRows, fn);
          },
          [&](ptrdiff_t index, const auto& fn) HWY_ATTR __attribute__((always_inline)) {
            each_vector(slot(index) + c * kRows, fn);
          });
    }
  }

  HWY_NOINLINE void horizontal(ptrdiff_t x, ptrdiff_t pixels, ptrdiff_t first) {
    const double* inverse = memory.column_inverse + (strip.x0 - part.x0 + x) * channels;
    const ptrdiff_t* position = memory.position;
    const ptrdiff_t channel_count = channels, step = slot_step();
    for (ptrdiff_t c = 0; c < channel_count; c++) {
      const Column* base = slots + c * kRows;
      Column* to = sums + (first + c) * kRows;
      const auto each = [&](ptrdiff_t p, const auto& fn) HWY_ATTR __attribute__((always_inline)) {
        each_vector(base + position[p], fn);
      };
      const auto emit = [&](ptrdiff_t i, const Sum& sum) HWY_ATTR __attribute__((always_inline)) {
        store_column(sum, inverse[i * channel_count], to + i * step);
      };
      if (of_three(*job.columns)) {
        windows_of_three(x, pixels, each, emit);
      } else {
        windows(x, pixels, (strip.x0 + x) % column_window, column_window, !job.columns->extra.empty(),
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

  // Sums from column `from` on, to the band's rows from flat column `x` on. `stream`: x stands at whole vectors.
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
