// Every sum of every area to 4096 is rounded right: in the arithmetic, and through the blur itself.
#include <gtest/gtest.h>

#include <set>

#include "box_blur/difference.hpp"
#include "test_images.hpp"

namespace fastcv::testing {
namespace {

// ---- the 16-bit mean ------------------------------------------------------------------------

std::int64_t quotient(const box::Mean& mean, std::int64_t s) { return (s * mean.magic) >> (16 + mean.shift); }

// The largest value that is ever divided, from the contract: the sum itself, or a remainder and one change.
std::int64_t largest_dividend(const box::Mean& mean, std::int64_t ksize_x, std::int64_t rows) {
  if (mean.steps == 0) return 255 * std::int64_t{mean.area} + mean.start;
  const std::int64_t change = (255 * ksize_x * rows + mean.steps - 1) / mean.steps;
  return std::int64_t{mean.offset} * mean.area + mean.area - 1 + change;
}

// Every window there is, to the largest the 16-bit mean takes on. Multiplying is monotone, so that a quotient
// is right everywhere when it is right on both sides of every multiple of the area; to 4096 all the same
// every value.
TEST(Rounding, SixteenBitMeanOfEveryWindow) {
  std::int64_t windows = 0;
  std::set<std::int64_t> proved_to_4096;
  for (std::int64_t kx = 1; kx <= 300; kx++)
    for (std::int64_t ky = 1; kx * ky <= 70000; ky++)
      for (const Rounding rounding : kRoundings) {
        box::Mean mean;
        if (!box::make_mean(kx, ky, rounding, &mean)) continue;
        windows++;
        const std::int64_t area = kx * ky;
        ASSERT_EQ(mean.area, area);
        const std::int64_t top = largest_dividend(mean, kx, mean.steps == 1 ? mean.group_rows : 1);
        ASSERT_LE(top, 65535) << kx << " x " << ky << ' ' << name(rounding);
        ASSERT_GE(mean.group_rows, 1);
        for (std::int64_t multiple = area; multiple <= top; multiple += area) {
          ASSERT_EQ(quotient(mean, multiple), multiple / area) << kx << " x " << ky << " sum " << multiple;
          ASSERT_EQ(quotient(mean, multiple - 1), multiple / area - 1)
              << kx << " x " << ky << " sum " << multiple - 1;
        }
        ASSERT_EQ(quotient(mean, top), top / area) << kx << " x " << ky;
        if (area <= 4096 && proved_to_4096.insert(area * 65536 + top).second) {
          std::int64_t s = 0;
          while (s <= top && quotient(mean, s) == s / area) s++;
          ASSERT_GT(s, top) << kx << " x " << ky;
        }
        if (mean.steps == 0) {  // the sum itself: rounded by its start
          ASSERT_EQ(mean.start, rounding == Rounding::kFloor ? 0 : area / 2);
        } else {  // a remainder: no change may make it negative
          ASSERT_GE(mean.offset * area, (255 * kx + mean.steps - 1) / mean.steps) << kx << " x " << ky;
          ASSERT_EQ(mean.start, mean.offset * area + (rounding == Rounding::kFloor ? 0 : area / 2));
        }
      }
  EXPECT_GT(windows, 10000);
}

// ---- through the blur -----------------------------------------------------------------------
// value(y, x) = (x + y kx) / (kx ky), rounded down, makes the window at (y, x), anchored at its first pixel,
// sum to exactly x + y kx: one more with every step. A ramp as long as 256 areas takes on every sum from 0 to
// 255 areas.

class Ramp {
 public:
  Ramp(std::ptrdiff_t height, std::ptrdiff_t width, std::ptrdiff_t channels)
      : height_(height),
        width_(width),
        channels_(channels),
        in_(height * width * channels),
        out_(in_.size()) {}

  // value(y, x) = (x * across + y * down) / n, at most 255.
  void fill(std::int64_t across, std::int64_t down, std::int64_t n) {
    for (std::ptrdiff_t y = 0; y < height_; y++) {
      std::int64_t position = y * down % n, value = y * down / n;
      for (std::ptrdiff_t x = 0; x < width_; x++) {
        std::memset(&in_[(y * width_ + x) * channels_], static_cast<int>(std::min<std::int64_t>(value, 255)),
                    channels_);
        for (position += across; position >= n; position -= n) value++;
      }
    }
  }

