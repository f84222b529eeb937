// Every path of the blur against the slow oracle: sizes, windows, borders, channels, targets, threads,
// layouts.
#include "fastcv/box_blur.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include <cstring>
#include <random>
#include <thread>

#include "guard_pages.hpp"
#include "test_images.hpp"

namespace fastcv::testing {
namespace {

template <class T>
class BoxBlurTypes : public ::testing::Test {};
using PixelTypes = ::testing::Types<std::uint8_t, std::uint16_t, float, double>;
TYPED_TEST_SUITE(BoxBlurTypes, PixelTypes);

// Blurs on every target with 1, 2 and 7 threads: each time the oracle's answer, each time the same bytes.
template <class T>
bool right_everywhere(const ImageView<const T>& in, BoxBlurOptions options) {
  std::vector<T> first;
  bool right = true;
  const Expected<T> expected(in, options);
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    for (const int threads : {1, 2, 7}) {
      options.num_threads = threads;
      const std::vector<T> got = blur<T>(in, options);
      const bool again = !first.empty() && std::memcmp(first.data(), got.data(), got.size() * sizeof(T)) == 0;
      if (again) continue;
      const auto matches = expected(got);
      EXPECT_TRUE(matches) << target << ", " << threads << " threads";
      right &= bool(matches);
      if (!first.empty()) {
        right = false;
        ADD_FAILURE() << describe<T>(in, options) << ": not the bytes of " << simd_detected()[0] << " with one thread";
      }
      if (first.empty()) first = got;
    }
  }
  return right;
}

// ---- sizes ----------------------------------------------------------------------------------

constexpr std::int64_t kSizes[] = {2, 3, 5, 8, 9, 15, 16, 17, 31, 33};

template <class T>
void every_width(const std::vector<std::ptrdiff_t>& widths, int borders_each) {
  int turn = 0, failures = 0;
  for (const std::ptrdiff_t width : widths)
    for (std::ptrdiff_t channels = 1; channels <= 5; channels++)
      for (const std::int64_t ksize : kSizes)
        for (int b = 0; b < borders_each; b++) {
          turn++;
          BoxBlurOptions o = square(ksize, kBorders[(turn + turn / 6) % 6]);
          o.rounding = kRoundings[turn % 3];
          const std::ptrdiff_t height = 1 + turn * 7 % 12;
          const Content content = turn % 5 == 0    ? Content::kExtremes
                                  : turn % 11 == 0 ? Content::kFull
                                                   : Content::kRandom;
          const Canvas<T> in = make_canvas<T>(height, width, channels, content, turn);
          if (!right_everywhere<T>(in.readable(), o) && ++failures == 5) return;  // the smallest say enough
        }
}

std::vector<std::ptrdiff_t> all_widths() {
  std::vector<std::ptrdiff_t> widths;
  for (std::ptrdiff_t w = 1; w <= 130; w++) widths.push_back(w);
  return widths;
}
const std::vector<std::ptrdiff_t> kSomeWidths = {1,  2,  3,  4,  5,  7,  8,   9,   12,  15,  16, 17,
                                                 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 130};

TEST(BoxBlurSizes, EveryWidthUint8) { every_width<std::uint8_t>(all_widths(), 3); }
TEST(BoxBlurSizes, WidthsUint16) { every_width<std::uint16_t>(kSomeWidths, 2); }
TEST(BoxBlurSizes, WidthsFloat32) { every_width<float>(kSomeWidths, 2); }
TEST(BoxBlurSizes, WidthsFloat64) { every_width<double>(kSomeWidths, 1); }

// Wide enough for every loop's body, for every window that has a kernel of its own.
TYPED_TEST(BoxBlurTypes, EveryWindow) {
  using T = TypeParam;
  for (const std::ptrdiff_t channels : {1, 2, 3, 4, 7})
    for (std::int64_t k = 1; k <= 70; k++) {
      const int turn = static_cast<int>(k + channels);
      BoxBlurOptions o = square(k, kBorders[turn % 6]);
      o.rounding = kRoundings[turn % 3];
      const Canvas<T> in = make_canvas<T>(20 + turn % 3, 150 + turn, channels, Content::kRandom, turn);
      if (!right_everywhere<T>(in.readable(), o)) return;
    }
}

TYPED_TEST(BoxBlurTypes, RectangularWindows) {
  using T = TypeParam;
  std::vector<std::pair<std::int64_t, std::int64_t>> windows;
  for (const std::int64_t k : {2, 3, 8, 16, 17, 40, 127, 128, 129, 255, 256, 257, 300, 1000}) {
    windows.push_back({k, 1});
    windows.push_back({1, k});
    windows.push_back({k, 2});
    windows.push_back({3, k});
  }
  windows.insert(
      windows.end(),
      {{2, 7}, {7, 2}, {16, 16}, {15, 17}, {17, 15}, {4, 64}, {64, 4}, {128, 255}, {255, 128}, {9, 4}, {100, 300}});
  int turn = 0;
  for (const auto& [kx, ky] : windows)
    for (const std::ptrdiff_t channels : {1, 3, 4, 6}) {
      turn++;
      BoxBlurOptions o = window(kx, ky, kBorders[(turn + turn / 4) % 6]);
      o.rounding = kRoundings[turn % 3];
      const Canvas<T> in = make_canvas<T>(11 + turn % 30, 70 + turn % 67, channels,
                                          turn % 3 ? Content::kRandom : Content::kExtremes, turn);
      if (!right_everywhere<T>(in.readable(), o)) return;
    }
}

// The largest changes from row to row and from column to column: stripes and blocks of nothing and
// everything.
TEST(BoxBlurSizes, LargestChangesUint8) {
  for (const std::ptrdiff_t channels : {1, 3, 4})
    for (std::int64_t k = 2; k <= 181; k += k < 20 ? 1 : 10) {
      const std::ptrdiff_t height = 2 * k + 9, width = k + 70;
      Canvas<std::uint8_t> in(height, width, channels);
      std::vector<std::uint8_t> values(height * width * channels);
      for (int pattern = 0; pattern < 3; pattern++) {
        if (k > 20 && (k / 10 + channels) % 3 != pattern) continue;
        for (std::size_t i = 0; i < values.size(); i++) {
          const std::ptrdiff_t x = i / channels % width, y = i / channels / width;
          const bool on = pattern == 0 ? y / k % 2 : pattern == 1 ? (x / k + y / k) % 2 : y % (2 * k) == k;
          values[i] = on ? 255 : 0;
        }
        in.assign(values);
        BoxBlurOptions o = square(k, kBorders[(k + pattern) % 6]);
        o.rounding = kRoundings[(k + pattern) % 3];
        if (!right_everywhere<std::uint8_t>(in.readable(), o)) return;
      }
    }
}

// Windows whose sums leave 16 bits by far: enough pixels that remainders at the end of their range occur by
// chance.
TEST(BoxBlurSizes, LargeWindowsUint8) {
  int turn = 0;
  for (const auto& [kx, ky] : {std::pair<int, int>{64, 64},
                               {65, 63},
                               {128, 32},
                               {128, 33},
                               {100, 41},
                               {99, 99},
                               {128, 127},
                               {128, 128},
                               {128, 255},
                               {127, 258},
                               {90, 364},
                               {64, 511},
                               {16, 1025},
                               {3, 1366},
                               {129, 64},
                               {181, 181},
                               {255, 255}}) {
    turn++;
    const std::ptrdiff_t channels = turn % 2        ? 1
                                    : turn % 4 == 0 ? 3
                                                    : 4,
                         height = 2 * ky + 100, width = 300 / channels + kx;
    for (const Content content : {Content::kRandom, Content::kExtremes}) {
      const Canvas<std::uint8_t> in = make_canvas<std::uint8_t>(height, width, channels, content, turn);
      BoxBlurOptions o = window(kx, ky, kBorders[turn % 6]);
      o.rounding = kRoundings[(turn + (content == Content::kRandom)) % 3];
      if (!right_everywhere<std::uint8_t>(in.readable(), o)) return;
    }
  }
}

// Tall enough for several bands a thread: windows reach across the cuts.
TYPED_TEST(BoxBlurTypes, BandsAcrossThreads) {
  using T = TypeParam;
  int turn = 0;
  for (const std::ptrdiff_t width : {1, 5, 64, 131})
    for (const std::ptrdiff_t channels : {1, 3, 4, 5})
      for (const std::int64_t k : {2, 3, 8, 15, 33}) {
        turn++;
        const std::ptrdiff_t height =
            600000 / (width * channels * static_cast<std::ptrdiff_t>(sizeof(T))) % 9001 + turn % 5;
        BoxBlurOptions o = square(k, kBorders[turn % 6]);
        o.rounding = kRoundings[turn % 3];
        const Canvas<T> in = make_canvas<T>(height, width, channels, Content::kRandom, turn);
        if (!right_everywhere<T>(in.readable(), o)) return;
      }
}

// Every cut that threads can make of an image; the answer must not show it.
TYPED_TEST(BoxBlurTypes, AnyNumberOfThreads) {
  using T = TypeParam;
  const Canvas<T> in = make_canvas<T>(701, 333, 3, Content::kRandom, 1);
  for (const std::int64_t k : {3, 8, 31})
    for (const Border border : kBorders) {
      BoxBlurOptions o = square(k, border);
      o.num_threads = 1;
      const std::vector<T> one = blur<T>(in.readable(), o);
      if (k == 8) {
        EXPECT_TRUE(Expected<T>(in.readable(), o)(one));
      }
      for (const int threads : {0, 2, 3, 4, 5, 8, 13, 64, 1000}) {
        o.num_threads = threads;
        EXPECT_TRUE(same_bytes(one, blur<T>(in.readable(), o), 333, 3)) << describe<T>(in.readable(), o);
      }
    }
}

TYPED_TEST(BoxBlurTypes, EmptyImages) {
  using T = TypeParam;
  for (const auto& [h, w] : {std::pair<int, int>{0, 0}, {0, 5}, {5, 0}}) {
    Canvas<T> in(h, w, 3), out(h, w, 3);
    box_blur<T>(in.input(), out.batch(), square(8));
    EXPECT_TRUE(out.untouched_around());
  }
  Canvas<T> in(4, 4, 1, {}, 0), out(4, 4, 1, {}, 0);
  box_blur<T>(in.input(), out.batch(), square(3));
  EXPECT_TRUE(out.untouched_around());
}

TYPED_TEST(BoxBlurTypes, WindowOfOneIsTheImage) {
  using T = TypeParam;
  const Canvas<T> in = make_canvas<T>(13, 77, 3, Content::kRandom, 5);
  for (const Border border : kBorders)
    for (const Rounding rounding : kRoundings) {
      BoxBlurOptions o = square(1, border);
      o.rounding = rounding;
      EXPECT_TRUE(same_bytes(in.dense(), blur<T>(in.readable(), o), 77, 3));
    }
}

TYPED_TEST(BoxBlurTypes, ManyChannels) {
  using T = TypeParam;
  for (const std::ptrdiff_t channels : {6, 8, 16, 17, 31, 64, 100, 257})
    for (const std::int64_t k : {3, 8, 21}) {
      BoxBlurOptions o = square(k, kBorders[(channels + k) % 6]);
      const Canvas<T> in = make_canvas<T>(9, 14, channels, Content::kRandom, 3);
      EXPECT_TRUE(right_everywhere<T>(in.readable(), o));
    }
}

// ---- borders, anchors, windows beyond the image ----------------------------------------------

TYPED_TEST(BoxBlurTypes, AnchorsAndBorders) {
  using T = TypeParam;
  for (const Border border : kBorders)
    for (const auto& [kx, ky] : {std::pair<int, int>{4, 4}, {5, 3}, {16, 9}, {17, 20}, {40, 2}})
      for (const int where : {0, 1, 2, 3}) {
        BoxBlurOptions o = window(kx, ky, border);
        o.anchor_x = where & 1 ? kx - 1 : 0;
        o.anchor_y = where & 2 ? ky - 1 : 0;
        for (const std::ptrdiff_t channels : {1, 3, 4}) {
          const Canvas<T> in = make_canvas<T>(12, 90, channels, Content::kRandom, where);
          if (!right_everywhere<T>(in.readable(), o)) return;
        }
      }
}

TYPED_TEST(BoxBlurTypes, SmallImagesLargeWindows) {
  using T = TypeParam;
  int turn = 0;
  for (std::ptrdiff_t height = 1; height <= 5; height++)
    for (std::ptrdiff_t width = 1; width <= 7; width++)
      for (const Border border : kBorders)
        for (const auto& [kx, ky] :
             {std::pair<int, int>{2, 2}, {6, 5}, {13, 12}, {14, 1}, {1, 33}, {29, 57}, {100, 200}}) {
          turn++;
          BoxBlurOptions o = window(kx, ky, border);
          o.rounding = kRoundings[turn % 3];
          if (turn % 4 == 1) o.anchor_x = 0;
          if (turn % 4 == 2) o.anchor_x = kx - 1;
          if (turn % 5 == 1) o.anchor_y = 0;
          if (turn % 5 == 2) o.anchor_y = ky - 1;
          const Canvas<T> in = make_canvas<T>(height, width, 1 + turn % 4, Content::kRandom, turn);
          if (!right_everywhere<T>(in.readable(), o)) return;
        }
}

constexpr std::int64_t kHuge = (std::int64_t{1} << 31) - 1;

TYPED_TEST(BoxBlurTypes, HugeWindows) {
  using T = TypeParam;
  constexpr std::int64_t kMaximum = std::is_same_v<T, std::uint16_t> ? 65535 : 255;  // floats: no limit, as 8-bit here
  const std::int64_t most = std::numeric_limits<std::int64_t>::max() / kHuge / kMaximum;
  int turn = 0;
  for (const Border border : kBorders)
    for (const auto& [kx, ky] : {std::pair<std::int64_t, std::int64_t>{kHuge, 1},
                                 {1, kHuge},
                                 {kHuge, 7},
                                 {7, kHuge - 1},
                                 {1000, 1001},
                                 {999983, 1000003},
                                 {1 << 16, 1 << 16},
                                 {kHuge, most / 2},
                                 {most / 2, kHuge}})
      for (const int where : {0, 1, 2}) {
        turn++;
        BoxBlurOptions o = window(kx, ky, border);
        o.rounding = kRoundings[turn % 3];
        if (where == 1) o.anchor_x = 0, o.anchor_y = ky - 1;
        if (where == 2) o.anchor_x = kx - 1, o.anchor_y = 0;
        const double value[4] = {1, 200, 31, 0};
        if (border == Border::kConstant) o.border_value = value;
        const Canvas<T> in = make_canvas<T>(1 + turn % 9, 1 + turn % 13, 1 + turn % 4, Content::kRandom, turn);
        if (!right_everywhere<T>(in.readable(), o)) return;
      }
}

template <class T>
class BoxBlurIntegers : public ::testing::Test {};
using IntegerTypes = ::testing::Types<std::uint8_t, std::uint16_t>;
TYPED_TEST_SUITE(BoxBlurIntegers, IntegerTypes);

// Right up to 63 bits, refused beyond.
TYPED_TEST(BoxBlurIntegers, SumsAtTheLimitOf63Bits) {
  using T = TypeParam;
  const std::int64_t other = std::is_same_v<T, std::uint8_t> ? std::int64_t{1} << 24 : std::int64_t{1} << 16;
  Canvas<T> in(6, 5, 3);
  in.assign(std::vector<T>(6 * 5 * 3, std::numeric_limits<T>::max()));
  for (const Border border : {Border::kReflect101, Border::kReflect, Border::kClamp, Border::kWrap})
    for (const Rounding rounding : kRoundings) {
      BoxBlurOptions o = window(kHuge, other, border);
      o.rounding = rounding;
      EXPECT_TRUE(same_bytes(in.dense(), blur<T>(in.readable(), o), 5, 3)) << describe<T>(in.readable(), o);
      o.ksize_y = kHuge;
      Canvas<T> out(6, 5, 3);
      EXPECT_THROW(blur<T>(in.readable(), out.image(), o), std::invalid_argument) << describe<T>(in.readable(), o);
      EXPECT_TRUE(std::memcmp(out.dense().data(), Canvas<T>(6, 5, 3).dense().data(), 6 * 5 * 3 * sizeof(T)) == 0)
          << "written before the refusal";
    }
}

TYPED_TEST(BoxBlurTypes, BorderValuePerChannel) {
  using T = TypeParam;
  const double values[5] = {0, 255, 7, 128, 1};
  int turn = 0;
  for (std::ptrdiff_t channels = 1; channels <= 5; channels++)
    for (const std::int64_t k : {2, 3, 8, 9, 17, 33, 200})
      for (const std::ptrdiff_t width : {1, 3, 30, 64, 65, 130}) {
        BoxBlurOptions o = square(k, Border::kConstant);
        o.border_value = values;
        o.rounding = kRoundings[turn++ % 3];
        const Canvas<T> in = make_canvas<T>(1 + turn % 11, width, channels, Content::kRandom, turn);
        if (!right_everywhere<T>(in.readable(), o)) return;
      }
}

TYPED_TEST(BoxBlurTypes, FlippedImageFlippedAnswer) {
  using T = TypeParam;
  if (!std::is_integral_v<T>) GTEST_SKIP() << "the order of float additions is not symmetric";
  for (const std::int64_t k : {3, 9, 17, 41})
    for (const Border border : kBorders) {
      const Canvas<T> in = make_canvas<T>(23, 101, 3, Content::kRandom, 9);
      Canvas<T> mirrored(23, 101, 3);
      std::vector<T> values = in.dense(), turned(values.size());
      for (std::size_t i = 0; i < values.size(); i += 3) std::copy_n(&values[i], 3, &turned[values.size() - 3 - i]);
      mirrored.assign(turned);
      const std::vector<T> a = blur<T>(in.readable(), square(k, border)),
                           b = blur<T>(mirrored.readable(), square(k, border));
      for (std::size_t i = 0; i < a.size(); i += 3) std::copy_n(&a[i], 3, &turned[a.size() - 3 - i]);
      EXPECT_TRUE(same_bytes(turned, b, 101, 3)) << name(border) << ' ' << k;
    }
}

// ---- alpha ----------------------------------------------------------------------------------

TYPED_TEST(BoxBlurTypes, AlphaModes) {
  using T = TypeParam;
  int turn = 0;
  for (const Alpha alpha : {Alpha::kBlur, Alpha::kOpaque, Alpha::kCopy, Alpha::kPremultiplied})
    for (const Border border : kBorders)
      for (const Rounding rounding : kRoundings)
        for (const auto& [kx, ky] : {std::pair<int, int>{2, 2}, {3, 3}, {8, 8}, {16, 5}, {33, 31}, {1, 4}, {150, 90}}) {
          turn++;
          BoxBlurOptions o = window(kx, ky, border);
          o.alpha = alpha;
          o.rounding = rounding;
          const double value[4] = {10, 200, 31, 128};
          if (border == Border::kConstant && turn % 2) o.border_value = value;
          std::vector<T> values = make_values<T>(7 + turn % 5, 20 + turn % 53, 4, Content::kRandom, turn);
          std::mt19937 random(turn);
          for (std::size_t i = 0; i < values.size(); i++) {  // half of the image transparent; no negative alpha
            if (i % 4 == 3 && (random() % 2 || (i / 4) % (20 + turn % 53) < 12)) values[i] = 0;
            if (values[i] < 0) values[i] = -values[i];
          }
          Canvas<T> in(7 + turn % 5, 20 + turn % 53, 4);
          in.assign(values);
          if (!right_everywhere<T>(in.readable(), o)) return;
        }
}

TYPED_TEST(BoxBlurTypes, PremultipliedNothingIsNothing) {
  using T = TypeParam;
  std::vector<T> values = make_values<T>(20, 30, 4, Content::kRandom, 4);
  for (std::size_t i = 3; i < values.size(); i += 4) values[i] = 0;
  Canvas<T> in(20, 30, 4);
  in.assign(values);
  for (const Border border : kBorders) {
    BoxBlurOptions o = square(5, border);
    o.alpha = Alpha::kPremultiplied;
    EXPECT_TRUE(same_bytes(std::vector<T>(values.size(), T{0}), blur<T>(in.readable(), o), 30, 4)) << name(border);
  }
}

// Full alpha everywhere: premultiplied colours are plain colours.
TYPED_TEST(BoxBlurIntegers, PremultipliedOpaqueIsPlain) {
  using T = TypeParam;
  for (const std::int64_t k : {2, 8, 21})
    for (const Border border : {Border::kReflect101, Border::kClamp, Border::kWrap, Border::kShrink})
      for (const Rounding rounding : kRoundings) {
        std::vector<T> values = make_values<T>(25, 40, 4, Content::kRandom, 6);
        for (std::size_t i = 3; i < values.size(); i += 4) values[i] = std::numeric_limits<T>::max();
        Canvas<T> in(25, 40, 4);
        in.assign(values);
        BoxBlurOptions o = square(k, border);
        o.rounding = rounding;
        const std::vector<T> plain = blur<T>(in.readable(), o);
        o.alpha = Alpha::kPremultiplied;
        EXPECT_TRUE(same_bytes(plain, blur<T>(in.readable(), o), 40, 4)) << describe<T>(in.readable(), o);
      }
}

// ---- layouts --------------------------------------------------------------------------------

TYPED_TEST(BoxBlurTypes, AnyLayoutSameBytes) {
  using T = TypeParam;
  const std::vector<Layout> layouts = {{0, 1, false, 0},   {1, 0, false, 0}, {3, 3, true, 0}, {64, 0, true, 0},
                                       {61, 63, false, 0}, {0, 0, true, 0},  {7, 31, true, 5}};
  for (const std::ptrdiff_t channels : {1, 3, 4, 5})
    for (const std::int64_t k : {2, 3, 8, 15, 33})
      for (const std::ptrdiff_t width : {1, 2, 63, 64, 65, 200}) {
        const std::vector<T> values = make_values<T>(19, width, channels, Content::kRandom, 11);
        Canvas<T> plain(19, width, channels);
        plain.assign(values);
        const BoxBlurOptions o = square(k, kBorders[(k + width) % 6]);
        const std::vector<T> expected = blur<T>(plain.readable(), o);
        for (std::size_t i = 0; i < layouts.size(); i++) {
          Canvas<T> in(19, width, channels, layouts[i]),
              out(19, width, channels, layouts[(i * 3 + k) % layouts.size()]);
          in.assign(values);
          blur<T>(in.readable(), out.image(), o);
          EXPECT_TRUE(same_bytes(expected, out.dense(), width, channels))
              << describe<T>(in.readable(), o) << ", output row_stride " << out.image().row_stride;
          EXPECT_TRUE(out.untouched_around()) << describe<T>(in.readable(), o);
          EXPECT_TRUE(in.untouched_around());
          EXPECT_TRUE(same_bytes(values, in.dense(), width, channels)) << "the input was written";
        }
      }
}

TYPED_TEST(BoxBlurTypes, EveryAlignmentOfTheOutput) {
  using T = TypeParam;
  for (const std::ptrdiff_t channels : {1, 3, 4})
    for (const std::ptrdiff_t offset : {0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 47, 48, 60, 63}) {
      const std::ptrdiff_t width = 150, row = width * channels * static_cast<std::ptrdiff_t>(sizeof(T));
      const std::ptrdiff_t padding = (row + 63) / 64 * 64 - row + (offset % 2 ? 64 : 0);
      const Canvas<T> in = make_canvas<T>(30, width, channels, Content::kRandom, 2);
      for (const std::int64_t k : {3, 8, 20}) {
        Canvas<T> out(30, width, channels, {padding, offset, false, 0});
        blur<T>(in.readable(), out.image(), square(k));
        EXPECT_TRUE(same_bytes(blur<T>(in.readable(), square(k)), out.dense(), width, channels)) << offset;
        EXPECT_TRUE(out.untouched_around()) << offset;
      }
    }
}

TYPED_TEST(BoxBlurTypes, EveryAlignmentOfTheInput) {
  using T = TypeParam;
  for (const std::ptrdiff_t channels : {1, 3, 4})
    for (const std::ptrdiff_t offset : {0, 1, 2, 4, 8, 16, 24, 32, 40, 48, 56, 60, 63}) {
      const std::ptrdiff_t width = 150, row = width * channels * static_cast<std::ptrdiff_t>(sizeof(T));
      const std::ptrdiff_t padding = (row + 4095) / 4096 * 4096 - row;  // also where all rows share a cache set
      std::vector<T> values = make_values<T>(30, width, channels, Content::kRandom, 3);
      for (T& v : values) v = static_cast<T>(std::abs(static_cast<double>(v)));  // no negative alpha
      Canvas<T> in(30, width, channels, {padding, offset, false, 0});
      in.assign(values);
      for (const std::int64_t k : {2, 3, 8, 20})
        for (const Alpha alpha : {Alpha::kBlur, Alpha::kPremultiplied}) {
          if (alpha != Alpha::kBlur && channels != 4) continue;
          BoxBlurOptions o = square(k);
          o.alpha = alpha;
          ASSERT_TRUE(Expected<T>(in.readable(), o)(blur<T>(in.readable(), o))) << offset;
        }
    }
}

TYPED_TEST(BoxBlurTypes, Batches) {
  using T = TypeParam;
  for (const std::ptrdiff_t count : {1, 2, 5})
    for (const auto& [h, w] : {std::pair<int, int>{1, 1}, {9, 70}, {300, 90}})
      for (const int threads : {1, 2, 7}) {
        Canvas<T> in(h, w, 3, {5, 1, false, 9}, count), out(h, w, 3, {0, 0, true, 33}, count);
        for (std::ptrdiff_t i = 0; i < count; i++)
          in.assign(make_values<T>(h, w, 3, Content::kRandom, static_cast<unsigned>(i)), i);
        BoxBlurOptions o = square(8);
        o.num_threads = threads;
        box_blur<T>(in.input(), out.batch(), o);
        for (std::ptrdiff_t i = 0; i < count; i++)
          EXPECT_TRUE(same_bytes(blur<T>(in.readable(i), o), out.dense(i), w, 3)) << "image " << i << " of " << count;
        EXPECT_TRUE(out.untouched_around());
      }
}

// One image seen many times, and a batch that runs backwards.
TYPED_TEST(BoxBlurTypes, BatchStridesZeroAndNegative) {
  using T = TypeParam;
  Canvas<T> in(20, 30, 3, {}, 4), out(20, 30, 3, {}, 4);
  for (int i = 0; i < 4; i++) in.assign(make_values<T>(20, 30, 3, Content::kRandom, i), i);
  BatchView<const T> same = in.input();
  same.image_stride = 0;
  box_blur<T>(same, out.batch(), square(5));
  for (int i = 0; i < 4; i++) EXPECT_TRUE(same_bytes(blur<T>(in.readable(0), square(5)), out.dense(i), 30, 3));
  BatchView<const T> backwards{in.readable(3), 4, -in.input().image_stride};
  box_blur<T>(backwards, out.batch(), square(5));
  for (int i = 0; i < 4; i++) EXPECT_TRUE(same_bytes(blur<T>(in.readable(3 - i), square(5)), out.dense(i), 30, 3));
}

TYPED_TEST(BoxBlurTypes, InPlace) {
  using T = TypeParam;
  for (const bool upside_down : {false, true})
    for (const std::ptrdiff_t count : {1, 3})
      for (const Alpha alpha : {Alpha::kBlur, Alpha::kCopy, Alpha::kPremultiplied})
        for (const std::int64_t k : {1, 2, 8, 33}) {
          Canvas<T> canvas(40, 70, 4, {12, 3, upside_down, 8}, count);
          std::vector<std::vector<T>> expected;
          BoxBlurOptions o = square(k);
          o.alpha = alpha;
          for (int i = 0; i < count; i++) {
            canvas.assign(make_values<T>(40, 70, 4, Content::kSmooth, i), i);
            expected.push_back(blur<T>(canvas.readable(i), o));
          }
          box_blur<T>(canvas.input(), canvas.batch(), o);
          for (int i = 0; i < count; i++)
            EXPECT_TRUE(same_bytes(expected[i], canvas.dense(i), 70, 4)) << name(alpha) << ' ' << k;
          EXPECT_TRUE(canvas.untouched_around());
        }
}

// Large outputs may be written around the caches: any alignment, compared at random places with the oracle.
TEST(BoxBlurLarge, RandomPlacesOfLargeImages) {
  struct Shape {
    std::ptrdiff_t height, width, channels;
    Layout out;
  };
  const Shape shapes[] = {{2161, 2048, 4, {0, 0, false, 0}},
                          {2161, 2048, 4, {0, 1, false, 0}},
                          {2161, 2048, 4, {64, 32, true, 0}},
                          {2049, 3001, 3, {0, 0, false, 0}},
                          {2049, 3001, 3, {64 - 9003 % 64, 0, false, 0}},
                          {4100, 4203, 1, {64 - 4203 % 64, 0, false, 0}}};
  std::mt19937 random(7);
  int turn = 0;
  for (const Shape& s : shapes) {
    const Canvas<std::uint8_t> in = make_canvas<std::uint8_t>(s.height, s.width, s.channels, Content::kRandom, 1);
    Canvas<std::uint8_t> out(s.height, s.width, s.channels, s.out);
    for (const std::int64_t k : {3, 8, 31})
      for (const int threads : {1, 3}) {
        BoxBlurOptions o = square(k, kBorders[turn++ % 6]);
        o.num_threads = threads;
        blur<std::uint8_t>(in.readable(), out.image(), o);
        EXPECT_TRUE(out.untouched_around());
        const std::vector<std::uint8_t> got = out.dense(), from = in.dense();
        for (int sample = 0; sample < 4000; sample++) {
          const std::ptrdiff_t y = random() % s.height,
                               x = sample % 4 == 0 ? sample % 2 * (s.width - 1) : random() % s.width,
                               c = random() % s.channels;
          std::int64_t sum = 0;
          const auto columns = reference::walked_window(x, s.width, k, k / 2, o.border);
          for (const auto& row : reference::walked_window(y, s.height, k, k / 2, o.border))
            for (const auto& column : columns)
              if (row.index >= 0 && column.index >= 0)
                sum += from[(row.index * s.width + column.index) * s.channels + c];
          const std::int64_t expected =
              reference::rounded(sum, reference::window_area(y, x, s.height, s.width, o), o.rounding);
          ASSERT_EQ(+got[(y * s.width + x) * s.channels + c], expected)
              << describe<std::uint8_t>(in.readable(), o) << " at (" << y << ", " << x << ", " << c
              << "), output offset " << s.out.offset;
        }
      }
  }
}

// One byte too far faults: rows end where the memory ends, and begin where it begins.
TYPED_TEST(BoxBlurTypes, GuardPages) {
  using T = TypeParam;
  GuardedMemory input(1 << 16), output(1 << 16);
  int turn = 0;
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    for (std::ptrdiff_t channels = 1; channels <= 5; channels++)
      for (std::ptrdiff_t width = 1; width <= 140; width += width < 70 ? 1 : 9)
        for (const std::int64_t k : {2, 3, 8, 15, 16, 17, 33}) {
          turn++;
          const std::ptrdiff_t height = 1 + turn % 6, row = width * channels * static_cast<std::ptrdiff_t>(sizeof(T));
          const std::ptrdiff_t pitch = row + (turn % 4 == 0 ? 24 : 0);
          const std::size_t bytes = (height - 1) * pitch + row;
          const std::vector<T> values = make_values<T>(height, width, channels, Content::kRandom, turn);
          BoxBlurOptions o = square(k, kBorders[turn % 6]);
          o.rounding = kRoundings[turn % 3];
          std::vector<T> first;
          for (const bool in_back : {false, true})
            for (const bool out_back : {false, true}) {
              const bool up = turn % 3 == 0;  // upside down: the first row lies last
              std::byte* from = in_back ? input.back(bytes) : input.front();
              std::byte* to = out_back ? output.back(bytes) : output.front();
              const ImageView<T> in{reinterpret_cast<T*>(up ? from + (height - 1) * pitch : from), height, width,
                                    channels, up ? -pitch : pitch};
              const ImageView<T> out{reinterpret_cast<T*>(up ? to + (height - 1) * pitch : to), height, width, channels,
                                     up ? -pitch : pitch};
              for (std::ptrdiff_t y = 0; y < height; y++)
                std::memcpy(static_cast<void*>(in.row(y)), values.data() + y * width * channels, row);
              blur<T>(ImageView<const T>{in.data, height, width, channels, in.row_stride}, out, o);
              const std::vector<T> got = reference::pixels_of<T>({out.data, height, width, channels, out.row_stride});
              if (first.empty()) first = got;
              ASSERT_TRUE(same_bytes(first, got, width, channels)) << target;
            }
        }
  }
}

