#include "box_blur/doubling.hpp"

#include <algorithm>
#include <type_traits>

namespace fastcv::box {
namespace {

// The rows of a window and the lines made of them.
constexpr std::ptrdiff_t kStripBytes = 256 << 10;
constexpr std::ptrdiff_t kLeastColumns = 256;
constexpr std::ptrdiff_t kMostIntegerWindow = 3;  // the running sums of the general blur are faster beyond

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
  for (int level = 0; level <= levels; level++) {
    if ((window >> level & 1) == 1) part[parts++] = {level, window & ((std::ptrdiff_t{1} << level) - 1)};
  }
}

template <class T>
bool doubling_applies(const GeneralJob<T>& job) {
  const AxisPlan &rows = *job.rows, &columns = *job.columns;
  const std::ptrdiff_t most = std::is_floating_point_v<T> ? kMostDoublingWindow : kMostIntegerWindow;
  return !std::is_same_v<T, std::uint8_t> && job.alpha == Alpha::kBlur && rows.border != Border::kShrink &&
         rows.extra.empty() && columns.extra.empty() && std::min(rows.window, columns.window) > 0 &&
         std::max(rows.window, columns.window) <= most;
}

template <class T>
DoublingMemory plan_doubling(const GeneralJob<T>& job, std::byte* scratch) {
  using Sum = std::conditional_t<std::is_floating_point_v<T>, T, std::uint32_t>;
  const AxisPlan &rows = *job.rows, &columns = *job.columns;
  const std::ptrdiff_t channels = job.in.channels, row_values = job.in.row_values();
  const std::ptrdiff_t halo = (columns.window - 1) * channels;
  const std::ptrdiff_t block = kBlockBytes / static_cast<std::ptrdiff_t>(sizeof(Sum));
  const std::ptrdiff_t lines = kDoublingGroup + Doubling(columns.window).levels;
  const std::ptrdiff_t column_bytes = lines * static_cast<std::ptrdiff_t>(sizeof(Sum)) +
                                      (rows.window + kDoublingGroup) * static_cast<std::ptrdiff_t>(sizeof(T));
  DoublingMemory memory;
  memory.strip_values = columns.border == Border::kWrap ? round_up(row_values, block) + block  // its ends meet
                                                        : choose_strip(row_values, halo, column_bytes, block);
  // The border shows pixels up to a window away. Whole blocks may be read before and behind.
  memory.line_lead = round_up(columns.lead * channels, block) + 2 * block;
  memory.line_values = memory.line_lead + round_up(memory.strip_values + 2 * halo, block) + 2 * block;

  std::size_t used = (64 - reinterpret_cast<std::uintptr_t>(scratch) % 64) % 64;
  const auto take = [&](auto*& pointer, std::size_t bytes) {
    pointer = reinterpret_cast<std::remove_reference_t<decltype(pointer)>>(scratch + used);
    used += (bytes + 63) / 64 * 64;
  };
  take(memory.lines, memory.line_values * lines * sizeof(Sum));
  take(memory.outside, row_values * sizeof(T));
  take(memory.border_to, memory.line_values * sizeof(std::ptrdiff_t));
  take(memory.border_from, memory.line_values * sizeof(std::ptrdiff_t));
  memory.bytes = used + 64;
  return memory;
}

template bool doubling_applies(const GeneralJob<std::uint8_t>&);
template DoublingMemory plan_doubling(const GeneralJob<std::uint8_t>&, std::byte*);
template bool doubling_applies(const GeneralJob<std::uint16_t>&);
template DoublingMemory plan_doubling(const GeneralJob<std::uint16_t>&, std::byte*);
template bool doubling_applies(const GeneralJob<float>&);
template DoublingMemory plan_doubling(const GeneralJob<float>&, std::byte*);
template bool doubling_applies(const GeneralJob<double>&);
template DoublingMemory plan_doubling(const GeneralJob<double>&, std::byte*);

}  // namespace fastcv::box
