#include "box_blur/difference.hpp"

#include <algorithm>

#include "box_blur/difference_channels.hpp"

namespace fastcv::box {
namespace {

constexpr std::int64_t kMax16 = 65535;
constexpr std::int64_t kLargestSumArea = 256;    // 255 * 256 + 128 fits 16 bits
constexpr std::int64_t kLargestTaps = 16;        // windows by doubling
constexpr std::int64_t kLargestStep = 128;       // 255 * 128 fits a signed 16-bit change
constexpr std::int64_t kLargestFloatStep = 255;  // two such halves
constexpr std::int64_t kLargestFloatArea = 1 << 21;

struct Magic {
  std::uint16_t magic = 0, shift = 0, increment = 0;
  std::int64_t exact = -1;  // the largest s for which it is exact
};

// The reciprocal 2^p / area, p = 16 + shift, rounded up or down to 16 bits (Granlund and Montgomery 1994; Robison,
// ARITH 2005). Up, with e = magic * area - 2^p: exact while s * e < 2^p. Down, with e = 2^p - magic * area, one is
// added to s first: exact while (s + 1) * e <= 2^p. With the largest shift for which it reaches `needed`.
Magic find_magic(std::int64_t area, std::int64_t needed) {
  for (int shift = 15; shift >= 0; shift--) {
    const std::int64_t power = std::int64_t{1} << (16 + shift);
    for (const int increment : {0, 1}) {
      const std::int64_t magic = increment ? power / area : (power + area - 1) / area;
      if (magic > kMax16) continue;
      const std::int64_t error = increment ? power - magic * area : magic * area - power;
      const std::int64_t exact = std::min(kMax16, error == 0 ? kMax16 : (power - 1) / error) - increment;
      if (exact < needed) continue;
      return {static_cast<std::uint16_t>(magic), static_cast<std::uint16_t>(shift),
              static_cast<std::uint16_t>(increment), exact};
    }
  }
  return {};
}

}  // namespace

// The remainder r in [0, area) is kept as r - (area - 1) / 2, so that the quotient of r + change is the nearest integer
// to (state + change) / area: always at least 0.5 / area away from a tie. Everything up to 2^23 is exact in float; one
// product with the rounded inverse errs by less than (0.5 + 255 * ksize_x / area) * 2^-23 < 0.5 / area.
Mean float_mean(std::int64_t area, std::int64_t bias, bool even) {
  Mean mean;
  mean.kind = MeanKind::kFloatRemainder;
  mean.inverse = 1.0f / static_cast<float>(area);
  mean.float_area = static_cast<float>(area);
  mean.float_resting = -0.5f * static_cast<float>(area - 1);
  mean.float_start = mean.float_resting + static_cast<float>(bias);
  mean.group_rows = 1;
  mean.even = even;
  return mean;
}

bool make_mean(std::int64_t ksize_x, std::int64_t ksize_y, Rounding rounding, Mean* mean) {
  if (ksize_x > kLargestFloatStep || ksize_y > kLargestFloatArea / ksize_x) return false;
  const std::int64_t area = ksize_x * ksize_y;
  const std::int64_t bias = rounding == Rounding::kFloor ? 0 : area / 2;
  const std::int64_t change = 255 * ksize_x;  // the largest that one row brings
  const bool even = rounding == Rounding::kEven && area % 2 == 0;
  const auto fill = [&](MeanKind kind, const Magic& magic, std::int64_t offset, std::int64_t resting,
                        std::int64_t group_rows) {
    mean->kind = kind;
    mean->area = static_cast<std::uint16_t>(area);
    mean->magic = magic.magic;
    mean->shift = magic.shift;
    mean->offset = static_cast<std::uint16_t>(offset);
    mean->resting = static_cast<std::uint16_t>(resting);
    mean->start = static_cast<std::uint16_t>(resting + bias);
    mean->lift = static_cast<std::uint16_t>(change);
    mean->group_rows = static_cast<int>(std::clamp<std::int64_t>(group_rows, 1, std::min<std::int64_t>(ksize_y, 257)));
    mean->even = even;
    return true;
  };
  const bool half_up = rounding == Rounding::kNearest || (rounding == Rounding::kEven && area % 2 == 1);
  if (half_up && ksize_x == ksize_y && (area == 4 || area == 9)) {
    // (2 * s * magic + 2^15) >> 16, the rounding product of signed fractions, is s / area to the nearest: for 4 it is
    // exact, for 9 its error stays below s * 3.5e-6 < 0.5 / 9.
    return fill(MeanKind::kDirect, {static_cast<std::uint16_t>(area == 4 ? 8192 : 3641), 0, 0, 0}, 0, 0, 1);
  }
  if (area <= kLargestSumArea && ksize_x <= kLargestTaps) {
    const Magic magic = find_magic(area, 255 * area + bias);
    return magic.exact >= 0 && fill(MeanKind::kSum, magic, 0, magic.increment, ksize_y);
  }
  if (area <= kMax16 / 2 && ksize_x <= kLargestStep) {
    const std::int64_t offset = (change + area - 1) / area;
    const std::int64_t largest = offset * area + area - 1;  // before a change
    const Magic magic = find_magic(area, largest + change);
    if (magic.exact >= 0) {
      const std::int64_t rows = (magic.exact - largest) / change;
      return fill(MeanKind::kRemainder, magic, offset, offset * area + magic.increment, rows);
    }
    // With r in [0, area) and H the change, the kernel divides a = floor((r + H + wide * area) / 2) by area / 2, from
    // state = r + resting and lift + H: resting + lift + 1 = wide * area. The reciprocal is rounded down and a's lowest
    // bit is lost, so the quotient may be one too small (a * 2 / 2^16 < 1), never too large.
    const std::int64_t wide = (change + 1 + area - 1) / area;
    const std::int64_t resting = wide * area - 1 - change;
    if (area >= 4096 && resting + area + area / 16 + change <= kMax16) {
      int shift = 15;
      while ((std::int64_t{2} << (16 + shift)) / area > kMax16) shift--;
      const Magic half = {static_cast<std::uint16_t>((std::int64_t{2} << (16 + shift)) / area),
                          static_cast<std::uint16_t>(shift), 0, 0};
      return fill(MeanKind::kWideRemainder, half, wide, resting, 1);
    }
  }
  *mean = float_mean(area, bias, even);
  return true;
}

bool difference_applies(const DifferenceJob& job) {
  return job.in.channels >= 1 && job.in.channels <= 4 && job.rows->extra.empty() && job.columns->extra.empty() &&
         job.rows->window == job.rows->ksize && job.columns->window == job.columns->ksize;
}

std::size_t difference_scratch_bytes(const DifferenceJob& job) {
  switch (job.in.channels) {
    case 1:
      return difference_scratch_bytes_1(job);
    case 2:
      return difference_scratch_bytes_2(job);
    case 3:
      return difference_scratch_bytes_3(job);
    default:
      return difference_scratch_bytes_4(job);
  }
}

void difference_blur(const DifferenceJob& job, std::ptrdiff_t y0, std::ptrdiff_t y1, std::byte* scratch, Band& band) {
  switch (job.in.channels) {
    case 1:
      return difference_blur_1(job, y0, y1, scratch, band);
    case 2:
      return difference_blur_2(job, y0, y1, scratch, band);
    case 3:
      return difference_blur_3(job, y0, y1, scratch, band);
    default:
      return difference_blur_4(job, y0, y1, scratch, band);
  }
}

}  // namespace fastcv::box