TYPED_TEST(BoxBlurTypes, ManyCallersAtOnce) {
  using T = TypeParam;
  const Canvas<T> in = make_canvas<T>(400, 300, 3, Content::kRandom, 8);
  BoxBlurOptions o = square(9);
  const std::vector<T> expected = blur<T>(in.readable(), o);
  std::vector<std::vector<T>> got(6);
  std::vector<std::thread> callers;
  for (std::size_t i = 0; i < got.size(); i++)
    callers.emplace_back([&, i] {
      BoxBlurOptions mine = o;
      mine.num_threads = 1 + static_cast<int>(i) % 3;
      for (int again = 0; again < 3; again++) got[i] = blur<T>(in.readable(), mine);
    });
  for (std::thread& caller : callers) caller.join();
  for (const std::vector<T>& g : got) EXPECT_TRUE(same_bytes(expected, g, 300, 3));
}

// ---- the oracle itself ----------------------------------------------------------------------

TEST(Reference, CountedWindowsAreWalkedWindows) {
  for (std::ptrdiff_t n = 1; n <= 6; n++)
    for (const Border border : kBorders)
      for (std::int64_t k = 1; k < 60; k++)
        for (const std::int64_t anchor : {std::int64_t{0}, k / 2, k - 1})
          for (std::ptrdiff_t x = 0; x < n; x++) {
            std::vector<std::int64_t> walked(n + 1), counted(n + 1);
            for (const auto& t : reference::walked_window(x, n, k, anchor, border)) walked[t.index + 1] += t.weight;
            for (const auto& t : reference::counted_window(x, n, k, anchor, border)) counted[t.index + 1] += t.weight;
            ASSERT_EQ(walked, counted) << name(border) << " n " << n << " k " << k << " anchor " << anchor << " x "
                                       << x;
          }
}

