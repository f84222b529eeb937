#include "box_blur/difference.hpp"

#include <algorithm>

#include "box_blur/difference_channels.hpp"

namespace fastcv::box {
namespace {

constexpr std::int64_t kMax16 = 65535;
constexpr std::int64_t kLargestDirectArea = 256;  // 255 * 256 + 128 fits 16 bits
constexpr std::int64_t kLargestStep = 128;        // 255 * 128 fits a signed 16-bit change

// The largest s for which the multiplication is exact, with the largest usable shift; 0: none.
// With e = magic * area - 2^(16 + shift) >= 0 it is exact while s * e < 2^(16 + shift).
std::int64_t find_magic(std::int64_t area, std::int64_t needed, Mean* mean) {
  for (int shift = 15; shift >= 0; shift--) {
    const std::int64_t power = std::int64_t{1} << (16 + shift);
    const std::int64_t magic = (power + area - 1) / area;
    if (magic > kMax16) continue;
    const std::int64_t excess = magic * area - power;
    const std::int64_t exact = excess == 0 ? kMax16 : std::min(kMax16, (power - 1) / excess);
    if (exact < needed) continue;
    mean->magic = static_cast<std::uint16_t>(magic);
    mean->shift = static_cast<std::uint16_t>(shift);
    return exact;
  }
  return 0;
}

}  // namespace

bool make_mean(std::int64_t ksize_x, std::int64_t ksize_y, Rounding rounding, Mean* mean) {
  if (ksize_x > kLargestStep || ksize_y > kMax16 || ksize_x * ksize_y > kMax16 / 2) return false;
  const std::int64_t area = ksize_x * ksize_y;
  const std::int64_t bias = rounding == Rounding::kFloor ? 0 : area / 2;
  mean->area = static_cast<std::uint16_t>(area);
  mean->even = rounding == Rounding::kEven && area % 2 == 0;
  if (area <= kLargestDirectArea && ksize_x <= 16) {
    mean->steps = 0;
    mean->offset = 0;
    mean->start = static_cast<std::uint16_t>(bias);
    mean->group_rows = static_cast<int>(ksize_y);
    return find_magic(area, 255 * area + bias, mean) != 0;
  }
  for (int steps = 1; steps <= 2; steps++) {
    const std::int64_t change = (255 * ksize_x + steps - 1) / steps;
    const std::int64_t offset = (change + area - 1) / area;
    const std::int64_t resting = offset * area + area - 1;
    if (resting + change > kMax16) continue;
    const std::int64_t exact = find_magic(area, resting + change, mean);
    if (exact == 0) continue;
    mean->steps = steps;
    mean->offset = static_cast<std::uint16_t>(offset);
    mean->start = static_cast<std::uint16_t>(offset * area + bias);
    const std::int64_t rows = steps == 1 ? (exact - resting) / change : 1;
    mean->group_rows = static_cast<int>(std::clamp<std::int64_t>(rows, 1, std::min<std::int64_t>(ksize_y, 257)));
    return true;
  }
  return false;
}

bool difference_applies(const DifferenceJob& job) {
  return job.in.channels >= 1 && job.in.channels <= 4 && job.rows->extra.empty() && job.columns->extra.empty() &&
         job.rows->window == job.rows->ksize && job.columns->window == job.columns->ksize;
}

std::size_t difference_scratch_bytes(const DifferenceJob& job) {
  switch (job.in.channels) {
    case 1: return difference_scratch_bytes_1(job);
    case 2: return difference_scratch_bytes_2(job);
    case 3: return difference_scratch_bytes_3(job);
    default: return difference_scratch_bytes_4(job);
  }
}

void difference_blur(const DifferenceJob& job, std::ptrdiff_t y0, std::ptrdiff_t y1, std::byte* scratch,
                     Band& band) {
  switch (job.in.channels) {
    case 1: return difference_blur_1(job, y0, y1, scratch, band);
    case 2: return difference_blur_2(job, y0, y1, scratch, band);
    case 3: return difference_blur_3(job, y0, y1, scratch, band);
    default: return difference_blur_4(job, y0, y1, scratch, band);
  }
}

}  // namespace fastcv::box
