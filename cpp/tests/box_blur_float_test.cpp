// What holds for floats and not for integers: the error bound, spikes, NaN, denormals.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "test_images.hpp"

namespace fastcv::testing {
namespace {

template <class T>
class BoxBlurFloat : public ::testing::Test {};
using FloatTypes = ::testing::Types<float, double>;
TYPED_TEST_SUITE(BoxBlurFloat, FloatTypes);

struct Ksize {
  std::int64_t x, y;
};
const Ksize kWindows[] = {{1, 2},  {2, 1},   {2, 2},   {3, 3},   {5, 5},   {8, 8},   {15, 15}, {16, 16},
                          {17, 9}, {31, 31}, {56, 41}, {57, 40}, {64, 33}, {128, 3}, {1, 200}, {200, 1}};

template <class T>
T bound(const BoxBlurOptions& o, T mean) {
  const long double steps =
      std::log2(static_cast<long double>(o.ksize_x)) + std::log2(static_cast<long double>(o.ksize_y)) + 4;
  return static_cast<T>(steps * reference::ulp<T>(mean));
}

TYPED_TEST(BoxBlurFloat, ErrorBound) {
  using T = TypeParam;
  unsigned seed = 0;
  for (const Ksize k : kWindows)
    for (const Border border : kBorders)
      for (const Content content : {Content::kRandom, Content::kExtremes, Content::kSmooth}) {
        const Canvas<T> in = make_canvas<T>(45, 83, 1 + seed % 4, content, seed);
        seed++;
        const BoxBlurOptions o = window(k.x, k.y, border);
        ASSERT_TRUE(Expected<T>(in.readable(), o)(blur<T>(in.readable(), o)));
      }
}

// Magnitudes from the smallest to the largest in one image: the bound is in ulp of each window's own mean
// |x|.
TYPED_TEST(BoxBlurFloat, ErrorBoundOverAllMagnitudes) {
  using T = TypeParam;
  std::mt19937 random(3);
  constexpr int kRange = std::numeric_limits<T>::max_exponent - 20;  // room for sums of 2^20 values
  for (const Ksize k : kWindows) {
    std::vector<T> values(40 * 90 * 3);
    for (T& v : values)
      v = static_cast<T>(std::ldexp(0.5 + random() / 8589934592.0, static_cast<int>(random() % (2 * kRange)) - kRange) *
                         (random() % 2 ? 1 : -1));
    Canvas<T> in(40, 90, 3);
    in.assign(values);
    const BoxBlurOptions o = window(k.x, k.y);
    ASSERT_TRUE(Expected<T>(in.readable(), o)(blur<T>(in.readable(), o)));
  }
}

TYPED_TEST(BoxBlurFloat, ConstantStaysConstant) {
  using T = TypeParam;
  const std::vector<T> constants = {T(0),
                                    T(0.1),
                                    T(1),
                                    T(-1.0 / 3),
                                    T(3e30),
                                    T(1e-30),
                                    std::numeric_limits<T>::min(),
                                    std::numeric_limits<T>::denorm_min(),
                                    -5 * std::numeric_limits<T>::denorm_min()};
  for (const Ksize k : kWindows)
    for (const Border border : {Border::kReflect101, Border::kReflect, Border::kClamp, Border::kWrap, Border::kShrink})
      for (const T value : constants) {
        Canvas<T> in(33, 70, 2);
        in.assign(std::vector<T>(33 * 70 * 2, value));
        const BoxBlurOptions o = window(k.x, k.y, border);
        for (const T got : blur<T>(in.readable(), o))
          ASSERT_LE(std::fabs(got - value), bound<T>(o, std::fabs(value)))
              << describe<T>(in.readable(), o) << " of " << value;
      }
}

// One pixel is changed to `strange`: only the windows that hold it may notice.
template <class T>
void only_its_windows(T strange, bool all_of_them) {
  unsigned seed = 100;
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    for (const Ksize k : kWindows)
      for (const Border border : kBorders)
        for (const std::ptrdiff_t channels : {1, 3, 4, 5}) {
          const std::ptrdiff_t height = 41, width = 77;
          std::mt19937 random(++seed);
          BoxBlurOptions o = window(k.x, k.y, border);
          if (seed % 3 == 0) o.anchor_x = 0;
          o.num_threads = 1 + static_cast<int>(seed % 2);
          const Canvas<T> plain = make_canvas<T>(height, width, channels, Content::kRandom, seed);
          std::vector<T> values = plain.dense();
          const std::ptrdiff_t at_y = random() % height, at_x = random() % width, at_c = random() % channels;
          values[(at_y * width + at_x) * channels + at_c] = strange;
          Canvas<T> spiked(height, width, channels);
          spiked.assign(values);
          const std::vector<T> without = blur<T>(plain.readable(), o), with = blur<T>(spiked.readable(), o);
          std::vector<bool> rows(height), columns(width);
          for (std::ptrdiff_t y = 0; y < height; y++)
            for (const auto& t : reference::window_of(y, height, o.ksize_y, o.anchor_y, border))
              rows[y] = rows[y] || t.index == at_y;
          for (std::ptrdiff_t x = 0; x < width; x++)
            for (const auto& t : reference::window_of(x, width, o.ksize_x, o.anchor_x, border))
              columns[x] = columns[x] || t.index == at_x;
          for (std::size_t i = 0; i < with.size(); i++) {
            const std::ptrdiff_t c = i % channels, x = i / channels % width, y = i / channels / width;
            const bool holds = rows[y] && columns[x] && c == at_c;
            if (!holds) {
              ASSERT_EQ(std::memcmp(&with[i], &without[i], sizeof(T)), 0)
                  << describe<T>(spiked.readable(), o) << ": " << strange << " at row " << at_y << ", column " << at_x
                  << ", channel " << at_c << " is felt at " << place(i, width, channels);
            } else if (all_of_them) {
              ASSERT_FALSE(std::isfinite(with[i]))
                  << describe<T>(spiked.readable(), o) << ": " << strange << " at row " << at_y << ", column " << at_x
                  << " is lost at " << place(i, width, channels);
            }
          }
          if (!all_of_them) {
            ASSERT_TRUE(Expected<T>(spiked.readable(), o)(with));
          }
        }
  }
}

TYPED_TEST(BoxBlurFloat, SpikeTouchesOnlyItsWindows) { only_its_windows<TypeParam>(TypeParam(1e20), false); }
TYPED_TEST(BoxBlurFloat, NanTouchesExactlyItsWindows) {
  only_its_windows<TypeParam>(std::numeric_limits<TypeParam>::quiet_NaN(), true);
}
TYPED_TEST(BoxBlurFloat, InfinityTouchesExactlyItsWindows) {
  only_its_windows<TypeParam>(-std::numeric_limits<TypeParam>::infinity(), true);
}

// Windows far beyond the image hold every pixel, or, shrunk or constant, each pixel once.
TYPED_TEST(BoxBlurFloat, NanInLargeWindows) {
  using T = TypeParam;
  for (const Border border : kBorders)
    for (const std::int64_t k : {25, 60, 1000, 2147483647}) {
      std::vector<T> values = make_values<T>(9, 11, 3, Content::kRandom, 1);
      values[(4 * 11 + 5) * 3 + 1] = std::numeric_limits<T>::quiet_NaN();
      Canvas<T> in(9, 11, 3);
      in.assign(values);
      const BoxBlurOptions o = square(k, border);
      const std::vector<T> got = blur<T>(in.readable(), o);
      for (std::size_t i = 0; i < got.size(); i++)
        ASSERT_EQ(std::isnan(got[i]), i % 3 == 1) << describe<T>(in.readable(), o);
    }
}

// A NaN in the border value is outside of every inner window.
TYPED_TEST(BoxBlurFloat, NanBorderValue) {
  using T = TypeParam;
  const Canvas<T> in = make_canvas<T>(20, 90, 1, Content::kRandom, 1);
  for (const std::int64_t k : {3, 8, 15}) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    BoxBlurOptions o = square(k, Border::kConstant);
    o.border_value = &nan;
    const std::vector<T> got = blur<T>(in.readable(), o);
    const std::vector<T> other = blur<T>(in.readable(), square(k));
    for (std::size_t i = 0; i < got.size(); i++) {
      const std::int64_t x = i % 90, y = i / 90, before = k / 2, after = k - 1 - k / 2;
      const bool inner = x >= before && y >= before && x + after < 90 && y + after < 20;
      ASSERT_EQ(std::isnan(got[i]), !inner) << k << " at " << place(i, 90, 1);
      if (inner) {
        ASSERT_EQ(got[i], other[i]);
      }
    }
  }
}

