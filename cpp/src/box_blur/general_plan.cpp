#include "box_blur/general_plan.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <type_traits>

#include "box_blur/doubling.hpp"

namespace fastcv::box {
namespace {

// What one strip keeps between bands and reads again soon; it should stay in the second-level cache.
constexpr std::ptrdiff_t kStripBytes = 256 << 10;
constexpr std::ptrdiff_t kChunkColumns = 256;  // flat columns; their sums should stay in the first-level cache

bool needs_all_columns(const AxisPlan& columns) { return columns.extra.size() > 2; }

// A strip also reads the columns that its neighbours read, so it is at least a few times as wide as the
// window.
std::ptrdiff_t choose_strip_width(const AxisPlan& columns, std::ptrdiff_t channels, std::size_t state_bytes) {
  const std::ptrdiff_t halo = sliding_window(columns) - 1;
  const std::ptrdiff_t fits = kStripBytes / (static_cast<std::ptrdiff_t>(64 + state_bytes) * channels) - halo;
  std::ptrdiff_t width = std::max<std::ptrdiff_t>({fits, 3 * halo, 32});
  if (width >= columns.n || needs_all_columns(columns)) return columns.n;
  const std::ptrdiff_t strips = (columns.n + width - 1) / width;
  width = (columns.n + strips - 1) / strips;
  return std::min((width + 63) / 64 * 64, columns.n);
}

// The least number of flat columns that is whole tiles and whole pixels.
std::ptrdiff_t unit_columns(std::ptrdiff_t channels) {
  return kTileColumns / std::gcd<std::ptrdiff_t>(channels, kTileColumns) * channels;
}

// Whole units, so that all chunks but the last are made of whole vectors.
std::ptrdiff_t choose_chunk_width(std::ptrdiff_t channels) {
  const std::ptrdiff_t unit = unit_columns(channels);
  return unit * std::max<std::ptrdiff_t>(1, kChunkColumns / unit) / channels;
}

struct Carver {
  std::byte* base;
  std::size_t used;

