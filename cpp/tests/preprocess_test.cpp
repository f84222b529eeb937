// Every path of Preprocessor against the slow oracle: sizes, filters, types, channels, layouts, targets, threads.
#include "fastcv/preprocess.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <thread>

#include "guard_pages.hpp"
#include "preprocess_reference.hpp"
#include "test_images.hpp"

namespace fastcv::testing {
namespace {

constexpr Interpolation kInterpolations[] = {Interpolation::kNearest,  Interpolation::kNearestExact,
                                             Interpolation::kBilinear, Interpolation::kBicubic,
                                             Interpolation::kLanczos,  Interpolation::kArea};
const char* name(Interpolation i) {
  constexpr const char* kNames[] = {"nearest", "nearest_exact", "bilinear", "bicubic", "lanczos", "area"};
  return kNames[static_cast<int>(i)];
}
bool filtered(Interpolation i) {
  return i == Interpolation::kBilinear || i == Interpolation::kBicubic || i == Interpolation::kLanczos;
}

template <class T>
constexpr PixelType kTypeOf = std::is_same_v<T, std::uint8_t>    ? PixelType::kUint8
                              : std::is_same_v<T, std::uint16_t> ? PixelType::kUint16
                                                                 : PixelType::kFloat32;
template <class T>
constexpr double kTop = std::is_integral_v<T> ? static_cast<double>(std::numeric_limits<T>::max()) : 1.0;

template <class T>
SourceImage source_of(const ImageView<const T>& v) {
  return {v.data, v.height, v.width, v.channels, v.row_stride, kTypeOf<T>};
}

std::ptrdiff_t item_size(PixelType t) { return t == PixelType::kUint8 ? 1 : t == PixelType::kFloat16 ? 2 : 4; }

double half_value(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  const double sign = bits >> 15 ? -1 : 1;
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  if (exponent == 31) return mantissa ? std::nan("") : sign * HUGE_VAL;
  return sign * std::ldexp(1024 + mantissa, exponent - 25);
}

// A result in memory of its own, with watched bytes between rows, between planes and around.
class Result {
 public:
  Result(const PreprocessOptions& o, const Placement& p, std::ptrdiff_t channels, std::ptrdiff_t padding)
      : options_(o), height_(p.y.size), width_(p.x.size), channels_(channels) {
    planar_ = o.layout == PixelLayout::kChw;
    item_ = item_size(o.dtype);
    row_bytes_ = width_ * item_ * (planar_ ? 1 : channels);
    row_stride_ = row_bytes_ + padding * item_;
    plane_stride_ = planar_ ? row_stride_ * height_ + 2 * padding * item_ : 0;
    planes_ = planar_ ? channels : 1;
    memory_.assign(static_cast<std::size_t>(128 + planes_ * plane_stride_ + row_stride_ * height_ + 128), kWatch);
  }
  TargetImage target() { return {memory_.data() + 64, row_stride_, plane_stride_}; }

  // Channel first, without what lies between.
  std::vector<unsigned char> bytes() const {
    std::vector<unsigned char> out;
    for (std::ptrdiff_t k = 0; k < planes_; k++)
      for (std::ptrdiff_t y = 0; y < height_; y++) {
        const unsigned char* row = memory_.data() + 64 + k * plane_stride_ + y * row_stride_;
        out.insert(out.end(), row, row + row_bytes_);
      }
    return out;
  }
  double value(std::ptrdiff_t k, std::ptrdiff_t y, std::ptrdiff_t x) const {
    const unsigned char* p =
        memory_.data() + 64 + y * row_stride_ + (planar_ ? k * plane_stride_ + x * item_ : (x * channels_ + k) * item_);
    if (item_ == 1) return *p;
    if (item_ == 2) {
      std::uint16_t bits;
      std::memcpy(&bits, p, 2);
      return half_value(bits);
    }
    float v;
    std::memcpy(&v, p, 4);
    return v;
  }
  bool untouched_around() const {
    std::vector<unsigned char> copy = memory_;
    for (std::ptrdiff_t k = 0; k < planes_; k++)
      for (std::ptrdiff_t y = 0; y < height_; y++)
        std::memset(copy.data() + 64 + k * plane_stride_ + y * row_stride_, kWatch,
                    static_cast<std::size_t>(row_bytes_));
    return std::all_of(copy.begin(), copy.end(), [](unsigned char b) { return b == kWatch; });
  }