TYPED_TEST(BoxBlurFloat, Denormals) {
  using T = TypeParam;
  std::mt19937 random(5);
  std::vector<T> values(30 * 80);
  for (T& v : values) v = static_cast<T>(random() % 1000) * std::numeric_limits<T>::denorm_min();
  Canvas<T> in(30, 80, 1);
  in.assign(values);
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    for (const Ksize k : kWindows) {
      const BoxBlurOptions o = window(k.x, k.y);
      ASSERT_TRUE(Expected<T>(in.readable(), o)(blur<T>(in.readable(), o)));
    }
  }
  volatile T tiny = std::numeric_limits<T>::denorm_min();
  EXPECT_NE(tiny * 3, T(0)) << "denormals were turned off for the caller";
}

TYPED_TEST(BoxBlurFloat, NegativeZeroIsZero) {
  using T = TypeParam;
  Canvas<T> in(10, 40, 1);
  in.assign(std::vector<T>(400, T(-0.0)));
  for (const Border border : kBorders)
    for (const std::int64_t k : {1, 3, 8, 20})
      for (const T got : blur<T>(in.readable(), square(k, border))) ASSERT_EQ(got, T(0));
}

TYPED_TEST(BoxBlurFloat, ScalesByPowersOfTwo) {
  using T = TypeParam;
  const Canvas<T> in = make_canvas<T>(50, 90, 3, Content::kRandom, 1);
  for (const Ksize k : kWindows)
    for (const T scale : {T(2), T(0.125), T(-4096)}) {
      std::vector<T> values = in.dense();
      for (T& v : values) v *= scale;
      Canvas<T> scaled(50, 90, 3);
      scaled.assign(values);
      std::vector<T> expected = blur<T>(in.readable(), window(k.x, k.y));
      for (T& v : expected) v *= scale;
      ASSERT_TRUE(same_bytes(expected, blur<T>(scaled.readable(), window(k.x, k.y)), 90, 3))
          << k.x << " x " << k.y << " scaled by " << scale;
    }
}

}  // namespace
}  // namespace fastcv::testing
