// Every sum of every area to 4096 is rounded right: in the arithmetic, and through the blur itself.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <thread>

#include "box_blur/difference.hpp"
#include "test_images.hpp"

namespace fastcv::testing {
namespace {

// ---- the arithmetic of the 8-bit kernel -----------------------------------------------------
// Multiplying is monotone: a quotient that is right on both sides of every multiple of the area, and at both ends, is
// right everywhere between.

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

// The sum itself, or the remainder after the largest change either way, with a 16-bit multiplication.
void prove_multiplication(const box::Mean& mean, std::int64_t kx, std::int64_t ky, Rounding rounding) {
  const std::int64_t area = kx * ky, bias = rounding == Rounding::kFloor ? 0 : area / 2;
  const auto quotient = [&](std::int64_t state) { return ((state * mean.magic) >> (16 + mean.shift)) - mean.offset; };
  const bool sum = mean.kind == box::MeanKind::kSum;
  const std::int64_t lowest = sum ? mean.start : mean.resting - 255 * kx;
  const std::int64_t highest = sum ? mean.start + 255 * area : mean.resting + area - 1 + 255 * kx * mean.group_rows;
  ASSERT_EQ(mean.start, mean.resting + bias);
  ASSERT_GE(mean.group_rows, 1);
  ASSERT_GE(lowest, 0);
  ASSERT_LE(highest, 65535);
  const auto right = [&](std::int64_t s) { return quotient(s) == floor_div(s - mean.resting, area); };
  ASSERT_TRUE(right(lowest) && right(highest));
  const std::int64_t first = mean.resting + floor_div(lowest - mean.resting, area) * area + area;
  for (std::int64_t s = first; s <= highest; s += area) ASSERT_TRUE(right(s - 1) && right(s)) << "state " << s;
  if (area > 4096 || (!sum && ky > 64)) return;
  std::int64_t s = lowest;  // and every value, where that is quick
  while (s <= highest && right(s)) s++;
  ASSERT_GT(s, highest) << "state " << s;
}

// Half of remainder + change is divided: the quotient is right or one too small, and never too small by more than the
// kernel has room for.
void prove_wide(const box::Mean& mean, std::int64_t kx, std::int64_t area) {
  const std::int64_t change = 255 * kx, wide = mean.offset;
  ASSERT_EQ(mean.lift, change);
  ASSERT_EQ(mean.resting + mean.lift + 1, wide * area);
  ASSERT_LE(mean.resting + area + area / 16 + change, 65535);
  const auto quotient = [&](std::int64_t t) { return ((t / 2) * mean.magic) >> (16 + mean.shift); };
  const std::int64_t lowest = wide * area - change, highest = wide * area + area - 1 + change;
  ASSERT_GE(lowest, 0);
  ASSERT_LE(highest / 2, 65535);
  for (std::int64_t t = lowest / area * area; t <= highest; t += area) {
    ASSERT_LT(t > 0 ? quotient(t - 1) : -1, t / area) << "too large below " << t;
    ASSERT_GE(quotient(std::max(t, lowest)), t / area - 1) << "two too small at " << t;
    ASSERT_EQ(quotient(t + area / 16), t / area) << "no room at " << t + area / 16;
  }
}

// The centred remainder and its change, exact in float, times the rounded inverse, to the nearest integer.
void prove_float(const box::Mean& mean, std::int64_t kx, std::int64_t area) {
  const std::int64_t change = 255 * kx;
  ASSERT_EQ(mean.group_rows, 1);
  ASSERT_LT(area + change, 1 << 22) << "halves would not be exact";
  ASSERT_EQ(mean.float_area, static_cast<float>(area));
  ASSERT_EQ(2.0 * mean.float_resting, 1.0 - static_cast<double>(area));
  const auto right = [&](std::int64_t t) {
    const float product = (static_cast<float>(t) + mean.float_resting) * mean.inverse;
    return std::nearbyint(product) == static_cast<float>(floor_div(t, area));
  };
  ASSERT_TRUE(right(-change) && right(area - 1 + change));
  for (std::int64_t t = floor_div(-change, area) * area + area; t <= area - 1 + change; t += area)
    ASSERT_TRUE(right(t - 1) && right(t)) << "remainder and change " << t;
}

// Sums of 2 x 2 and 3 x 3 pixels by one rounding multiplication.
void prove_direct(const box::Mean& mean, std::int64_t area, Rounding rounding) {
  for (std::int64_t s = 0; s <= 255 * area; s++)
    ASSERT_EQ((2 * s * mean.magic + (1 << 15)) >> 16, reference::rounded(s, area, rounding)) << "sum " << s;
}

TEST(Rounding, MeansOfTheEightBitKernel) {
  std::int64_t proved[5] = {};
  const auto prove = [&](std::int64_t kx, std::int64_t ky, Rounding rounding) {
    box::Mean mean;
    if (!box::make_mean(kx, ky, rounding, &mean)) return;
    proved[static_cast<int>(mean.kind)]++;
    const std::int64_t area = kx * ky;
    SCOPED_TRACE(::testing::Message() << kx << " x " << ky << ' ' << name(rounding));
    ASSERT_TRUE(mean.area == area || mean.kind == box::MeanKind::kFloatRemainder);
    ASSERT_TRUE(mean.even == (rounding == Rounding::kEven && area % 2 == 0));
    switch (mean.kind) {
      case box::MeanKind::kDirect:
        return prove_direct(mean, area, rounding);
      case box::MeanKind::kWideRemainder:
        return prove_wide(mean, kx, area);
      case box::MeanKind::kFloatRemainder:
        return prove_float(mean, kx, area);
      default:
        return prove_multiplication(mean, kx, ky, rounding);
    }
  };
  for (std::int64_t kx = 1; kx <= 600; kx++)
    for (std::int64_t ky = 1; kx * ky <= 70000; ky++)
      for (const Rounding rounding : kRoundings) {
        prove(kx, ky, rounding);
        if (HasFatalFailure()) return;
      }
  for (std::int64_t kx = 1; kx <= 20000; kx += 1 + kx / 8)  // and a sample of what lies beyond
    for (std::int64_t ky = 1; ky <= 5000000; ky += 1 + ky / 8) {
      prove(kx, ky, kRoundings[(kx + ky) % 3]);
      if (HasFatalFailure()) return;
    }
  for (const std::int64_t count : proved) EXPECT_GT(count, 0);
}

// ---- through the blur -----------------------------------------------------------------------
// When pixel (y, x) holds (x + y kx) / (kx ky), rounded down, the window whose first pixel it is sums to
// exactly x + y kx: one more with every step. A ramp of 256 areas' length takes on every sum from 0 to 255
// areas.

// The answers for the sums 0 .. 255 n.
std::vector<std::uint8_t> answers(std::int64_t n, Rounding rounding) {
  std::vector<std::uint8_t> table(255 * n + 1);
  std::int64_t quotient = 0, rest = 0;
  for (std::uint8_t& answer : table) {
    answer = static_cast<std::uint8_t>(reference::rounded(quotient, rest, n, rounding));
    if (++rest == n) {
      rest = 0;
      quotient++;
    }
  }
  return table;
}

// An image, and for every output the sum of its window, -1 where it does not count.
struct Ramp {
  Ramp(std::int64_t kx, std::int64_t ky, std::ptrdiff_t channel_count)
      : ksize_x(kx), ksize_y(ky), channels(channel_count) {
    const std::int64_t n = kx * ky, length = 255 * n + 1;
    if (ky == 1) {  // one row
      resize(1, 256 * n);
      for (std::int64_t x = 0; x < width; x++) set(0, x, x / n, x < length ? x : -1);
    } else if (kx == 1) {  // 256 columns, of which each begins n sums later
      resize(2 * n, 256);
      for (std::int64_t y = 0; y < height; y++)
        for (std::int64_t x = 0; x < width; x++) set(y, x, x + y / n, y < n && x * n + y < length ? x * n + y : -1);
    } else {  // strips side by side, so that no row is narrow
      const std::int64_t strip = 2 * kx - 1, strips = 1 + 100 / strip, rows = (255 * ky + strips) / strips;
      resize(rows + ky - 1, strip * strips);
      for (std::int64_t y = 0; y < height; y++)
        for (std::int64_t x = 0; x < width; x++) {
          const std::int64_t sum = x % strip + (y + x / strip * rows) * kx;
          const std::uint32_t value = static_cast<std::uint32_t>(sum) / static_cast<std::uint32_t>(n);
          set(y, x, value, x % strip < kx && y < rows && sum < length ? sum : -1);
        }
    }
  }