 private:
  static constexpr unsigned char kWatch = 0xA5;
  const PreprocessOptions options_;
  std::ptrdiff_t height_, width_, channels_, item_, row_bytes_, row_stride_, plane_stride_, planes_;
  bool planar_;
  std::vector<unsigned char> memory_;
};

std::string describe(const SourceImage& in, const PreprocessOptions& o) {
  std::ostringstream s;
  s << in.height << 'x' << in.width << 'x' << in.channels << " type " << static_cast<int>(in.type) << " to " << o.height
    << 'x' << o.width << ", resize " << static_cast<int>(o.resize) << ", " << name(o.interpolation)
    << (o.antialias ? " antialiased" : "") << ", dtype " << static_cast<int>(o.dtype) << ", layout "
    << static_cast<int>(o.layout) << ", reverse " << o.reverse_channels << ", channels " << o.channels << ", "
    << simd_active();
  return s.str();
}

// The promised error, in units of the input's pixels.
double tolerance_of(PixelType type, Interpolation i) {
  if (i == Interpolation::kNearest || i == Interpolation::kNearestExact) return 0;
  if (type == PixelType::kFloat32) return 2e-6 * 4;  // of the range, which is [-2, 2] here
  return i == Interpolation::kBicubic || i == Interpolation::kLanczos ? 0.1 : 0.05;
}

::testing::AssertionResult right(const Result& got, const std::vector<reference::Answer>& answers,
                                 const SourceImage& in, const PreprocessOptions& o, const Placement& p,
                                 std::ptrdiff_t channels) {
  const double tolerance = tolerance_of(in.type, o.interpolation);
  std::size_t i = 0;
  for (std::ptrdiff_t k = 0; k < channels; k++)
    for (std::ptrdiff_t y = 0; y < p.y.size; y++)
      for (std::ptrdiff_t x = 0; x < p.x.size; x++, i++) {
        const double value = got.value(k, y, x);
        double expected = answers[i].value, slack = tolerance * answers[i].level;
        const double shift =
            std::fabs(reference::channel_of(o.mean, k) / (reference::channel_of(o.std, k) + o.std_eps));
        slack += std::ldexp(std::fabs(expected) + 2 * shift, -22);  // the result is a float
        if (o.dtype == PixelType::kFloat16) slack += std::max(std::ldexp(std::fabs(expected), -11), std::ldexp(1, -25));
        if (o.dtype == PixelType::kUint8) {
          expected = std::clamp(expected, 0.0, 255.0);
          slack += 0.5;
        }
        if (!(std::fabs(value - expected) <= slack)) {
          return ::testing::AssertionFailure()
                 << describe(in, o) << ": channel " << k << ", row " << y << ", column " << x << ": got " << value
                 << ", expected " << expected << " within " << slack << " (off by "
                 << std::fabs(value - expected) / std::max(answers[i].level, 1e-30) << " levels)";
        }
      }
  return ::testing::AssertionSuccess();
}

template <class T>
bool right_everywhere(const ImageView<const T>& view, const PreprocessOptions& o) {
  const SourceImage in = source_of(view);
  const Preprocessor pre(o);
  const Placement p = pre.placement(in.height, in.width);
  const std::ptrdiff_t channels = pre.output_channels(in.channels);
  const std::vector<T> dense = reference::pixels_of<T>(view);
  const std::vector<reference::Answer> answers =
      reference::preprocessed(std::vector<double>(dense.begin(), dense.end()), in.channels, kTop<T>, o, p);
  bool all = true;
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    std::vector<unsigned char> first;
    for (const int threads : {1, 2, 7}) {
      Result result(o, p, channels, threads == 2 ? 3 : 0);
      pre.run(in, result.target(), threads);
      const bool whole = result.untouched_around();
      EXPECT_TRUE(whole) << describe(in, o);
      const std::vector<unsigned char> bytes = result.bytes();
      if (first.empty()) {
        const auto matches = right(result, answers, in, o, p, channels);
        EXPECT_TRUE(matches);
        all &= bool(matches);
        first = bytes;
      }
      const bool same = first == bytes;
      EXPECT_TRUE(same) << describe(in, o) << ": other bytes with " << threads << " threads";
      all &= whole && same;
    }
  }
  return all;
}

PreprocessOptions options(std::ptrdiff_t height, std::ptrdiff_t width, Interpolation i, bool antialias = false) {
  PreprocessOptions o;
  o.height = height;
  o.width = width;
  o.interpolation = i;
  o.antialias = antialias && filtered(i);
  return o;
}

// Walks through the options that are not the test's subject.
void vary(PreprocessOptions* o, int turn, std::ptrdiff_t channels) {
  constexpr PixelType kDTypes[] = {PixelType::kFloat32, PixelType::kFloat16, PixelType::kFloat32, PixelType::kUint8};
  o->dtype = kDTypes[turn % 4];
  o->layout = turn / 4 % 3 == 2 ? PixelLayout::kHwc : PixelLayout::kChw;
  o->reverse_channels = turn % 5 == 1;
  o->channels = (channels == 1 || channels == 4) && turn % 7 == 3 ? 3 : 0;
  if (o->dtype != PixelType::kUint8 && turn % 3 != 0) {
    o->mean = turn % 2 || channels > 4 ? std::vector<double>{0.45} : std::vector<double>{0.485, 0.456, 0.406, 0.5};
    o->std = {0.225};
    const std::ptrdiff_t out = o->channels == 3 ? 3 : channels;
    if (o->mean.size() > 1) o->mean.resize(static_cast<std::size_t>(out));
  }
  o->clip = turn % 6 != 0;
}

struct Sizes {
  std::ptrdiff_t height, width, out_height, out_width;
};
const std::vector<Sizes> kAwkward = {
    {1, 1, 1, 1},      {1, 1, 5, 7},     {1, 9, 1, 31},    {9, 1, 31, 1},    {2, 2, 3, 3},      {7, 5, 1, 1},
    {3, 1, 17, 40},    {1, 40, 6, 3},    {13, 17, 13, 17}, {19, 23, 31, 37}, {37, 31, 23, 19},  {16, 16, 32, 32},
    {32, 32, 16, 16},  {48, 48, 16, 16}, {9, 129, 5, 67},  {5, 64, 4, 65},   {30, 200, 9, 83},  {12, 333, 7, 100},
    {40, 61, 11, 30},  {64, 90, 8, 11},  {6, 257, 3, 31},  {100, 7, 30, 66}, {11, 43, 12, 173}, {3, 700, 2, 41},
    {2, 1000, 2, 999}, {70, 20, 3, 2},   {5, 5, 80, 80},   {4, 127, 3, 128}, {8, 128, 4, 127},  {17, 150, 11, 49},
    {9, 211, 4, 67},   {21, 96, 9, 17},  {6, 500, 2, 16},  {4, 66, 3, 33},
};

template <class T>
void every_filter(const std::vector<Sizes>& sizes, const std::vector<std::ptrdiff_t>& channel_counts) {
  constexpr auto kItem = static_cast<std::ptrdiff_t>(sizeof(T));
  int turn = 0, failures = 0;
  for (const Sizes& s : sizes)
    for (const std::ptrdiff_t channels : channel_counts)
      for (const Interpolation i : kInterpolations)
        for (const bool antialias : {false, true}) {
          if (antialias && !filtered(i)) continue;
          turn++;
          PreprocessOptions o = options(s.out_height, s.out_width, i, antialias);
          vary(&o, turn, channels);
          const Content content = turn % 4 == 0 ? Content::kExtremes : Content::kRandom;
          const Canvas<T> in = make_canvas<T>(s.height, s.width, channels, content, turn,
                                              {turn % 3 == 0 ? 5 * kItem : 0, kItem * (turn % 9), turn % 4 == 1});
          if (!right_everywhere<T>(in.readable(), o) && ++failures == 5) return;
        }
}

TEST(PreprocessSizes, EveryFilterUint8) { every_filter<std::uint8_t>(kAwkward, {1, 2, 3, 4, 5}); }
TEST(PreprocessSizes, EveryFilterUint16) { every_filter<std::uint16_t>(kAwkward, {1, 3}); }
TEST(PreprocessSizes, EveryFilterFloat32) { every_filter<float>(kAwkward, {3, 4, 7}); }

// Every ratio around the limits of the kernels' windows, and every remainder of a block.
TEST(PreprocessSizes, EveryWidth) {
  int turn = 0, failures = 0;
  for (const std::ptrdiff_t channels : {1, 3, 4})
    for (const Interpolation i : {Interpolation::kNearest, Interpolation::kBilinear, Interpolation::kArea})
      for (const std::ptrdiff_t width : {90, 300})
        for (std::ptrdiff_t to = 1; to <= 97; to += 1 + (turn % 3)) {
          turn++;
          PreprocessOptions o = options(3, to, i, turn % 2);
          vary(&o, turn, channels);
          const Canvas<std::uint8_t> in =
              make_canvas<std::uint8_t>(4, width + turn % 13, channels, Content::kExtremes, turn);
          if (!right_everywhere<std::uint8_t>(in.readable(), o) && ++failures == 5) return;
        }
}

// Blocks of 120 to 200 bytes a row: windows of one vector, of two, and of too many.
TEST(PreprocessSizes, WindowsOfTwoRows) {
  for (const std::ptrdiff_t channels : {1, 3, 4})
    for (std::ptrdiff_t span = 120; span <= 200; span++) {
      const std::ptrdiff_t to = 50 + span % 15, width = span * to / (16 * channels);
      const Canvas<std::uint8_t> in = make_canvas<std::uint8_t>(5, width, channels, Content::kRandom, span);
      PreprocessOptions o = options(3, to, Interpolation::kBilinear);
      o.reverse_channels = channels > 1 && span % 2 != 0;
      if (!right_everywhere<std::uint8_t>(in.readable(), o)) return;
    }
}

TEST(PreprocessSizes, Large) {
  for (const auto& [i, antialias] : {std::pair{Interpolation::kBilinear, false},
                                     {Interpolation::kBilinear, true},
                                     {Interpolation::kNearest, false},
                                     {Interpolation::kArea, false}}) {
    const Canvas<std::uint8_t> in = make_canvas<std::uint8_t>(11, 4095, 3, Content::kRandom, 3);
    for (const std::ptrdiff_t to : {257, 1365, 2048, 4096}) {
      if (!right_everywhere<std::uint8_t>(in.readable(), options(5, to, i, antialias))) return;
    }
  }
}

// 16-bit pixels keep their precision: 1 / 257 of what 8-bit ones may lose.
TEST(PreprocessValues, Uint16Precision) {
  const Canvas<std::uint16_t> in = make_canvas<std::uint16_t>(61, 83, 3, Content::kRandom, 1);
  for (const bool antialias : {false, true}) {
    PreprocessOptions o = options(37, 41, Interpolation::kBilinear, antialias);
    o.scale = 1;
    EXPECT_TRUE(right_everywhere<std::uint16_t>(in.readable(), o));
  }
}

template <class T>
void constant_stays(T value) {
  for (const Interpolation i : kInterpolations)
    for (const bool antialias : {false, true}) {
      Canvas<T> in(31, 45, 3);
      in.assign(std::vector<T>(31 * 45 * 3, value));
      PreprocessOptions o = options(17, 100, i, antialias);
      o.scale = 1;
      const Preprocessor pre(o);
      Result result(o, pre.placement(31, 45), 3, 0);
      pre.run(source_of<T>(in.readable()), result.target(), 1);
      for (std::ptrdiff_t y = 0; y < 17; y++)
        for (std::ptrdiff_t x = 0; x < 100; x++)
          ASSERT_NEAR(result.value(1, y, x), static_cast<double>(value), 2e-6 * kTop<T>) << name(i);
    }
}
TEST(PreprocessValues, ConstantStaysConstant) {
  constant_stays<std::uint8_t>(255);
  constant_stays<std::uint8_t>(37);
  constant_stays<std::uint16_t>(65535);
  constant_stays<float>(0.3f);
}

// Sums of integer weights reach the end of their range only here.
TEST(PreprocessValues, WhiteStaysWhite) {
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    for (const std::ptrdiff_t channels : {1, 3, 4})
      for (const Interpolation i : {Interpolation::kArea, Interpolation::kBilinear, Interpolation::kLanczos})
        for (std::ptrdiff_t to = 1; to <= 400; to++) {
          Canvas<std::uint8_t> in(346, 5, channels);
          in.assign(std::vector<std::uint8_t>(346 * 5 * channels, 255));
          PreprocessOptions o = options(to, 3, i, true);
          o.scale = 1;
          const Preprocessor pre(o);
          Result result(o, pre.placement(346, 5), channels, 0);
          pre.run(source_of<std::uint8_t>(in.readable()), result.target(), 1);
          for (std::ptrdiff_t y = 0; y < to; y++)
            ASSERT_NEAR(result.value(0, y, 1), 255, 0.05)
                << target << ' ' << name(i) << " to " << to << ' ' << channels;
        }
  }
}

