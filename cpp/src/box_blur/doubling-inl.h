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

// What a sum is divided by: the same number for all windows but those that a shrinking border cuts.
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

template <class T, class Mean, bool kPremultiplied>
struct DoublingBlur {
  using Sum = typename Mean::Sum;
  static constexpr hn::ScalableTag<Sum> d{};
  static constexpr int kVectors = 4;
  using Block = Pack<hn::Vec<hn::ScalableTag<Sum>>, kVectors>;
  static constexpr ptrdiff_t kLane = kLanes<Sum>;
  static constexpr ptrdiff_t kBlock = kVectors * kLane;

  const GeneralJob<T>& job;
  const Rectangle part;
  const ptrdiff_t channels = job.in.channels, row_values = job.in.row_values();
  const ptrdiff_t row_window = sliding_window(*job.rows), column_window = sliding_window(*job.columns);
  const Doubling x{column_window}, y{row_window};
  const DoublingMemory memory;
  const bool shrink = job.rows->border == Border::kShrink;
  const double full_rows = full_count(*job.rows), full_columns = full_count(*job.columns);
  const Mean mean{job, full_rows * full_columns};

  // The strip: flat columns [first, first + columns) of the output; the first ones may stand before the part, so that
  // the output's vectors are aligned. Its line shows the image's flat columns [image_first, image_end).
  ptrdiff_t first = 0, columns = 0, image_first = 0, image_end = 0;
  ptrdiff_t borders = 0;  // values of the line that show pixels from beyond the image
  bool stream = false;
  // Where whole vectors of the image's rows are aligned, in values behind image_first. Rows that stand 4096 bytes apart
  // share one set of the nearest cache: a line of it must not be needed twice.
  ptrdiff_t aligned_after = 0;
  ptrdiff_t line_row = 0;  // which of a group's rows is being worked on
  Sum* rings[Doubling::kMostLevels];
  ptrdiff_t slot[Doubling::kMostLevels];  // of each level's newest row in its ring

  DoublingBlur(const GeneralJob<T>& the_job, const Rectangle& the_part, std::byte* scratch)
      : job(the_job),
        part(the_part),
        memory(plan_doubling(*the_job.rows, *the_job.columns, the_job.in.channels, sizeof(T), sizeof(Sum), scratch)) {
    Sum* ring = reinterpret_cast<Sum*>(memory.rings);
    for (int level = 1; level <= y.levels; level++) {
      rings[level] = ring;
      ring += y.kept(level) * memory.line_values;
    }
    T* outside = reinterpret_cast<T*>(memory.outside);
    const bool constant = job.columns->border == Border::kConstant && job.border_value;
    for (ptrdiff_t i = 0; i < row_values; i++) {
      outside[i] = constant ? static_cast<T>(job.border_value[i % channels]) : T(0);
    }
  }

  // Pixels in a window that a shrinking border does not cut.
  static double full_count(const AxisPlan& plan) {
    return static_cast<double>(plan.border == Border::kShrink ? std::min<int64_t>(plan.ksize, plan.n) : plan.ksize);
  }

  Sum* ring_row(int level, ptrdiff_t back) const {
    const ptrdiff_t at = slot[level] - back;
    return rings[level] + (at < 0 ? at + y.kept(level) : at) * memory.line_values;
  }
  // The sums of 2^level values of the line, from the image's flat column image_first on. The lines of a group's rows
  // stand before one another.
  Sum* line(int level) const {
    const ptrdiff_t at = level == 0 ? line_row : kGroup - 1 + level;
    return reinterpret_cast<Sum*>(memory.line) + at * memory.line_values + memory.line_lead - aligned_after;
  }
  // Where the window of the strip's first output begins in it.
  ptrdiff_t window_first() const { return first - job.columns->lead * channels - image_first; }
  ptrdiff_t line_end() const { return window_first() + columns + (column_window - 1) * channels; }