  // False after a failure, which is reported.
  bool rounds_right(Rounding rounding, const std::vector<std::uint8_t>& expected) {
    BoxBlurOptions o;
    o.ksize_x = ksize_x;
    o.ksize_y = ksize_y;
    o.border = Border::kClamp;
    o.rounding = rounding;
    blur<std::uint8_t>({in.data(), height, width, channels, width * channels},
                       {out.data(), height, width, channels, width * channels}, o);
    const std::uint8_t* got = out.data();
    for (const std::int64_t sum : sums)
      for (std::ptrdiff_t c = 0; c < channels; c++, got++)
        if (sum >= 0 && *got != expected[sum]) {
          ADD_FAILURE() << simd_active() << ", ksize (" << ksize_x << ", " << ksize_y << "), " << channels
                        << " channels, " << name(rounding) << ": sum " << sum << " gives " << +*got << ", expected "
                        << +expected[sum];
          return false;
        }
    return true;
  }

  std::int64_t ksize_x, ksize_y;
  std::ptrdiff_t channels, height = 0, width = 0;
  std::vector<std::uint8_t> in, out;
  std::vector<std::int32_t> sums;

 private:
  void resize(std::ptrdiff_t h, std::ptrdiff_t w) {
    height = h;
    width = w;
    in.resize(h * w * channels);
    out.resize(h * w * channels);
    sums.resize(h * w);
  }
  void set(std::ptrdiff_t y, std::ptrdiff_t x, std::int64_t value, std::int64_t sum) {
    std::memset(&in[(y * width + x) * channels], static_cast<int>(std::min<std::int64_t>(value, 255)), channels);
    sums[y * width + x] = static_cast<std::int32_t>(sum);
  }
};

// Calls fn(n) for all n in [first, last] on all processors, until one returns false.
template <class Fn>
void for_every_area(std::int64_t first, std::int64_t last, Fn fn) {
  std::atomic<std::int64_t> next{first};
  std::vector<std::thread> workers;
  for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); i++)
    workers.emplace_back([&] {
      for (std::int64_t n = next++; n <= last; n = next++)
        if (!fn(n)) next = last + 1;
    });
  for (std::thread& worker : workers) worker.join();
}