// Weights that are sums of powers of two lose nothing: black is 0, not -0, and the mean of four pixels has no error, so
// that bytes are rounded half to even.
TEST(PreprocessValues, HalvingIsExact) {
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    for (const std::ptrdiff_t channels : {1, 3, 4})
      for (int turn = 0; turn < 6; turn++) {
        std::vector<std::uint8_t> values = make_values<std::uint8_t>(12, 74, channels, Content::kRandom, turn);
        std::fill(values.begin(), values.begin() + 2 * 74 * channels, std::uint8_t{0});  // the first row of the result
        Canvas<std::uint8_t> in(12, 74, channels);
        in.assign(values);
        PreprocessOptions o = options(6, 37, Interpolation::kBilinear);
        o.scale = 1;
        o.layout = turn % 2 ? PixelLayout::kHwc : PixelLayout::kChw;
        o.dtype = turn < 2 ? PixelType::kFloat32 : turn < 4 ? PixelType::kFloat16 : PixelType::kUint8;
        const Preprocessor pre(o);
        Result result(o, pre.placement(12, 74), channels, 1);
        pre.run(source_of<std::uint8_t>(in.readable()), result.target(), 1);
        for (std::ptrdiff_t k = 0; k < channels; k++)
          for (std::ptrdiff_t y = 0; y < 6; y++)
            for (std::ptrdiff_t x = 0; x < 37; x++) {
              const auto pixel = [&](std::ptrdiff_t i, std::ptrdiff_t j) {
                return static_cast<double>(values[((2 * y + i) * 74 + 2 * x + j) * channels + k]);
              };
              double mean = (pixel(0, 0) + pixel(0, 1) + pixel(1, 0) + pixel(1, 1)) / 4;
              if (o.dtype == PixelType::kUint8) mean = std::nearbyint(mean);
              ASSERT_EQ(result.value(k, y, x), mean) << target << ' ' << channels << ' ' << turn;
              ASSERT_FALSE(std::signbit(result.value(k, y, x))) << target << ' ' << channels << ' ' << turn;
            }
      }
  }
}

