// Box sums by doubling in lanes: see doubling.hpp.
#if defined(FASTCV_BOX_BLUR_DOUBLING) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_BOX_BLUR_DOUBLING
#undef FASTCV_BOX_BLUR_DOUBLING
#else
#define FASTCV_BOX_BLUR_DOUBLING
#endif

#include <algorithm>
#include <limits>

#include "box_blur/doubling.hpp"
#include "box_blur/general_divide-inl.h"
#include "box_blur/general_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::box {
namespace HWY_NAMESPACE {
using fastcv::HWY_NAMESPACE::StoreBytes;

// How a sum becomes a mean.
template <class T>
struct FloatMean {
  using Sum = T;
  static constexpr hn::ScalableTag<T> d{};
  T area;
  explicit FloatMean(const GeneralJob<T>&, double of) : area(static_cast<T>(of)) {}
  HWY_INLINE hn::Vec<hn::ScalableTag<T>> operator()(hn::Vec<hn::ScalableTag<T>> sum) const {
    return hn::Div(sum, hn::Set(d, area));
  }
};

template <bool kFloat>
struct Uint16Mean {
  using Sum = uint32_t;
  static constexpr hn::ScalableTag<uint32_t> d{};
  MagicQuotient<1> magic;
  FloatQuotient<1> in_float;
  explicit Uint16Mean(const GeneralJob<uint16_t>& job, double area)
      : magic{make_magic(static_cast<int64_t>(area), job.rounding)},
        in_float{make_float_magic(static_cast<int64_t>(area), std::numeric_limits<uint16_t>::max(), job.rounding)} {}
  HWY_INLINE hn::Vec<hn::ScalableTag<uint32_t>> operator()(hn::Vec<hn::ScalableTag<uint32_t>> sum) const {
    if constexpr (kFloat) return hn::Xor(in_float.of(sum), hn::Set(d, kRounderBits));
    return magic.of(sum);
  }
};

template <class T, class Mean>
struct DoublingBlur {
  using Sum = typename Mean::Sum;
  static constexpr hn::ScalableTag<Sum> d{};
  static constexpr int kVectors = 4;
  static constexpr ptrdiff_t kLane = kLanes<Sum>;
  static constexpr ptrdiff_t kBlock = kVectors * kLane;
  static constexpr int kGroup = kDoublingGroup;
  static constexpr int kPair = HWY_MAX_BYTES == 64 ? 2 : 1;  // vectors of rows that go through together
  using Block = Pack<hn::Vec<hn::ScalableTag<Sum>>, kVectors>;
  using Sums = Pack<hn::Vec<hn::ScalableTag<Sum>>, kPair>;

  const GeneralJob<T>& job;
  const Rectangle part;
  const ptrdiff_t channels = job.in.channels, row_values = job.in.row_values();
  const ptrdiff_t row_window = job.rows->window, column_window = job.columns->window;
  const Doubling x{column_window};
  const DoublingMemory memory;
  const Mean mean{job, static_cast<double>(row_window * column_window)};

  // The strip: flat columns [first, first + columns) of the output; the first ones may stand before the part, so that
  // the output's vectors are aligned. Its lines show the image's flat columns [image_first, image_end).
  ptrdiff_t first = 0, columns = 0, image_first = 0, image_end = 0;
  ptrdiff_t borders = 0;  // values of a line that show pixels from beyond the image
  bool stream = false;
  // Where whole vectors of the image's rows are aligned, in values behind image_first. Rows that stand 4096 bytes apart
  // share one set of the nearest cache: a line of it must not be needed twice.
  ptrdiff_t aligned_after = 0;
  ptrdiff_t line_row = 0;  // which of the group's rows is being worked on

  DoublingBlur(const GeneralJob<T>& the_job, const Rectangle& the_part, std::byte* scratch)
      : job(the_job), part(the_part), memory(plan_doubling(the_job, scratch)) {
    T* outside = reinterpret_cast<T*>(memory.outside);
    const bool constant = job.columns->border == Border::kConstant && job.border_value;
    for (ptrdiff_t i = 0; i < row_values; i++) {
      outside[i] = constant ? static_cast<T>(job.border_value[i % channels]) : T(0);
    }
  }