// Every target, rounding, shape and channel count that has a path of its own.
TEST(Rounding, EverySumOfEveryAreaTo256) {
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    for_every_area(1, 256, [](std::int64_t n) {
      std::vector<std::uint8_t> expected[3];
      for (int r = 0; r < 3; r++) expected[r] = answers(n, kRoundings[r]);
      for (std::int64_t kx = 1; kx <= n; kx++)
        for (std::ptrdiff_t channels = 1; channels <= 5 && n % kx == 0; channels++) {
          if (kx != 1 && kx != n && (kx + n) % 5 + 1 != channels) continue;
          Ramp ramp(kx, n / kx, channels);
          for (int r = 0; r < 3; r++)
            if (!ramp.rounds_right(kRoundings[r], expected[r])) return false;
        }
      return true;
    });
  }
}

// The same ramps in 16 rows and in 256 columns, made and compared without a look at every pixel.
bool rows_round_right(std::int64_t n, Rounding rounding, const std::vector<std::uint8_t>& expected) {
  const std::int64_t width = 17 * n;  // row y begins at sum 16 n y
  std::vector<std::uint8_t> in(16 * width), out(16 * width);
  for (int y = 0; y < 16; y++)
    for (int i = 0; i < 17; i++) std::memset(&in[y * width + i * n], std::min(255, 16 * y + i), n);
  BoxBlurOptions o;
  o.ksize_x = n;
  o.border = Border::kClamp;
  o.rounding = rounding;
  blur<std::uint8_t>({in.data(), 16, width, 1, width}, {out.data(), 16, width, 1, width}, o);
  for (int y = 0; y < 16; y++) {
    const auto first = expected.begin() + 16 * n * y, last = y < 15 ? first + 16 * n : expected.end();
    const auto wrong = std::mismatch(first, last, out.begin() + y * width);
    if (wrong.first == last) continue;
    ADD_FAILURE() << simd_active() << ", ksize (" << n << ", 1), " << name(rounding) << ": sum "
                  << wrong.first - expected.begin() << " gives " << +*wrong.second << ", expected " << +*wrong.first;
    return false;
  }
  return true;
}