// Filters of as many rows as the kernels take, and images that are as far from smooth as they can be.
TEST(PreprocessValues, RoundingOfLongFilters) {
  int turn = 0;
  for (const std::ptrdiff_t channels : {3, 4})
    for (const Interpolation i :
         {Interpolation::kBilinear, Interpolation::kBicubic, Interpolation::kLanczos, Interpolation::kArea})
      for (std::ptrdiff_t to = 8; to <= 40; to++) {
        turn++;
        const Canvas<std::uint8_t> in = make_canvas<std::uint8_t>(43, 61, channels, Content::kExtremes, turn);
        PreprocessOptions o = options(to, 90 - to, i, true);
        o.clip = false;
        if (!right_everywhere<std::uint8_t>(in.readable(), o)) return;
      }
}

TEST(PreprocessValues, NotANumberBecomesZeroInUint8) {
  const float values[] = {std::nanf(""), HUGE_VALF, -HUGE_VALF, 2.5f, 3.5f, 255.5f};
  PreprocessOptions o = options(1, 6, Interpolation::kNearest);
  o.dtype = PixelType::kUint8;
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    std::uint8_t out[6];
    Preprocessor(o).run({values, 1, 6, 1, 24, PixelType::kFloat32}, {out, 6, 6}, 1);
    EXPECT_EQ(std::vector<int>(out, out + 6), (std::vector<int>{0, 255, 0, 2, 4, 255})) << target;
  }
}