  template <class T>
  void take(T*& pointer, std::size_t bytes) {
    pointer = reinterpret_cast<T*>(base + used);
    used += (bytes + 63) / 64 * 64;
  }
};

struct Interval {
  std::ptrdiff_t first, last;
};

constexpr std::ptrdiff_t kBehindRing = -1;

// Where a pixel's columns begin in the stream.
std::ptrdiff_t stream_of(const Strip& strip, std::ptrdiff_t channels, std::ptrdiff_t pixel) {
  if (pixel == kOutside) return kBehindRing;
  const SourceRun* run = strip.runs;
  while (pixel < run->first || pixel > run->last) run++;
  return run->begin + (pixel - run->first) * channels;
}

std::ptrdiff_t in_ring(const Strip& strip, std::ptrdiff_t stream) {
  if (stream == kBehindRing) return strip.ring;
  return stream < strip.ring ? stream : stream % strip.ring;
}

// From positions in the stream: how far every chunk reaches, and the least ring in which nothing is
// overwritten that a later window needs.
void plan_ring(const GeneralMemory& memory, const AxisPlan& columns, std::ptrdiff_t channels, std::ptrdiff_t stream,
               Strip& strip) {
  const std::ptrdiff_t window = sliding_window(columns), width = strip.x1 - strip.x0;
  const std::ptrdiff_t unit = unit_columns(channels), chunks = (width - 1) / memory.chunk_width + 1;
  std::ptrdiff_t reach = columns.extra.empty() ? 0 : stream, position = 0;
  auto reach_to = [&](std::ptrdiff_t end) {
    for (; position < end; position++) {
      if (memory.position[position] != kBehindRing) reach = std::max(reach, memory.position[position] + channels);
    }
    return reach;
  };
  strip.first_reach = reach_to(window - 1);
  for (std::ptrdiff_t i = 0; i < chunks; i++) {
    memory.reach[i] = reach_to(std::min((i + 1) * memory.chunk_width, width) + window - 1);
  }
  std::ptrdiff_t oldest = stream, ring = 0;
  for (std::ptrdiff_t i = chunks - 1; i >= 0; i--) {
    while (position > i * memory.chunk_width) {
      position--;
      if (memory.position[position] != kBehindRing) oldest = std::min(oldest, memory.position[position]);
    }
    ring = std::max(ring, memory.reach[i] - oldest);
  }
  // Whole tiles are written, so a little more than what is reached.
  strip.ring = columns.extra.empty() ? std::min(stream, (ring / unit + 2) * unit) : stream;
}

// Sees to it that `column` lies in an interval: widens a neighbour, or opens another one.
void cover(Interval* intervals, int* count, std::ptrdiff_t column) {
  for (int i = *count - 1; i >= 0; i--) {
    if (column >= intervals[i].first && column <= intervals[i].last) return;
  }
  for (int i = *count - 1; i >= 0; i--) {
    if (column == intervals[i].first - 1) return void(intervals[i].first--);
    if (column == intervals[i].last + 1) return void(intervals[i].last++);
  }
  intervals[(*count)++] = {column, column};
}

std::ptrdiff_t source_of(const AxisPlan& plan, std::ptrdiff_t position) {
  return plan.window > 0 ? plan.source(position) : kOutside;
}

}  // namespace

template <class T>
SumWidth sum_width(const GeneralJob<T>& job) {
  constexpr std::int64_t kLargest = std::numeric_limits<T>::max();
  const bool premultiplied = job.alpha == Alpha::kPremultiplied;
  const std::int64_t value = premultiplied ? kLargest * kLargest : kLargest;
  const std::int64_t area = job.rows->ksize * job.columns->ksize;  // area * value < 2^62: the caller saw to it
  const bool column16 = value <= 255 && job.rows->ksize * value < (1 << 16);
  const bool column32 = job.rows->ksize < (std::int64_t{1} << 32) / value;
  // A window's sum and the rounding term, which is at most half of `area`, stay below 2^31.
  const bool sum32 = area < (std::int64_t{1} << 31) / (value + 1);
  if (sum32 && !premultiplied) return column16 ? SumWidth::k16Then32 : SumWidth::k32Then32;
  // Only where it is worth a kernel; else 64 bits do for both.
  const bool kernel = premultiplied ? std::is_same_v<T, std::uint8_t> : std::is_same_v<T, std::uint16_t>;
  return kernel && column32 ? SumWidth::k32Then64 : SumWidth::k64Then64;
}

template <class T>
ColumnBytes column_bytes(const GeneralJob<T>& job) {
  if constexpr (std::is_integral_v<T>) {
    const SumWidth width = sum_width(job);
    const std::size_t column = width == SumWidth::k16Then32 ? 2 : width == SumWidth::k64Then64 ? 8 : 4;
    const std::size_t sum = width == SumWidth::k16Then32 || width == SumWidth::k32Then32 ? 4 : 8;
    return {column, 64 * sum / column, 64 * sum / column};
  } else {
    const std::size_t column = job.alpha == Alpha::kPremultiplied ? 8 : sizeof(T);
    const std::size_t sum = sizeof(T) == 8 ? 16 : 8;  // double, or two doubles
    const std::size_t kept = 2;                       // the prefix and `extra`, beside the suffixes
    return {sum * (sliding_window(*job.rows) + kept), 64, 64 / column * sum * (sliding_window(*job.columns) + kept)};
  }
}

namespace {

GeneralMemory layout(std::byte* scratch, const AxisPlan& rows, const AxisPlan& columns, std::ptrdiff_t channels,
                     std::size_t value_bytes, const ColumnBytes& column) {
  GeneralMemory memory;
  const std::ptrdiff_t n = columns.n, row_values = n * channels;
  const std::ptrdiff_t width = choose_strip_width(columns, channels, column.state);
  memory.strip_width = width;
  memory.chunk_width = choose_chunk_width(channels);
  const std::ptrdiff_t positions = width + sliding_window(columns) - 1;
  const std::ptrdiff_t pixels = needs_all_columns(columns) ? n : std::min(n, positions + 2);
  const std::ptrdiff_t stream = pixels * channels + kMostRuns * unit_columns(channels);
  const std::ptrdiff_t chunk = memory.chunk_width * channels;

  Carver carver{scratch, (64 - reinterpret_cast<std::uintptr_t>(scratch) % 64) % 64};
  carver.take(memory.rows, (rows.n + sliding_window(rows) - 1) * sizeof(void*));
  carver.take(memory.outside, row_values * value_bytes);
  carver.take(memory.row_count, (rows.n + 64) * sizeof(double));
  carver.take(memory.row_inverse, (rows.n + 64) * sizeof(double));
  carver.take(memory.column_count, (row_values + 64) * sizeof(double));
  carver.take(memory.column_inverse, (row_values + 64) * sizeof(double));
  carver.take(memory.position, positions * sizeof(std::ptrdiff_t));
  carver.take(memory.reach, (width / memory.chunk_width + 1) * sizeof(std::ptrdiff_t));
  carver.take(memory.state, stream * column.state);
  carver.take(memory.tile, kTileColumns * 64);
  carver.take(memory.slots, (stream + channels) * 64);
  carver.take(memory.slide, channels * column.slide);
  carver.take(memory.sums, (chunk + 2 * kTileColumns) * column.sum);  // what was left over, and a last vector
  carver.take(memory.packed, 64 * 64);
  memory.bytes = carver.used + 64;
  return memory;
}

void plan_rows(const GeneralMemory& memory, const AxisPlan& rows, const Rectangle& part, const void* first_row,
               std::ptrdiff_t row_stride) {
  for (std::ptrdiff_t p = part.y0; p < part.y1 + sliding_window(rows) - 1; p++) {
    const std::ptrdiff_t y = source_of(rows, p);
    memory.rows[p - part.y0] = y == kOutside ? memory.outside : static_cast<const char*>(first_row) + y * row_stride;
  }
}

void plan_counts(const GeneralMemory& memory, const AxisPlan& rows, const AxisPlan& columns, std::ptrdiff_t channels,
                 const Rectangle& part) {
  const std::ptrdiff_t height = part.y1 - part.y0, width = part.x1 - part.x0;
  double count = 0, inverse = 0;
  const auto take = [&](double next) {  // a division only where the count changes
    if (next != count) inverse = 1 / next;
    count = next;
  };
  for (std::ptrdiff_t y = 0; y < height + 64; y++) {
    take(y < height ? window_count(rows, part.y0 + y) : 1);
    memory.row_count[y] = count;
    memory.row_inverse[y] = inverse;
  }
  for (std::ptrdiff_t x = 0, flat = 0; x < width; x++) {
    take(window_count(columns, part.x0 + x));
    for (std::ptrdiff_t c = 0; c < channels; c++, flat++) {
      memory.column_count[flat] = count;
      memory.column_inverse[flat] = inverse;
    }
  }
  std::fill_n(memory.column_count + width * channels, 64, 1.0);
  std::fill_n(memory.column_inverse + width * channels, 64, 1.0);
}

template <class T>
void fill_outside(const GeneralMemory& memory, const GeneralJob<T>& job) {
  const bool constant = job.columns->border == Border::kConstant && job.border_value;
  T* out = static_cast<T*>(memory.outside);
  for (std::ptrdiff_t x = 0; x < job.in.width; x++) {
    for (std::ptrdiff_t c = 0; c < job.in.channels; c++) *out++ = constant ? static_cast<T>(job.border_value[c]) : T(0);
  }
}

}  // namespace

template <class T>
std::size_t general_scratch_bytes(const GeneralJob<T>& job) {
  if (doubling_applies(job)) return plan_doubling(job, nullptr).bytes;
  return layout(nullptr, *job.rows, *job.columns, job.in.channels, sizeof(T), column_bytes(job)).bytes;
}

template <class T>
GeneralMemory plan_part(const GeneralJob<T>& job, const Rectangle& part, std::byte* scratch) {
  const AxisPlan &rows = *job.rows, &columns = *job.columns;
  const GeneralMemory memory = layout(scratch, rows, columns, job.in.channels, sizeof(T), column_bytes(job));
  fill_outside(memory, job);
  plan_rows(memory, rows, part, job.in.data, job.in.row_stride);
  plan_counts(memory, rows, columns, job.in.channels, part);
  return memory;
}

Strip plan_strip(const GeneralMemory& memory, const AxisPlan& columns, std::ptrdiff_t channels, std::ptrdiff_t x0,
                 std::ptrdiff_t x1) {
  // At most two ends of a wrapped axis, and two terms of `extra`.
  Interval intervals[kMostRuns];
  int count = 0;
  const std::ptrdiff_t positions = x1 - x0 + sliding_window(columns) - 1;
  for (std::ptrdiff_t i = 0; i < positions; i++) {
    memory.position[i] = source_of(columns, x0 + i);
    if (memory.position[i] != kOutside) cover(intervals, &count, memory.position[i]);
  }
  for (const AxisPlan::Term& term : columns.extra) {
    if (term.index != kOutside) cover(intervals, &count, term.index);
  }
  Strip strip;
  strip.x0 = x0;
  strip.x1 = x1;
  strip.run_count = count;
  const std::ptrdiff_t unit = unit_columns(channels);
  std::ptrdiff_t stream = 0;
  for (int i = 0; i < count; i++) {
    strip.runs[i] = {intervals[i].first, intervals[i].last, stream};
    stream += ((intervals[i].last - intervals[i].first + 1) * channels + unit - 1) / unit * unit;
  }
  for (std::ptrdiff_t i = 0; i < positions; i++) {
    memory.position[i] = stream_of(strip, channels, memory.position[i]);
  }
  plan_ring(memory, columns, channels, std::max(stream, unit), strip);
  for (std::ptrdiff_t i = 0; i < positions; i++) memory.position[i] = in_ring(strip, memory.position[i]);
  return strip;
}

std::ptrdiff_t place_of(const Strip& strip, std::ptrdiff_t channels, std::ptrdiff_t pixel) {
  return in_ring(strip, stream_of(strip, channels, pixel));
}

// multiplier = ceil(2^k / area), k = 31 + ceil(log2(area)), is too large by e / area with e < area, so the
// product is too large by less than x * e / area < 2^31 * area / area <= 2^k / area: no integer is stepped
// over.
Magic make_magic(std::int64_t area, Rounding rounding) {
  if (area == 1) return {~0u, 1, 1, 0, false};  // (x + 1) * (2^32 - 1) >> 32 == x
  int bits = 1;
  while ((std::int64_t{1} << bits) < area) bits++;
  const std::uint64_t power = std::uint64_t{1} << (31 + bits);
  const std::uint64_t multiplier = (power + area - 1) / area;
  const std::int64_t bias = rounding == Rounding::kFloor ? 0 : area / 2;
  return {static_cast<std::uint32_t>(multiplier), static_cast<std::uint32_t>(bias), static_cast<std::uint32_t>(area),
          bits - 1, rounding == Rounding::kEven && area % 2 == 0};
}

// v = (s + bias) / area is to be rounded to the nearest whole number, ties up (for kFloor the bias turns
// floor into that). The sum fits the 24 bits of a float, the fused operation rounds once, so the only error
// is that of `inverse`, which is to be less than the distance of v from a tie:
//   odd area: there are no ties, and v is at least 1 / (2 area) away from one;
//   even area: v is a tie or at least 1 / area away; an inverse that is a little too large takes ties up.
FloatMagic make_float_magic(std::int64_t area, std::int64_t largest, Rounding rounding) {
  const double n = static_cast<double>(area), largest_mean = static_cast<double>(largest) + 1;
  float inverse = static_cast<float>(1 / n);
  if (area % 2 == 0 && inverse * n <= 1) inverse = std::nextafter(inverse, 1.0f);
  const double error = std::abs(inverse * n - 1) * largest_mean;  // inverse * n is exact
  const bool fits = (largest + 1) * area < (1 << 24);
  const bool nearest = rounding == Rounding::kNearest || area % 2;  // with ties only up, and only of positive numbers
  const bool exact = fits && nearest && error < (area % 2 ? 0.5 : 1.0) / n;
  return {inverse, rounding == Rounding::kFloor && fits ? -static_cast<std::int32_t>(area / 2) : 0, exact};
}

std::uint64_t exact_quotient(std::uint64_t sum, std::uint64_t count, Rounding rounding) {
  const std::uint64_t quotient = sum / count, rest = sum % count;
  if (rounding == Rounding::kFloor || rest < count - rest) return quotient;
  const bool stays = rounding == Rounding::kEven && rest == count - rest && quotient % 2 == 0;
  return quotient + !stays;
}

template SumWidth sum_width<std::uint8_t>(const GeneralJob<std::uint8_t>&);
template SumWidth sum_width<std::uint16_t>(const GeneralJob<std::uint16_t>&);
#define FASTCV_INSTANTIATE(T)                                          \
  template std::size_t general_scratch_bytes<T>(const GeneralJob<T>&); \
  template GeneralMemory plan_part<T>(const GeneralJob<T>&, const Rectangle&, std::byte*);
FASTCV_INSTANTIATE(std::uint8_t)
FASTCV_INSTANTIATE(std::uint16_t)
FASTCV_INSTANTIATE(float)
FASTCV_INSTANTIATE(double)
#undef FASTCV_INSTANTIATE

}  // namespace fastcv::box