bool columns_round_right(std::int64_t n, Rounding rounding, const std::vector<std::uint8_t>& expected) {
  std::vector<std::uint8_t> in(2 * n * 256), out(in.size());
  for (std::int64_t y = 0; y < 2 * n; y++)
    for (int x = 0; x < 256; x++) in[y * 256 + x] = static_cast<std::uint8_t>(std::min(255, x + (y < n ? 0 : 1)));
  BoxBlurOptions o;
  o.ksize_y = n;
  o.border = Border::kClamp;
  o.rounding = rounding;
  blur<std::uint8_t>({in.data(), 2 * n, 256, 1, 256}, {out.data(), 2 * n, 256, 1, 256}, o);
  for (int x = 0; x < 256; x++)
    for (std::int64_t y = 0; y < (x < 255 ? n : 1); y++)
      if (out[y * 256 + x] != expected[x * n + y]) {
        ADD_FAILURE() << simd_active() << ", ksize (1, " << n << "), " << name(rounding) << ": sum " << x * n + y
                      << " gives " << +out[y * 256 + x] << ", expected " << +expected[x * n + y];
        return false;
      }
  return true;
}

// All of them on the best target, some on the others.
TEST(Rounding, EverySumOfEveryAreaTo4096) {
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    const bool best = target == simd_detected().front();
    for_every_area(257, 4096, [best](std::int64_t n) {
      if (!best && n % 4) return true;
      const Rounding one = kRoundings[n % 3], other = kRoundings[(n + 1) % 3];
      return rows_round_right(n, one, answers(n, one)) && columns_round_right(n, other, answers(n, other));
    });
  }
}

// Every square to 64, some on every target; and the shape nearest to a square of many other areas.
TEST(Rounding, EverySumOfSquares) {
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    const bool best = target == simd_detected().front();
    for_every_area(17, 64, [best](std::int64_t k) {
      if (!best && k % 4) return true;
      Ramp ramp(k, k, k % 8 == 0 ? 3 : 1);
      for (const Rounding rounding : kRoundings)
        if (!ramp.rounds_right(rounding, answers(k * k, rounding))) return false;
      return true;
    });
  }
  for_every_area(257, 4096, [](std::int64_t n) {
    std::int64_t kx = 1;
    for (std::int64_t k = 2; k * k <= n; k++)
      if (n % k == 0) kx = k;
    if (n % 3 || kx == 1) return true;
    const Rounding rounding = kRoundings[n / 3 % 3];
    return Ramp(n % 2 ? kx : n / kx, n % 2 ? n / kx : kx, 1).rounds_right(rounding, answers(n, rounding));
  });
}