// Every finite half, its neighbourhood, and what lies beyond them: rounded half to even on every target.
TEST(PreprocessValues, HalvesAreRoundedToEven) {
  std::vector<float> values;
  for (std::uint32_t bits = 0; bits < 0x7C00; bits++) {
    const double here = half_value(static_cast<std::uint16_t>(bits)),
                 next = bits == 0x7BFF ? 65536 : half_value(static_cast<std::uint16_t>(bits + 1));
    for (const double v : {here, (here + next) / 2})
      for (const float f :
           {static_cast<float>(v), std::nextafterf(static_cast<float>(v), 1e9f), -static_cast<float>(v)})
        values.push_back(f);
  }
  values.insert(values.end(), {1e30f, -HUGE_VALF, HUGE_VALF, std::nanf("")});
  const auto count = static_cast<std::ptrdiff_t>(values.size());
  PreprocessOptions o = options(1, count, Interpolation::kNearest);
  o.dtype = PixelType::kFloat16;
  const Preprocessor pre(o);
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    std::vector<std::uint16_t> out(values.size());
    pre.run({values.data(), 1, count, 1, 4 * count, PixelType::kFloat32}, {out.data(), 2 * count, 2 * count}, 1);
    for (std::size_t i = 0; i + 1 < values.size(); i++) {
      const double v = values[i], got = half_value(out[i]);
      if (std::fabs(v) >= 65520) {
        ASSERT_EQ(got, std::copysign(HUGE_VAL, v)) << target;
        continue;
      }
      const double spacing = std::ldexp(1, std::max(-24, std::ilogb(v == 0 ? 1e-30 : v) - 10));
      ASSERT_EQ(got, std::nearbyint(v / spacing) * spacing) << target << ' ' << v;
    }
    EXPECT_TRUE(std::isnan(half_value(out.back()))) << target;
  }
}

