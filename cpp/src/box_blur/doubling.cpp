#include "box_blur/doubling.hpp"

#include <algorithm>

#include "box_blur/general_plan.hpp"

namespace fastcv::box {
namespace {

// What a strip keeps between rows: with its output and input, it should stay in the second-level cache.
constexpr std::ptrdiff_t kStripBytes = 256 << 10;
constexpr std::ptrdiff_t kLeastColumns = 256;
constexpr std::ptrdiff_t kLargestIntegerWindow = 3;  // the running sums of general_integer-inl.h are faster beyond

std::ptrdiff_t round_up(std::ptrdiff_t n, std::ptrdiff_t to) { return (n + to - 1) / to * to; }

// A strip also sums what its right neighbour sums, so it is at least a few times as wide as the window.
std::ptrdiff_t choose_strip(std::ptrdiff_t row_values, std::ptrdiff_t halo, std::ptrdiff_t column_bytes,
                            std::ptrdiff_t block) {
  const std::ptrdiff_t width = std::max({kStripBytes / column_bytes, 3 * halo, kLeastColumns});
  const std::ptrdiff_t strips = (row_values + width - 1) / width;
  return round_up((row_values + strips - 1) / strips, block) + block;  // room for what stands before an aligned row
}

}  // namespace

Doubling::Doubling(std::ptrdiff_t window) {
  while (window >> levels > 1) levels++;
  for (int level = 0; level <= levels; level++) keeps[level] = level < levels ? (std::ptrdiff_t{1} << level) + 1 : 1;
  for (int level = 0; level <= levels; level++) {
    if ((window >> level & 1) == 0) continue;
    const std::ptrdiff_t before = window & ((std::ptrdiff_t{1} << level) - 1);
    part[parts++] = {level, before};
    keeps[level] = std::max(keeps[level], before + 1);
  }
}

bool doubling_is_direct(const AxisPlan& rows) {
  return rows.window > 0 && rows.window <= kMostDirectRows && rows.extra.empty();
}

DoublingMemory plan_doubling(const AxisPlan& rows, const AxisPlan& columns, std::ptrdiff_t channels,
                             std::size_t value_bytes, std::size_t sum_bytes, std::byte* scratch) {
  const Doubling x(sliding_window(columns)), y(sliding_window(rows));
  const std::ptrdiff_t halo = (sliding_window(columns) - 1) * channels, row_values = columns.n * channels;
  const std::ptrdiff_t block = kBlockBytes / static_cast<std::ptrdiff_t>(sum_bytes);
  std::ptrdiff_t ring_rows = 0;
  const bool direct = doubling_is_direct(rows);
  if (!direct)
    for (int level = 1; level <= y.levels; level++) ring_rows += y.kept(level);

  DoublingMemory memory;
  const std::ptrdiff_t lines = ring_rows + x.levels + (direct ? kDoublingGroup : 1);
  const std::ptrdiff_t source_rows = direct ? rows.window + kDoublingGroup : 2;
  const std::ptrdiff_t column_bytes =
      lines * static_cast<std::ptrdiff_t>(sum_bytes) + source_rows * static_cast<std::ptrdiff_t>(value_bytes);
  const bool whole_rows = !columns.extra.empty() || columns.border == Border::kWrap;
  memory.strip_values =
      whole_rows ? round_up(row_values, block) + block : choose_strip(row_values, halo, column_bytes, block);
  // The border shows pixels up to a window away. Whole blocks may be read before and behind.
  memory.line_lead = round_up(columns.lead * channels, block) + 2 * block;
  memory.line_values = memory.line_lead + round_up(memory.strip_values + 2 * halo, block) + 2 * block;
  const std::size_t line_bytes = memory.line_values * sum_bytes;

  std::size_t used = (64 - reinterpret_cast<std::uintptr_t>(scratch) % 64) % 64;
  const auto take = [&](auto*& pointer, std::size_t bytes) {
    pointer = reinterpret_cast<std::remove_reference_t<decltype(pointer)>>(scratch + used);
    used += (bytes + 63) / 64 * 64;
  };
  take(memory.line, line_bytes * (kDoublingGroup + x.levels));
  take(memory.rings, line_bytes * ring_rows);
  take(memory.line_extra, columns.extra.empty() ? 0 : line_bytes);
  take(memory.extra, rows.extra.empty() ? 0 : line_bytes);
  take(memory.rest, rows.extra.empty() ? 0 : line_bytes);
  take(memory.outside, row_values * value_bytes);
  take(memory.column_count, memory.strip_values * sizeof(double));
  take(memory.border_to, line_bytes / sum_bytes * sizeof(std::ptrdiff_t));
  take(memory.border_from, line_bytes / sum_bytes * sizeof(std::ptrdiff_t));
  memory.bytes = used + 64;
  return memory;
}

template <class T>
bool doubling_applies(const GeneralJob<T>& job) {
  if constexpr (std::is_floating_point_v<T>) return true;
  return std::is_same_v<T, std::uint16_t> && job.alpha == Alpha::kBlur && job.rows->border != Border::kShrink &&
         job.rows->extra.empty() && job.columns->extra.empty() && job.rows->window > 0 &&
         std::max(sliding_window(*job.rows), sliding_window(*job.columns)) <= kLargestIntegerWindow;
}

template <class T>
std::size_t doubling_scratch_bytes(const GeneralJob<T>& job) {
  const std::size_t sum_bytes = std::is_floating_point_v<T> ? sizeof(T) : sizeof(std::uint32_t);
  return plan_doubling(*job.rows, *job.columns, job.in.channels, sizeof(T), sum_bytes, nullptr).bytes;
}

template bool doubling_applies(const GeneralJob<std::uint8_t>&);
template bool doubling_applies(const GeneralJob<std::uint16_t>&);
template std::size_t doubling_scratch_bytes(const GeneralJob<std::uint8_t>&);
template std::size_t doubling_scratch_bytes(const GeneralJob<std::uint16_t>&);
template std::size_t doubling_scratch_bytes(const GeneralJob<float>&);
template std::size_t doubling_scratch_bytes(const GeneralJob<double>&);

}  // namespace fastcv::box