TEST(Reference, ByHand) {
  Canvas<std::uint8_t> in(1, 4, 1);
  in.assign({1, 2, 3, 10});
  const auto row = [&](Border border, Rounding rounding) {
    BoxBlurOptions o = window(2, 1, border);
    o.rounding = rounding;
    return reference::blurred<std::uint8_t>(in.readable(), o);
  };
  using Row = std::vector<std::uint8_t>;
  EXPECT_EQ(row(Border::kReflect101, Rounding::kNearest), (Row{2, 2, 3, 7}));
  EXPECT_EQ(row(Border::kReflect101, Rounding::kEven), (Row{2, 2, 2, 6}));
  EXPECT_EQ(row(Border::kReflect, Rounding::kFloor), (Row{1, 1, 2, 6}));
  EXPECT_EQ(row(Border::kClamp, Rounding::kFloor), (Row{1, 1, 2, 6}));
  EXPECT_EQ(row(Border::kWrap, Rounding::kFloor), (Row{5, 1, 2, 6}));
  EXPECT_EQ(row(Border::kConstant, Rounding::kFloor), (Row{0, 1, 2, 6}));
  EXPECT_EQ(row(Border::kShrink, Rounding::kFloor), (Row{1, 1, 2, 6}));
}

}  // namespace
}  // namespace fastcv::testing