// ---- geometry ------------------------------------------------------------------------------

TEST(PreprocessGeometry, LetterboxCropShortestCover) {
  int turn = 0;
  for (const auto& [h, w] :
       {std::pair<std::ptrdiff_t, std::ptrdiff_t>{40, 60}, {61, 17}, {1, 90}, {90, 1}, {20, 20}, {7, 300}})
    for (const Resize resize :
         {Resize::kLetterbox, Resize::kCrop, Resize::kCropFloor, Resize::kShortest, Resize::kCover})
      for (const Interpolation i : {Interpolation::kNearestExact, Interpolation::kBilinear, Interpolation::kBicubic})
        for (const bool antialias : {false, true}) {
          turn++;
          if (resize == Resize::kCover && i != Interpolation::kBilinear) continue;
          PreprocessOptions o =
              options(24, resize == Resize::kShortest ? 24 : 37, i, antialias && resize != Resize::kCover);
          o.resize = resize;
          if (resize == Resize::kShortest) o.resize_to = turn % 2 ? 5 : 12;
          if (resize == Resize::kCrop || resize == Resize::kCropFloor)
            o.resize_to = turn % 3 == 0 ? 0 : turn % 3 == 1 ? 48 : 15;
          if (resize == Resize::kLetterbox) {
            o.top_left = turn % 4 == 0;
            o.stride = turn % 3 == 0 ? 8 : 0;
            o.upscale = turn % 5 != 0;
          }
          vary(&o, turn, 3);
          o.pad_value = turn % 2 ? std::vector<double>{114} : std::vector<double>{1, 100, 200};
          o.pad_normalized = turn % 3 == 1;
          const Canvas<std::uint8_t> in = make_canvas<std::uint8_t>(h, w, 3, Content::kRandom, turn);
          if (!right_everywhere<std::uint8_t>(in.readable(), o)) return;
        }
}