  const T* outside_row() const { return reinterpret_cast<const T*>(memory.outside); }
  const T* row_at(ptrdiff_t index) const { return index == kOutside ? outside_row() : job.in.row(index); }
  // The row at position r of the padded part.
  const T* source_row(ptrdiff_t r) const {
    return row_at(job.rows->window > 0 ? job.rows->source(part.y0 + r) : kOutside);
  }

  template <int kCount = kVectors>
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

  // A window as its parts, smallest first, and what is added to every window.
  struct Parts {
    int count;
    const Sum *at[Doubling::kMostLevels], *extra;
  };
  static HWY_INLINE Block add_parts(Block sum, const Parts& parts, int begin, ptrdiff_t at) {
    for (int p = begin; p < parts.count; p++) sum = added(sum, load(parts.at[p] + at));
    return HWY_UNLIKELY(parts.extra != nullptr) ? added(sum, load(parts.extra + at)) : sum;
  }

  // ---- windows of rows -------------------------------------------------------------------------

  // kTail: fewer than a block's values may be left in the row.
  template <int kCount, bool kTail>
  HWY_INLINE auto values(const T* row, ptrdiff_t column) const {
    Pack<hn::Vec<hn::ScalableTag<Sum>>, kCount> block;
    HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kCount; i++) {
      const ptrdiff_t at = column + i * kLane, left = kTail ? HWY_MAX(row_values - at, ptrdiff_t{0}) : 0;
      const auto v = LoadValues<kTail>(d, row + at, static_cast<size_t>(left));
      block.v[i] = Widen(d, v);
      if constexpr (kPremultiplied) {
        const hn::Rebind<T, hn::ScalableTag<Sum>> dt;
        const auto alpha = AlphaOfPixel(dt, v, row + HWY_MIN(at / 4 * 4, row_values - 4) + 3);
        const auto weighted = hn::Mul(block.v[i], Widen(d, alpha));
        block.v[i] = hn::IfThenElse(AlphaLanes(d, at), block.v[i], weighted);
      }
    }
    return block;
  }

  struct EnteringRow {
    const T *newest, *before;
    int levels;
    bool complete;  // a window of rows ends here
    Sum* to[Doubling::kMostLevels];
    const Sum* older[Doubling::kMostLevels];
    Parts parts;
  };

  EnteringRow entering_row(ptrdiff_t r) {
    for (int l = 1; l <= y.levels; l++) slot[l] = slot[l] + 1 == y.kept(l) ? 0 : slot[l] + 1;
    EnteringRow row;
    row.newest = source_row(r);
    row.before = source_row(HWY_MAX(r - 1, ptrdiff_t{0}));
    row.levels = y.levels;
    row.complete = r >= row_window - 1;
    for (int l = 1; l <= y.levels; l++) row.to[l] = ring_row(l, 0);
    for (int l = 1; l < y.levels; l++) row.older[l] = ring_row(l, ptrdiff_t{1} << l);
    row.parts.count = y.parts;
    for (int p = 0; p < y.parts; p++) {
      row.parts.at[p] = y.part[p].level == 0 ? nullptr : ring_row(y.part[p].level, y.part[p].before);
    }
    row.parts.extra = job.rows->extra.empty() ? nullptr : reinterpret_cast<const Sum*>(memory.extra);
    return row;
  }

  // Row r of the padded part enters the rings; the window of rows that ends with it becomes the line.
  HWY_NOINLINE void sum_rows(ptrdiff_t r) {
    const EnteringRow row = entering_row(r);
    Sum* to = line(0) - image_first;
    const char* soon = reinterpret_cast<const char*>(source_row(HWY_MIN(r + 1, part.y1 - part.y0 + row_window - 2)));
    const ptrdiff_t whole = HWY_MIN(image_end, row_values - kBlock + 1);
    ptrdiff_t column = image_first;
    for (; column < whole; column += kBlock) {
      for (size_t b = 0; b < kBlock * sizeof(T); b += 64) __builtin_prefetch(soon + column * sizeof(T) + b);
      sum_block<false>(row, column, to + column);
    }
    for (; column < image_end; column += kBlock) sum_block<true>(row, column, to + column);
  }

  template <bool kTail>
  HWY_INLINE void sum_block(const EnteringRow& row, ptrdiff_t column, Sum* to) const {
    const ptrdiff_t at = column - image_first;
    const Block newest = values<kVectors, kTail>(row.newest, column);
    Block sum = newest;
    if (row.levels > 0) {
      sum = added(values<kVectors, kTail>(row.before, column), sum);
      for (int l = 1; l < row.levels; l++) {
        store(sum, row.to[l] + at);
        sum = added(load(row.older[l] + at), sum);
      }
    }
    const Parts& parts = row.parts;
    if (parts.count == 1) {
      if (row.complete) store(add_parts(sum, parts, 1, at), to);
      return;
    }
    store(sum, row.to[row.levels] + at);
    if (row.complete) store(add_parts(parts.at[0] ? load(parts.at[0] + at) : newest, parts, 1, at), to);
  }

  // ---- windows of not too many rows: eight outputs at once, from the rows themselves -----------------

  static constexpr int kGroup = kDoublingGroup;
  static constexpr int kPair = HWY_MAX_BYTES == 64 ? 2 : 1;  // vectors that go through together: as registers allow
  using Sums = Pack<hn::Vec<hn::ScalableTag<Sum>>, kPair>;

  // The sum of kCount rows, as a balanced tree.
  template <int kCount, bool kTail>
  HWY_INLINE Sums tree(const T* const* rows, ptrdiff_t column) const {
    if constexpr (kCount == 1) {
      return values<kPair, kTail>(rows[0], column);
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
    alignas(64) Sum sums[kMostDirectRows / 4][kPair * kLane];
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
        __attribute__((always_inline)) { return values<kPair, kTail>(rows[r], column); };
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

  // Of w < 8 rows, each output by itself; rows and pairs stay in registers.
  template <int kWindow, bool kTail>
  HWY_INLINE void sums_of_few(const T* const* rows, ptrdiff_t column, Sum* to) const {
    HWY_PRAGMA(GCC unroll 8) for (int i = 0; i < kGroup; i++) {
      store(tree<kWindow, kTail>(rows + i, column), to + i * memory.line_values);
    }
  }

  template <int kWindow, bool kTail>
  HWY_INLINE void group_sums(const T* const* rows, ptrdiff_t column, Sum* to) const {
    if constexpr (kWindow == 8) {
      sums_of_many<kTail>(rows, column, to);
    } else {
      sums_of_few<kWindow, kTail>(rows, column, to);
    }
  }

  template <int kWindow>
  HWY_NOINLINE void sum_group(const T* const* rows, const T* const* soon) const {
    Sum* to = line(0) - image_first;
    const ptrdiff_t step = kPair * kLane, whole = HWY_MIN(image_end, row_values - step + 1);
    ptrdiff_t column = image_first;
    if (aligned_after > 0) group_sums<kWindow, true>(rows, column, to + column);
    column += aligned_after;
    for (; column < whole; column += step) {
      for (int i = 0; i < kGroup; i++) {
        for (size_t b = 0; b < step * sizeof(T); b += 64) {
          __builtin_prefetch(reinterpret_cast<const char*>(soon[i] + column) + b);
        }
      }
      group_sums<kWindow, false>(rows, column, to + column);
    }
    for (; column < image_end; column += step) group_sums<kWindow, true>(rows, column, to + column);
  }

  // The lines of output rows [y, y + 8); a group begins at a multiple of eight, whoever asks for its rows.
  void sum_group(ptrdiff_t y) const {
    const T *rows[kMostDirectRows + kGroup], *soon[kGroup];
    const ptrdiff_t last = job.rows->padded() - 1;
    const auto source = [&](ptrdiff_t p) { return row_at(job.rows->source(HWY_MIN(p, last))); };
    for (ptrdiff_t i = 0; i < row_window + kGroup - 1; i++) rows[i] = source(y + i);
    for (ptrdiff_t i = 0; i < kGroup; i++) soon[i] = source(y + row_window + kGroup - 1 + i);
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

  // What lies in every window of rows: terms of weights, added in pairs (the sum, and what rounding took away).
  void fill_extra() const {
    Sum* high = reinterpret_cast<Sum*>(memory.extra);
    Sum* low = reinterpret_cast<Sum*>(memory.rest);
    std::fill_n(high, memory.line_values, Sum(0));
    std::fill_n(low, memory.line_values, Sum(0));
    for (const AxisPlan::Term& term : job.rows->extra) {
      const T* row = row_at(term.index);
      for (ptrdiff_t i = 0; i < image_end - image_first; i++) {
        add_paired(one_value(row, image_first + i) * static_cast<Sum>(term.weight), high[i], low[i]);
      }
    }
    for (ptrdiff_t i = 0; i < image_end - image_first; i++) high[i] = total(high[i], low[i]);
  }

  HWY_INLINE Sum one_value(const T* row, ptrdiff_t column) const {
    T v, alpha;
    memcpy(&v, row + column, sizeof(T));  // rows may stand at any address
    if (!kPremultiplied || column % 4 == 3) return static_cast<Sum>(v);
    memcpy(&alpha, row + column / 4 * 4 + 3, sizeof(T));
    return static_cast<Sum>(v) * static_cast<Sum>(alpha);
  }

  // TwoSum (Knuth). Behind an infinity `low` is NaN, and says nothing.
  static HWY_INLINE void add_paired(Sum v, Sum& high, Sum& low) {
    const Sum sum = high + v, part_of_sum = sum - high;
    low += (high - (sum - part_of_sum)) + (v - part_of_sum);
    high = sum;
  }
  static HWY_INLINE Sum total(Sum high, Sum low) { return low == low ? high + low : high; }

  // ---- windows of the line ---------------------------------------------------------------------

  // Which values of the line show pixels from beyond the image, and which columns of the image all of it shows.
  void plan_line() {
    const AxisPlan& plan = *job.columns;
    const ptrdiff_t lead = plan.lead * channels, begin = HWY_MAX(first, ptrdiff_t{0});
    const ptrdiff_t end = HWY_MIN(first + columns, row_values) + (column_window - 1) * channels;
    image_first = HWY_MAX(first - lead, ptrdiff_t{0});
    image_end = HWY_MIN(end - lead, row_values);
    borders = 0;
    for (ptrdiff_t p = begin; plan.window > 0 && p < end; p++) {
      if (p >= lead && p < lead + row_values) p = lead + row_values;
      if (p >= end) break;
      const ptrdiff_t pixel = plan.source(p / channels), column = pixel * channels + p % channels;
      memory.border_to[borders] = p - lead;
      memory.border_from[borders++] = pixel == kOutside ? -1 - p % channels : column;
      if (pixel == kOutside) continue;
      image_first = HWY_MIN(image_first, column);
      image_end = HWY_MAX(image_end, column + 1);
    }
    if (!plan.extra.empty()) image_first = 0, image_end = row_values;
    const ptrdiff_t vector = kLane * static_cast<ptrdiff_t>(sizeof(T));
    const ptrdiff_t behind = reinterpret_cast<uintptr_t>(job.in.data + image_first) % vector;
    const bool all_rows = !kPremultiplied &&  // a vector there begins with a whole pixel
                          job.in.row_stride % vector == 0 && behind % static_cast<ptrdiff_t>(sizeof(T)) == 0;
    aligned_after = all_rows && behind > 0 ? (vector - behind) / static_cast<ptrdiff_t>(sizeof(T)) : 0;
  }

  void fill_borders() const {
    Sum* to = line(0) - image_first;
    for (ptrdiff_t i = 0; i < borders; i++) {
      const ptrdiff_t from = memory.border_from[i];
      to[memory.border_to[i]] = from >= 0 ? to[from] : outside_sum(-1 - from);
    }
  }
  // Of a column that lies outside.
  Sum outside_sum(ptrdiff_t channel) const {
    return one_value(outside_row(), channel) * static_cast<Sum>(job.rows->ksize);
  }

  // What lies in every window of the line.
  void fill_line_extra() const {
    Sum* to = reinterpret_cast<Sum*>(memory.line_extra);
    for (ptrdiff_t c = 0; c < channels; c++) {
      Sum high = 0, low = 0;
      for (const AxisPlan::Term& term : job.columns->extra) {
        const Sum v = term.index == kOutside ? outside_sum(c) : line(0)[term.index * channels + c];
        add_paired(v * static_cast<Sum>(term.weight), high, low);
      }
      const ptrdiff_t begin = ((c - first) % channels + channels) % channels;
      for (ptrdiff_t i = begin; i < columns; i += channels) to[i] = total(high, low);
    }
  }

  HWY_NOINLINE void double_line() const {
    const ptrdiff_t begin = window_first() / kLane * kLane - 2 * kLane + aligned_after;
    for (int level = 0; level + 1 < x.levels; level++) {
      const ptrdiff_t step = channels << level, end = line_end() - 2 * step + channels;
      const Sum* from = line(level);
      Sum* to = line(level + 1);
      for (ptrdiff_t i = begin; i < end; i += kBlock) store(added(load(from + i), load(from + i + step)), to + i);
    }
  }

  // The largest part is added up on the way: it is the sum of two of the level below.
  Parts line_parts() const {
    const Sum* extra = job.columns->extra.empty() ? nullptr : reinterpret_cast<const Sum*>(memory.line_extra);
    if (job.columns->window == 0) return {1, {extra}, nullptr};
    Parts parts{0, {}, extra};
    for (int p = 0; p < x.parts; p++) {
      const int level = x.part[p].level, below = HWY_MAX(HWY_MIN(level, x.levels - 1), 0);
      const Sum* at = line(below) + window_first() + x.part[p].before * channels;
      parts.at[parts.count++] = at;
      if (below < level) parts.at[parts.count++] = at + (channels << below);
    }
    return parts;
  }
  static HWY_INLINE Block window_of_line(const Parts& parts, bool halves, ptrdiff_t at) {
    Block sum = load(parts.at[0] + at);
    const int whole = parts.count - (halves ? 2 : 0);
    for (int p = 1; p < whole; p++) sum = added(sum, load(parts.at[p] + at));
    if (halves) {
      const Block last = added(load(parts.at[parts.count - 2] + at), load(parts.at[parts.count - 1] + at));
      sum = whole > 0 ? added(sum, last) : last;
    }
    return HWY_UNLIKELY(parts.extra != nullptr) ? added(sum, load(parts.extra + at)) : sum;
  }

  // ---- means -----------------------------------------------------------------------------------

  // Where windows are cut or colours weighted.
  HWY_NOINLINE Block divided(const Block sum, ptrdiff_t at, ptrdiff_t row) const {
    if constexpr (std::is_floating_point_v<T>) {
      const double rows = window_count(*job.rows, row);
      alignas(64) Sum means[kBlock], sums[kBlock];
      store(sum, sums);
      for (ptrdiff_t i = 0; i < kBlock; i++) {
        const double count = memory.column_count[at + i];
        if (kPremultiplied && i % 4 != 3) {
          const Sum alpha = sums[i | 3];
          means[i] = alpha != 0 ? sums[i] / alpha : Sum(0);
        } else {
          means[i] = sums[i] / static_cast<Sum>(rows * count);
        }
      }
      return load(means);
    } else {
      return sum;
    }
  }

  // Counts rise, stay and fall along an axis: full at both ends, full between.
  bool cut(ptrdiff_t at, ptrdiff_t row) const {
    const ptrdiff_t last = HWY_MIN(at + kBlock, columns) - 1;
    return window_count(*job.rows, row) != full_rows || memory.column_count[at] != full_columns ||
           memory.column_count[last] != full_columns;
  }

  HWY_NOINLINE void write_row(ptrdiff_t row) const {
    const Parts parts = line_parts();
    const Mean to_mean = mean;
    const ptrdiff_t begin = part.x0 * channels - first, end = HWY_MIN(part.x1 * channels - first, columns);
    T* to = job.out.row(row) + first;
    const bool streams = stream, halves = x.levels > 0 && job.columns->window > 0;
    for (ptrdiff_t at = 0; at < end; at += kBlock) {
      Block sum = window_of_line(parts, halves, at);
      if (kPremultiplied || (shrink && cut(at, row))) {
        sum = divided(sum, at, row);
      } else {
        HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kVectors; i++) sum.v[i] = to_mean(sum.v[i]);
      }
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

  void count_columns() const {
    for (ptrdiff_t i = 0; i < memory.strip_values; i++) {
      const ptrdiff_t at = std::clamp<ptrdiff_t>(first + i, 0, row_values - 1);
      memory.column_count[i] = window_count(*job.columns, at / channels);
    }
  }

  // Values between the last aligned address and the part's first value, where all rows have as many; else -1.
  ptrdiff_t before_first() const {
    const ptrdiff_t size = sizeof(T);
    const ptrdiff_t address = reinterpret_cast<uintptr_t>(job.out.row(part.y0) + part.x0 * channels) % 64;
    return kPremultiplied || job.out.row_stride % 64 != 0 || address % size != 0 ? -1 : address / size;
  }

  void blur_line(ptrdiff_t row) const {
    fill_borders();
    if (!job.columns->extra.empty()) fill_line_extra();
    if (job.columns->window > 0) double_line();
    write_row(row);
  }

  HWY_NOINLINE void run(Band& band) {
    const bool direct = doubling_is_direct(*job.rows);
    const ptrdiff_t before = before_first(), end = part.x1 * channels;
    stream = HWY_MAX_BYTES == 64 && before >= 0 &&
             job.out.height * job.out.row_values() >= kStreamBytes / static_cast<ptrdiff_t>(sizeof(T));
    const ptrdiff_t rows = part.y1 - part.y0 + row_window - 1;
    for (first = part.x0 * channels - HWY_MAX(before, ptrdiff_t{0}); first < end; first += memory.strip_values) {
      columns = HWY_MIN(memory.strip_values, end - first);
      plan_line();
      if (shrink || kPremultiplied) count_columns();
      if (!job.rows->extra.empty()) fill_extra();
      if (direct) {
        for (ptrdiff_t row = part.y0; row < part.y1;) {
          const ptrdiff_t group = row - row % kGroup, end = HWY_MIN(part.y1, group + kGroup);
          if (group % 32 == 0) band.checkpoint();
          line_row = 0;
          sum_group(group);
          for (; row < end; row++) {
            line_row = row % kGroup;
            blur_line(row);
          }
        }
        line_row = 0;
        continue;
      }
      if constexpr (std::is_floating_point_v<T>) {
        std::fill_n(slot, y.levels + 1, 0);
        for (ptrdiff_t r = 0; r < rows; r++) {
          if (r % 32 == 0) band.checkpoint();
          sum_rows(r);
          if (r >= row_window - 1) blur_line(part.y0 + r - (row_window - 1));
        }
      }
    }
    if (stream) hwy::FlushStream();
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::box
HWY_AFTER_NAMESPACE();
#endif