  const std::vector<std::uint8_t>& blurred(std::int64_t kx, std::int64_t ky, Rounding rounding) {
    BoxBlurOptions o;
    o.ksize_x = kx;
    o.ksize_y = ky;
    o.border = Border::kClamp;
    o.rounding = rounding;
    blur<std::uint8_t>(
        ImageView<const std::uint8_t>{in_.data(), height_, width_, channels_, width_ * channels_},
        ImageView<std::uint8_t>{out_.data(), height_, width_, channels_, width_ * channels_}, o);
    return out_;
  }

 private:
  std::ptrdiff_t height_, width_, channels_;
  std::vector<std::uint8_t> in_, out_;
};

// The answers for the sums 0 .. 255 n + n - 1, the last n - 1 of which cannot occur.
std::vector<std::uint8_t> answers(std::int64_t n, Rounding rounding) {
  std::vector<std::uint8_t> table(256 * n, 255);
  for (std::int64_t s = 0; s <= 255 * n; s++)
    table[s] = static_cast<std::uint8_t>(reference::rounded(s, n, rounding));
  return table;
}

bool row_of_sums(std::int64_t n, Rounding rounding, const std::vector<std::uint8_t>& expected,
                 std::ptrdiff_t channels = 1) {
  Ramp ramp(1, 256 * n, channels);
  ramp.fill(1, 0, n);
  const auto& got = ramp.blurred(n, 1, rounding);
  for (std::int64_t s = 0; s <= 255 * n; s++)
    for (std::ptrdiff_t c = 0; c < channels; c++)
      if (got[s * channels + c] != expected[s]) {
        ADD_FAILURE() << simd_active() << ", ksize (" << n << ", 1), " << channels << " channels, "
                      << name(rounding) << ": sum " << s << " gives " << +got[s * channels + c]
                      << ", expected " << +expected[s];
        return false;
      }
  return true;
}

// n rows in which column x begins at sum n x.
bool columns_of_sums(std::int64_t n, Rounding rounding, const std::vector<std::uint8_t>& expected) {
  Ramp ramp(2 * n, 256, 1);
  ramp.fill(n, 1, n);
  const auto& got = ramp.blurred(1, n, rounding);
  for (std::int64_t y = 0; y < n; y++)
    for (std::int64_t x = 0; x < 256; x++)
      if (x * n + y <= 255 * n && got[y * 256 + x] != expected[x * n + y]) {
        ADD_FAILURE() << simd_active() << ", ksize (1, " << n << "), " << name(rounding) << ": sum "
                      << x * n + y << " gives " << +got[y * 256 + x] << ", expected " << +expected[x * n + y];
        return false;
      }
  return true;
}

bool area_of_sums(std::int64_t kx, std::int64_t ky, Rounding rounding,
                  const std::vector<std::uint8_t>& expected, std::ptrdiff_t channels = 1) {
  const std::int64_t n = kx * ky, wide = std::max<std::int64_t>(kx, 100);
  const std::int64_t width = wide + kx - 1, rows = 255 * ky + 1;
  Ramp ramp(rows + ky - 1, width, channels);
  ramp.fill(1, kx, n);
  const auto& got = ramp.blurred(kx, ky, rounding);
  for (std::int64_t y = 0; y < rows; y++)
    for (std::int64_t x = 0; x < wide && x + y * kx <= 255 * n; x++)
      for (std::ptrdiff_t c = 0; c < channels; c++)
        if (got[(y * width + x) * channels + c] != expected[x + y * kx]) {
          ADD_FAILURE() << simd_active() << ", ksize (" << kx << ", " << ky << "), " << channels
                        << " channels, " << name(rounding) << ": sum " << x + y * kx << " gives "
                        << +got[(y * width + x) * channels + c] << ", expected " << +expected[x + y * kx];
          return false;
        }
  return true;
}

// Every target, rounding, shape and channel count that has a path of its own.
TEST(Rounding, EverySumOfEveryAreaTo256) {
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    for (std::int64_t n = 1; n <= 256; n++)
      for (const Rounding rounding : kRoundings) {
        const auto expected = answers(n, rounding);
        bool right = true;
        for (const std::ptrdiff_t channels : {1, 2, 3, 4, 5})
          right = right && row_of_sums(n, rounding, expected, channels);
        right = right && columns_of_sums(n, rounding, expected);
        for (std::int64_t kx = 2; kx <= n / 2 && right; kx++)
          if (n % kx == 0) right = area_of_sums(kx, n / kx, rounding, expected, 1 + kx % 4);
        if (!right) return;
      }
  }
}

TEST(Rounding, EverySumOfEveryAreaTo4096) {
  for (std::int64_t n = 257; n <= 4096; n++) {
    const Rounding rounding =
        kRoundings[n % 3];  // the exact quotient is the same for all; ties are tried below
    const auto expected = answers(n, rounding);
    if (!row_of_sums(n, rounding, expected) || !columns_of_sums(n, rounding, expected)) return;
  }
}

// Every square to 64, every rounding, every target; and the shape nearest to a square of many other areas.
TEST(Rounding, EverySumOfSquares) {
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    for (std::int64_t k = 17; k <= 64; k++) {
      const Rounding rounding = kRoundings[(k + target.size()) % 3];
      if (!area_of_sums(k, k, rounding, answers(k * k, rounding), k % 8 == 0 ? 3 : 1)) return;
    }
  }
  for (std::int64_t n = 258; n <= 4096; n += 6) {
    std::int64_t kx = 2;
    for (std::int64_t k = 2; k * k <= n; k++)
      if (n % k == 0) kx = k;
    const Rounding rounding = kRoundings[n / 6 % 3];
    if (!area_of_sums(n % 4 ? kx : n / kx, n % 4 ? n / kx : kx, rounding, answers(n, rounding))) return;
  }
}