TEST(PreprocessGeometry, PaddingIsWhatAPixelGives) {
  for (const PixelType dtype : {PixelType::kFloat32, PixelType::kFloat16, PixelType::kUint8}) {
    PreprocessOptions o = options(16, 48, Interpolation::kNearest);
    o.resize = Resize::kLetterbox;
    o.dtype = dtype;
    o.mean = {0.3, 0.4, 0.5};
    o.std = {0.2};
    if (dtype == PixelType::kUint8) o.mean = {3}, o.std = {2};
    Canvas<std::uint8_t> in(16, 16, 3);
    in.assign(std::vector<std::uint8_t>(16 * 16 * 3, 114));
    const Preprocessor pre(o);
    const Placement p = pre.placement(16, 16);
    Result result(o, p, 3, 0);
    pre.run(source_of<std::uint8_t>(in.readable()), result.target(), 1);
    for (std::ptrdiff_t k = 0; k < 3; k++)
      for (std::ptrdiff_t x = 0; x < 48; x++) ASSERT_EQ(result.value(k, 5, x), result.value(k, 5, 20)) << k << ' ' << x;
  }
}

// ---- memory --------------------------------------------------------------------------------

TEST(PreprocessMemory, GuardPagesAtBothEnds) {
  int turn = 0;
  for (const std::ptrdiff_t channels : {1, 2, 3, 4, 5})
    for (const std::ptrdiff_t width : {1, 2, 5, 15, 16, 21, 33, 42, 43, 64, 65, 100, 127, 191, 300})
      for (const std::ptrdiff_t to : {1, 7, 16, 31, 64, 150})
        for (const Interpolation i : {Interpolation::kNearest, Interpolation::kBilinear, Interpolation::kBicubic})
          for (const bool antialias : {false, true}) {
            turn++;
            PreprocessOptions o = options(2, to, i, antialias);
            vary(&o, turn, channels);
            o.channels = 0;
            o.mean = {0.45};
            const std::ptrdiff_t in_bytes = 3 * width * channels, out_bytes = 2 * to * channels * item_size(o.dtype);
            GuardedMemory in(in_bytes), out(out_bytes);
            const Preprocessor pre(o);
            for (const std::string& target : simd_detected()) {
              const Forced forced(target);
              for (const bool back : {false, true}) {
                std::byte* from = back ? in.back(in_bytes) : in.front();
                std::byte* to_memory = back ? out.back(out_bytes) : out.front();
                std::memset(from, 77, in_bytes);
                const std::ptrdiff_t row = to * item_size(o.dtype);
                pre.run({from, 3, width, channels, width * channels, PixelType::kUint8},
                        o.layout == PixelLayout::kChw ? TargetImage{to_memory, row, 2 * row}
                                                      : TargetImage{to_memory, row * channels, 0},
                        1);
              }
            }
          }
}

// The general path, and filters of many rows.
TEST(PreprocessMemory, GuardPagesOfOtherTypesAndLongFilters) {
  int turn = 0;
  for (const PixelType type : {PixelType::kUint8, PixelType::kUint16, PixelType::kFloat32})
    for (const std::ptrdiff_t channels : {1, 3, 4, 6})
      for (const auto& [height, width, to] : {std::tuple<std::ptrdiff_t, std::ptrdiff_t, std::ptrdiff_t>{1, 1, 9},
                                              {3, 17, 40},
                                              {40, 321, 23},
                                              {70, 1301, 5},
                                              {33, 64, 64},
                                              {90, 203, 61}})
        for (const Interpolation i :
             {Interpolation::kNearestExact, Interpolation::kBilinear, Interpolation::kLanczos, Interpolation::kArea}) {
          turn++;
          PreprocessOptions o = options(2, to, i, true);
          vary(&o, turn, channels);
          o.channels = 0;
          o.mean = {0.45};
          const std::ptrdiff_t row_in = width * channels * (type == PixelType::kUint16 ? 2 : item_size(type)),
                               row = to * item_size(o.dtype), out_bytes = 2 * row * channels;
          GuardedMemory in(height * row_in), out(out_bytes);
          const Preprocessor pre(o);
          for (const std::string& target : simd_detected()) {
            const Forced forced(target);
            for (const bool back : {false, true}) {
              std::byte* from = back ? in.back(height * row_in) : in.front();
              std::byte* to_memory = back ? out.back(out_bytes) : out.front();
              std::memset(from, 63, static_cast<std::size_t>(height * row_in));
              pre.run({from, height, width, channels, row_in, type},
                      o.layout == PixelLayout::kChw ? TargetImage{to_memory, row, 2 * row}
                                                    : TargetImage{to_memory, row * channels, 0},
                      1);
            }
          }
        }
}