// Windows cut to what is left of them: here to the whole image, whose sum is another one in every channel.
TEST(Rounding, EverySumOfCutWindows) {
  constexpr std::ptrdiff_t kChannels = 255;
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    for (std::int64_t n = 1; n <= 40; n++)
      for (std::int64_t first = 0; first <= 255 * n; first += kChannels) {
        Canvas<std::uint8_t> in(1, n, kChannels);
        std::vector<std::uint8_t> values(n * kChannels);
        for (std::int64_t x = 0; x < n; x++)
          for (std::ptrdiff_t c = 0; c < kChannels; c++)
            values[x * kChannels + c] = static_cast<std::uint8_t>(std::min<std::int64_t>(255, (first + c + x) / n));
        in.assign(values);
        BoxBlurOptions o = window(2 * n + 1, 3, Border::kShrink);
        o.rounding = kRoundings[(n + first / kChannels) % 3];
        const std::vector<std::uint8_t> got = blur<std::uint8_t>(in.readable(), o);
        for (std::size_t i = 0; i < got.size(); i++) {
          const std::int64_t sum = std::min(255 * n, first + static_cast<std::int64_t>(i) % kChannels);
          ASSERT_EQ(+got[i], reference::rounded(sum, n, o.rounding)) << target << " area " << n << " sum " << sum;
        }
      }
  }
}

// Sums at a tie and one beside it, for areas to the largest: half of the window on the left edge's pixels,
// which are one brighter than the others, and one pixel in the middle to make or break the tie.
template <class T>
void ties_of_large_areas() {
  constexpr std::int64_t kHuge = (std::int64_t{1} << 31) - 2, kMaximum = std::numeric_limits<T>::max();
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    for (const std::int64_t kx :
         {std::int64_t{64}, std::int64_t{256}, std::int64_t{4098}, std::int64_t{65536}, std::int64_t{1} << 24, kHuge})
      for (const std::int64_t ky :
           {std::int64_t{3}, std::int64_t{5}, std::int64_t{128}, std::int64_t{255}, std::int64_t{4097},
            std::int64_t{65535}, std::int64_t{65537}, std::int64_t{1} << 25, kHuge})
        for (const Alpha alpha : {Alpha::kBlur, Alpha::kPremultiplied})
          for (const std::int64_t base : {std::int64_t{1}, std::int64_t{2}, kMaximum / 2, kMaximum - 2, kMaximum - 1})
            for (const int change : {-1, 0, 1}) {
              const long double most =
                  static_cast<long double>(kx) * ky * kMaximum * (alpha == Alpha::kBlur ? 1 : kMaximum);
              if (most > 4e18L) continue;
              std::vector<T> values(3 * 3 * 4, static_cast<T>(base));
              for (std::ptrdiff_t i = 0; i < 36; i++) {
                if (i / 4 % 3 == 0) values[i]++;
                if (i / 4 == 4) values[i] = static_cast<T>(values[i] + change);
                if (i % 4 == 3 && alpha == Alpha::kPremultiplied)
                  values[i] = base % 2 ? std::numeric_limits<T>::max() : T{1};
              }
              Canvas<T> in(3, 3, 4);
              in.assign(values);
              for (const Border border : {Border::kClamp, Border::kReflect}) {
                BoxBlurOptions o = window(kx, ky, border);
                o.alpha = alpha;
                o.rounding = kRoundings[(base + change + 1) % 3];
                ASSERT_TRUE(Expected<T>(in.readable(), o)(blur<T>(in.readable(), o)));
                o.rounding = Rounding::kEven;
                ASSERT_TRUE(Expected<T>(in.readable(), o)(blur<T>(in.readable(), o)));
              }
            }
  }
}
TEST(Rounding, TiesOfLargeAreasUint8) { ties_of_large_areas<std::uint8_t>(); }
TEST(Rounding, TiesOfLargeAreasUint16) { ties_of_large_areas<std::uint16_t>(); }

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