// uint16 has too many sums to try all: every remainder of every area to 1100 beside quotients at both ends
// and between.
TEST(Rounding, EveryRemainderUint16) {
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    for (std::int64_t n = 1; n <= 1100; n += n < 300 ? 1 : 37)
      for (const Rounding rounding : kRoundings)
        for (const int base : {0, 1, 254, 255, 32766, 32767, 65533}) {
          const std::ptrdiff_t width = 3 * n;
          Canvas<std::uint16_t> in(1, width, 1);
          std::vector<std::uint16_t> values(width);
          for (std::ptrdiff_t x = 0; x < width; x++) values[x] = static_cast<std::uint16_t>(base + x / n);
          in.assign(values);
          BoxBlurOptions o = window(n, 1);
          o.anchor_x = 0;
          o.rounding = rounding;
          const auto got = blur<std::uint16_t>(in.readable(), o);
          for (std::ptrdiff_t x = 0; x <= 2 * n; x++)
            ASSERT_EQ(+got[x], reference::rounded(base * n + x, n, rounding))
                << target << " area " << n << ' ' << name(rounding) << " sum " << base * n + x;
        }
  }
}

TEST(Rounding, TheReferenceItself) {
  EXPECT_EQ(reference::rounded(5, 2, Rounding::kNearest), 3);
  EXPECT_EQ(reference::rounded(5, 2, Rounding::kEven), 2);
  EXPECT_EQ(reference::rounded(7, 2, Rounding::kEven), 4);
  EXPECT_EQ(reference::rounded(7, 2, Rounding::kFloor), 3);
  EXPECT_EQ(reference::rounded(4, 3, Rounding::kNearest), 1);
  EXPECT_EQ(reference::rounded(5, 3, Rounding::kEven), 2);
  for (std::int64_t n = 1; n <= 50; n++)
    for (std::int64_t s = 0; s <= 255 * n; s++) {
      ASSERT_EQ(reference::rounded(s, n, Rounding::kNearest), (2 * s + n) / (2 * n));
      ASSERT_EQ(reference::rounded(s, n, Rounding::kEven),
                std::llrint(static_cast<double>(s) / static_cast<double>(n)));
      ASSERT_EQ(reference::rounded(s, n, Rounding::kFloor), s / n);
    }
}

}  // namespace
}  // namespace fastcv::testing