  // The sums of 2^level values of the line, from the image's flat column image_first on.
  Sum* line(int level) const {
    const ptrdiff_t at = level == 0 ? line_row : kGroup - 1 + level;
    return reinterpret_cast<Sum*>(memory.lines) + at * memory.line_values + memory.line_lead - aligned_after;
  }
  // Where the window of the strip's first output begins in it.
  ptrdiff_t window_first() const { return first - job.columns->lead * channels - image_first; }

  const T* outside_row() const { return reinterpret_cast<const T*>(memory.outside); }
  // The row at position p of the padded image; behind its end the last one.
  const T* source_row(ptrdiff_t p) const {
    const ptrdiff_t index = job.rows->source(HWY_MIN(p, job.rows->padded() - 1));
    return index == kOutside ? outside_row() : job.in.row(index);
  }

  template <int kCount>
  static HWY_INLINE auto load(const Sum* from) {
    Pack<hn::Vec<hn::ScalableTag<Sum>>, kCount> b;
    HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kCount; i++) b.v[i] = hn::LoadU(d, from + i * kLane);
    return b;
  }
  template <class P>
  static HWY_INLINE void store(const P& b, Sum* to) {
    constexpr int kCount = sizeof(P) / sizeof(b.v[0]);
    HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kCount; i++) hn::StoreU(b.v[i], d, to + i * kLane);
  }
  template <class P>
  static HWY_INLINE P added(const P& a, const P& b) {
    P sum;
    constexpr int kCount = sizeof(P) / sizeof(a.v[0]);
    HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kCount; i++) sum.v[i] = hn::Add(a.v[i], b.v[i]);
    return sum;
  }

  // ---- windows of rows: eight outputs at once, from the rows themselves --------------------------

  // kTail: fewer values may be left in the row.
  template <bool kTail>
  HWY_INLINE Sums values(const T* row, ptrdiff_t column) const {
    Sums v;
    HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kPair; i++) {
      const ptrdiff_t at = column + i * kLane, left = kTail ? HWY_MAX(row_values - at, ptrdiff_t{0}) : 0;
      v.v[i] = Widen(d, LoadValues<kTail>(d, row + at, static_cast<size_t>(left)));
    }
    return v;
  }

  // The sum of kCount rows, as a balanced tree.
  template <int kCount, bool kTail>
  HWY_INLINE Sums tree(const T* const* rows, ptrdiff_t column) const {
    if constexpr (kCount == 1) {
      return values<kTail>(rows[0], column);
    } else {
      return added(tree<kCount / 2, kTail>(rows, column), tree<kCount - kCount / 2, kTail>(rows + kCount / 2, column));
    }
  }
  template <bool kTail>
  HWY_INLINE Sums leaf(const T* const* rows, ptrdiff_t count, ptrdiff_t column) const {
    switch (count) {
      case 1:
        return tree<1, kTail>(rows, column);
      case 2:
        return tree<2, kTail>(rows, column);
      case 3:
        return tree<3, kTail>(rows, column);
      case 4:
        return tree<4, kTail>(rows, column);
      case 5:
        return tree<5, kTail>(rows, column);
      case 6:
        return tree<6, kTail>(rows, column);
      case 7:
        return tree<7, kTail>(rows, column);
      default:
        return tree<8, kTail>(rows, column);
    }
  }

  // The same of any number: leaves of up to eight rows, then pairs of them.
  template <bool kTail>
  HWY_INLINE Sums tree_of(const T* const* rows, ptrdiff_t count, ptrdiff_t column) const {
    if (count <= 8) return leaf<kTail>(rows, count, column);
    ptrdiff_t leaves = 2;
    while (leaves * 8 < count) leaves *= 2;
    alignas(64) Sum sums[kMostDoublingWindow / 4][kPair * kLane];
    for (ptrdiff_t i = 0; i < leaves; i++) {
      const ptrdiff_t from = i * count / leaves, to = (i + 1) * count / leaves;
      store(leaf<kTail>(rows + from, to - from, column), sums[i]);
    }
    for (; leaves > 1; leaves /= 2) {
      for (ptrdiff_t i = 0; i < leaves / 2; i++) {
        store(added(load<kPair>(sums[2 * i]), load<kPair>(sums[2 * i + 1])), sums[i]);
      }
    }
    return load<kPair>(sums[0]);
  }

  // Of w >= 8 rows: output i of a group has rows i .. w - 1 + i. The rows 7 .. w - 1 that all eight have are added
  // once; to them come the rows before and the rows behind, in trees of the same depth.
  template <bool kTail>
  HWY_INLINE void sums_of_many(const T* const* rows, ptrdiff_t column, Sum* to) const {
    const auto row = [&](ptrdiff_t r) HWY_ATTR
        __attribute__((always_inline)) { return values<kTail>(rows[r], column); };
    const Sums shared = tree_of<kTail>(rows + 7, row_window - 7, column);
    const ptrdiff_t step = memory.line_values, w = row_window;
    const Sums b6 = row(6), b56 = added(row(5), b6), r4 = row(4), b46 = added(r4, b56);
    const Sums b36 = added(added(row(3), r4), b56), r2 = row(2), r12 = added(row(1), r2);
    const Sums e0 = row(w), e1 = added(e0, row(w + 1)), r2e = row(w + 2), e2 = added(e1, r2e);
    const Sums e3 = added(e1, added(r2e, row(w + 3))), r4e = row(w + 4), r45e = added(r4e, row(w + 5));
    store(added(shared, added(added(row(0), r12), b36)), to);
    store(added(shared, added(added(r12, b36), e0)), to + step);
    store(added(shared, added(added(r2, b36), e1)), to + 2 * step);
    store(added(shared, added(b36, e2)), to + 3 * step);
    store(added(shared, added(b46, e3)), to + 4 * step);
    store(added(shared, added(b56, added(e3, r4e))), to + 5 * step);
    store(added(shared, added(b6, added(e3, r45e))), to + 6 * step);
    store(added(shared, added(e3, added(r45e, row(w + 6)))), to + 7 * step);
  }

  // Of w < 8 rows, each output by itself: the rows come from the nearest cache.
  template <int kWindow>
  HWY_INLINE void whole_sums(const T* const* rows, ptrdiff_t column, Sum* to) const {
    if constexpr (kWindow == 8) {
      sums_of_many<false>(rows, column, to);
    } else {
      HWY_PRAGMA(GCC unroll 8) for (int i = 0; i < kGroup; i++) {
        store(tree<kWindow, false>(rows + i, column), to + i * memory.line_values);
      }
    }
  }
  // The same sums at a row's ends.
  HWY_NOINLINE void tail_sums(const T* const* rows, ptrdiff_t column, Sum* to) const {
    if constexpr (std::is_floating_point_v<T>) {
      if (row_window >= 8) return sums_of_many<true>(rows, column, to);
    }
    for (int i = 0; i < kGroup; i++) {
      store(leaf<true>(rows + i, row_window, column), to + i * memory.line_values);
    }
  }

  template <int kWindow>
  HWY_NOINLINE void sum_group(const T* const* rows, const T* const* soon) const {
    Sum* to = line(0) - image_first;
    const ptrdiff_t step = kPair * kLane, whole = HWY_MIN(image_end, row_values - step + 1);
    ptrdiff_t column = image_first;
    if (aligned_after > 0) tail_sums(rows, column, to + column);
    column += aligned_after;
    for (; column < whole; column += step) {
      for (int i = 0; i < kGroup; i++) {
        for (size_t b = 0; b < step * sizeof(T); b += 64) {
          __builtin_prefetch(reinterpret_cast<const char*>(soon[i] + column) + b);
        }
      }
      whole_sums<kWindow>(rows, column, to + column);
    }
    for (; column < image_end; column += step) tail_sums(rows, column, to + column);
  }

  // The lines of output rows [y, y + 8); a group begins at a multiple of eight, whoever asks for its rows.
  void sum_group(ptrdiff_t y) const {
    const T *rows[kMostDoublingWindow + kGroup], *soon[kGroup];
    for (ptrdiff_t i = 0; i < row_window + kGroup - 1; i++) rows[i] = source_row(y + i);
    for (ptrdiff_t i = 0; i < kGroup; i++) soon[i] = source_row(y + row_window + kGroup - 1 + i);
    if (row_window == 1) return sum_group<1>(rows, soon);
    if (row_window == 2) return sum_group<2>(rows, soon);
    if (row_window == 3) return sum_group<3>(rows, soon);
    if constexpr (std::is_floating_point_v<T>) {
      if (row_window == 4) return sum_group<4>(rows, soon);
      if (row_window == 5) return sum_group<5>(rows, soon);
      if (row_window == 6) return sum_group<6>(rows, soon);
      if (row_window == 7) return sum_group<7>(rows, soon);
      sum_group<8>(rows, soon);
    }
  }

  // ---- windows of the line ---------------------------------------------------------------------

  // Which values of a line show pixels from beyond the image, and which columns of the image all of it shows.
  void plan_line() {
    const AxisPlan& plan = *job.columns;
    const ptrdiff_t lead = plan.lead * channels, begin = HWY_MAX(first, ptrdiff_t{0});
    const ptrdiff_t end = HWY_MIN(first + columns, row_values) + (column_window - 1) * channels;
    image_first = HWY_MAX(first - lead, ptrdiff_t{0});
    image_end = HWY_MIN(end - lead, row_values);
    borders = 0;
    for (ptrdiff_t p = begin; p < end; p++) {
      if (p >= lead && p < lead + row_values) p = lead + row_values;
      if (p >= end) break;
      const ptrdiff_t pixel = plan.source(p / channels), column = pixel * channels + p % channels;
      memory.border_to[borders] = p - lead;
      memory.border_from[borders++] = pixel == kOutside ? -1 - p % channels : column;
      if (pixel == kOutside) continue;
      image_first = HWY_MIN(image_first, column);
      image_end = HWY_MAX(image_end, column + 1);
    }
    const ptrdiff_t vector = kLane * static_cast<ptrdiff_t>(sizeof(T));
    const ptrdiff_t behind = reinterpret_cast<uintptr_t>(job.in.data + image_first) % vector;
    const bool all_rows = job.in.row_stride % vector == 0 && behind % static_cast<ptrdiff_t>(sizeof(T)) == 0;
    aligned_after = all_rows && behind > 0 ? (vector - behind) / static_cast<ptrdiff_t>(sizeof(T)) : 0;
  }

  void fill_borders() const {
    Sum* to = line(0) - image_first;
    for (ptrdiff_t i = 0; i < borders; i++) {
      const ptrdiff_t from = memory.border_from[i];
      // A column that lies outside holds the border's value in all its rows.
      to[memory.border_to[i]] =
          from >= 0 ? to[from] : static_cast<Sum>(outside_row()[-1 - from]) * static_cast<Sum>(row_window);
    }
  }

  // All levels but the largest, which is added up on the way: it is the sum of two of the level below.
  HWY_NOINLINE void double_line() const {
    const ptrdiff_t begin = window_first() / kLane * kLane - 2 * kLane + aligned_after;
    const ptrdiff_t line_end = window_first() + columns + (column_window - 1) * channels;
    for (int level = 0; level + 1 < x.levels; level++) {
      const ptrdiff_t step = channels << level, end = line_end - 2 * step + channels;
      const Sum* from = line(level);
      Sum* to = line(level + 1);
      for (ptrdiff_t i = begin; i < end; i += kBlock) {
        store(added(load<kVectors>(from + i), load<kVectors>(from + i + step)), to + i);
      }
    }
  }

  // Where the parts of the strip's first window stand, smallest first; `halves`: the last two make one part.
  struct Parts {
    int count = 0;
    bool halves = false;
    const Sum* at[Doubling::kMostLevels + 1];
  };
  Parts line_parts() const {
    Parts parts;
    parts.halves = x.levels > 0;
    for (int p = 0; p < x.parts; p++) {
      const int level = x.part[p].level, below = HWY_MAX(HWY_MIN(level, x.levels - 1), 0);
      const Sum* at = line(below) + window_first() + x.part[p].before * channels;
      parts.at[parts.count++] = at;
      if (below < level) parts.at[parts.count++] = at + (channels << below);
    }
    return parts;
  }
  static HWY_INLINE Block window_of_line(const Parts& parts, ptrdiff_t at) {
    Block sum = load<kVectors>(parts.at[0] + at);
    const int whole = parts.count - (parts.halves ? 2 : 0);
    for (int p = 1; p < whole; p++) sum = added(sum, load<kVectors>(parts.at[p] + at));
    if (!parts.halves) return sum;
    const Block last =
        added(load<kVectors>(parts.at[parts.count - 2] + at), load<kVectors>(parts.at[parts.count - 1] + at));
    return whole > 0 ? added(sum, last) : last;
  }

  // ---- means -----------------------------------------------------------------------------------

  HWY_NOINLINE void write_row(ptrdiff_t row) const {
    const Parts parts = line_parts();
    const Mean to_mean = mean;
    const ptrdiff_t begin = part.x0 * channels - first, end = HWY_MIN(part.x1 * channels - first, columns);
    T* to = job.out.row(row) + first;
    const bool streams = stream;
    for (ptrdiff_t at = 0; at < end; at += kBlock) {
      Block sum = window_of_line(parts, at);
      HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kVectors; i++) sum.v[i] = to_mean(sum.v[i]);
      const bool whole = at >= begin && at + kBlock <= end;
      if constexpr (std::is_same_v<T, Sum>) {
        HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kVectors; i++) {
          write_vector(d, sum.v[i], to, at + i * kLane, begin, end, whole, streams);
        }
      } else {
        const hn::ScalableTag<T> dt;
        const hn::Half<decltype(dt)> half;
        const hn::RebindToSigned<decltype(d)> di;
        HWY_PRAGMA(GCC unroll 2) for (int i = 0; i < kVectors; i += 2) {
          const auto low = hn::DemoteTo(half, hn::BitCast(di, sum.v[i]));
          const auto high = hn::DemoteTo(half, hn::BitCast(di, sum.v[i + 1]));
          write_vector(dt, hn::Combine(dt, high, low), to, at + i * kLane, begin, end, whole, streams);
        }
      }
    }
  }

  template <class D, class V>
  static HWY_INLINE void write_vector(D dt, V v, T* to, ptrdiff_t at, ptrdiff_t begin, ptrdiff_t end, bool whole,
                                      bool streams) {
    constexpr ptrdiff_t kCount = hn::MaxLanes(D());
    if (HWY_LIKELY(whole)) {
      if (streams) return hn::Stream(v, dt, to + at);
      return hn::StoreU(v, dt, to + at);
    }
    const ptrdiff_t from = HWY_MAX(begin - at, ptrdiff_t{0}), until = HWY_MIN(end - at, kCount);
    const hn::Repartition<uint8_t, D> d8;
    if (from < until) {
      StoreBytes(hn::BitCast(d8, v), d8, reinterpret_cast<uint8_t*>(to + at), from * sizeof(T), until * sizeof(T));
    }
  }

  // ---- the way through the part ----------------------------------------------------------------

  // Values between the last aligned address and the part's first value, where all rows have as many; else -1.
  ptrdiff_t before_first() const {
    const ptrdiff_t size = sizeof(T);
    const ptrdiff_t address = reinterpret_cast<uintptr_t>(job.out.row(part.y0) + part.x0 * channels) % 64;
    return job.out.row_stride % 64 != 0 || address % size != 0 ? -1 : address / size;
  }

  HWY_NOINLINE void run(Band& band) {
    const ptrdiff_t before = before_first(), end = part.x1 * channels;
    stream = HWY_MAX_BYTES == 64 && before >= 0 &&
             job.out.height * job.out.row_values() >= kStreamBytes / static_cast<ptrdiff_t>(sizeof(T));
    for (first = part.x0 * channels - HWY_MAX(before, ptrdiff_t{0}); first < end; first += memory.strip_values) {
      columns = HWY_MIN(memory.strip_values, end - first);
      plan_line();
      for (ptrdiff_t row = part.y0; row < part.y1;) {
        const ptrdiff_t group = row - row % kGroup, group_end = HWY_MIN(part.y1, group + kGroup);
        if (group % 32 == 0) band.checkpoint();
        line_row = 0;
        sum_group(group);
        for (; row < group_end; row++) {
          line_row = row % kGroup;
          fill_borders();
          double_line();
          write_row(row);
        }
      }
      line_row = 0;
    }
    if (stream) hwy::FlushStream();
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::box
HWY_AFTER_NAMESPACE();
#endif