TEST(PreprocessMemory, BatchIsOneByOne) {
  PreprocessOptions o = options(40, 56, Interpolation::kBilinear, true);
  o.resize = Resize::kLetterbox;
  const Preprocessor pre(o);
  std::vector<Canvas<std::uint8_t>> images;
  std::vector<SourceImage> sources;
  for (int i = 0; i < 23; i++)
    images.push_back(make_canvas<std::uint8_t>(20 + 7 * i, 150 - 3 * i, 3, Content::kRandom, i));
  for (const auto& image : images) sources.push_back(source_of<std::uint8_t>(image.readable()));
  const std::size_t values = 3 * 40 * 56;
  std::vector<float> one(values * 23);
  for (int i = 0; i < 23; i++) pre.run(sources[i], {one.data() + i * values, 56 * 4, 40 * 56 * 4}, 1);
  for (const int threads : {1, 2, 7}) {
    std::vector<float> many(values * 23);
    std::vector<TargetImage> targets;
    for (int i = 0; i < 23; i++) targets.push_back({many.data() + i * values, 56 * 4, 40 * 56 * 4});
    pre.run_batch(sources, targets, threads);
    EXPECT_EQ(one, many) << threads;
  }
}

TEST(PreprocessMemory, ThreadsShareOnePlan) {
  const PreprocessOptions o = options(30, 30, Interpolation::kBilinear);
  const Preprocessor pre(o);
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (int t = 0; t < 4; t++)
    threads.emplace_back([&, t] {
      for (int turn = 0; turn < 200; turn++) {
        const std::ptrdiff_t side = 10 + (turn * 7 + t) % 40;  // more geometries than the cache holds
        const std::vector<std::uint8_t> in(side * side, 51);
        std::vector<float> out(900);
        pre.run({in.data(), side, side, 1, side, PixelType::kUint8}, {out.data(), 120, 3600}, 1);
        for (const float v : out) wrong[t] += std::fabs(v - 0.2f) > 1e-6f;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4));
}

// ---- refusals ------------------------------------------------------------------------------

TEST(PreprocessRefusals, BadSettings) {
  const auto refused = [](auto change) {
    PreprocessOptions o;
    change(o);
    EXPECT_THROW(Preprocessor pre(o), std::invalid_argument);
  };
  refused([](auto& o) { o.height = 0; });
  refused([](auto& o) { o.width = -3; });
  refused([](auto& o) { o.std = {0}; });
  refused([](auto& o) { o.std = {std::nan("")}; });
  refused([](auto& o) { o.std = {1, -1, 1}; });
  refused([](auto& o) { o.mean = {HUGE_VAL}; });
  refused([](auto& o) { o.mean = {}; });
  refused([](auto& o) { o.scale = HUGE_VAL; });
  refused([](auto& o) { o.channels = 3, o.mean = {1, 2}; });
  refused([](auto& o) { o.interpolation = Interpolation::kArea, o.antialias = true; });
  refused([](auto& o) { o.dtype = PixelType::kUint16; });
  PreprocessOptions o;
  o.channels = 3;
  const Preprocessor pre(o);
  EXPECT_THROW(pre.output_channels(2), std::invalid_argument);
  EXPECT_THROW(pre.placement(0, 5), std::invalid_argument);
  o.std = {0};
  o.std_eps = 1e-5;
  EXPECT_NO_THROW(Preprocessor{o});
}

}  // namespace
}  // namespace fastcv::testing
