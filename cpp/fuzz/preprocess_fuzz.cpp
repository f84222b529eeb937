// Preprocess: every filter, way to resize, type and layout.
#include <stdexcept>

#include "fastcv/preprocess.hpp"
#include "fuzz.hpp"
#include "preprocess_reference.hpp"

namespace fastcv::fuzz {
namespace {

constexpr Resize kResizes[] = {Resize::kStretch,   Resize::kLetterbox, Resize::kCrop,
                               Resize::kCropFloor, Resize::kShortest,  Resize::kCover};
constexpr Interpolation kFilters[] = {Interpolation::kNearest, Interpolation::kNearestExact, Interpolation::kBilinear,
                                      Interpolation::kBicubic, Interpolation::kLanczos,      Interpolation::kArea};
constexpr PixelType kTypes[] = {PixelType::kFloat32, PixelType::kFloat16, PixelType::kUint8};

PreprocessOptions options_of(Input& input, std::ptrdiff_t channels) {
  PreprocessOptions o;
  o.height = input.between(1, 90);
  o.width = input.between(1, 150);
  o.resize = input.pick(kResizes);
  if ((o.resize == Resize::kCrop || o.resize == Resize::kCropFloor) && input.flag()) o.resize_to = input.between(1, 90);
  if (o.resize == Resize::kShortest) o.width = o.resize_to = o.height;
  if (o.resize == Resize::kLetterbox) {
    o.top_left = input.flag();
    o.stride = input.flag() ? input.between(1, 40) : 0;
    o.upscale = input.flag();
  }
  o.interpolation = input.pick(kFilters);
  if (o.resize == Resize::kCover) o.interpolation = Interpolation::kBilinear;  // as blobFromImage, which it is for
  const bool filtered = o.interpolation == Interpolation::kBilinear || o.interpolation == Interpolation::kBicubic ||
                        o.interpolation == Interpolation::kLanczos;
  o.antialias = filtered && o.resize != Resize::kCover && input.flag();
  o.clip = input.flag();
  o.reverse_channels = input.flag();
  if ((channels == 1 || channels == 3 || channels == 4) && input.flag()) o.channels = 3;
  o.layout = input.flag() ? PixelLayout::kHwc : PixelLayout::kChw;
  o.dtype = input.pick(kTypes);
  if (o.dtype != PixelType::kUint8 && input.flag()) {
    o.mean = {input.byte() / 255.0};
    o.std = {(1 + input.byte()) / 255.0};
  }
  o.pad_value = {static_cast<double>(input.byte())};
  return o;
}

double half_value(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double magnitude = exponent == 0    ? std::ldexp(fraction, -24)
                           : exponent == 31 ? (fraction == 0 ? INFINITY : NAN)
                                            : std::ldexp(1024 + fraction, exponent - 25);
  return bits >> 15 ? -magnitude : magnitude;
}

double value_of(const unsigned char* p, PixelType type) {
  if (type == PixelType::kUint8) return *p;
  if (type == PixelType::kFloat16) {
    std::uint16_t bits;
    std::memcpy(&bits, p, 2);
    return half_value(bits);
  }
  float v;
  std::memcpy(&v, p, 4);
  return v;
}

template <class T>
void preprocess(Input& input, PixelType type, double top, double level_error) {
  const std::ptrdiff_t channels = input.between(1, 5);
  const std::ptrdiff_t height = input.between(1, 100), width = input.between(1, 200);
  const PreprocessOptions o = options_of(input, channels);
  Image<T> image(input, height, width, channels);
  image.fill(input);
  const SourceImage in{image.view().data, height, width, channels, image.view().row_stride, type};
  const Preprocessor pre(o);
  const Placement p = pre.placement(height, width);
  const std::ptrdiff_t out_channels = pre.output_channels(channels);
  if (p.x.size * p.y.size * out_channels > 200000) return;  // a thin image's shortest edge: the reference is slow

  const std::ptrdiff_t item = o.dtype == PixelType::kUint8 ? 1 : o.dtype == PixelType::kFloat16 ? 2 : 4;
  const bool planar = o.layout == PixelLayout::kChw;
  const std::ptrdiff_t row = p.x.size * item * (planar ? 1 : out_channels);
  std::vector<unsigned char> memory(static_cast<std::size_t>(row * p.y.size * (planar ? out_channels : 1)));
  const TargetImage target{memory.data(), row, planar ? row * p.y.size : 0};

  const std::vector<T> pixels = image.values();
  const auto answers = reference::preprocessed({pixels.begin(), pixels.end()}, channels, top, o, p);
  const bool exact = o.interpolation == Interpolation::kNearest || o.interpolation == Interpolation::kNearestExact;
  const bool wide = o.interpolation == Interpolation::kBicubic || o.interpolation == Interpolation::kLanczos;
  const double tolerance = exact ? 0 : wide ? 2 * level_error : level_error;

  const auto run = [&](int threads) {
    std::memset(memory.data(), 0xA5, memory.size());
    pre.run(in, target, threads);
    return memory;
  };
  const auto check = [&](const std::vector<unsigned char>& got) {
    std::size_t i = 0;
    for (std::ptrdiff_t k = 0; k < out_channels; k++)
      for (std::ptrdiff_t y = 0; y < p.y.size; y++)
        for (std::ptrdiff_t x = 0; x < p.x.size; x++, i++) {
          const std::ptrdiff_t at =
              planar ? (k * p.y.size + y) * row + x * item : y * row + (x * out_channels + k) * item;
          double expected = answers[i].value;
          const double shift = std::fabs(reference::channel_of(o.mean, k) / reference::channel_of(o.std, k));
          double slack = tolerance * answers[i].level + std::ldexp(std::fabs(expected) + 2 * shift, -22);
          slack += std::ldexp(2 + 2 * answers[i].level, -149);  // steps of denormals
          if (o.dtype == PixelType::kFloat16) {
            slack += std::max(std::ldexp(std::fabs(expected), -11), std::ldexp(1.0, -25));
            if (std::fabs(expected) > 65000) continue;  // may round to infinity
          }
          if (o.dtype == PixelType::kUint8) {
            expected = std::min(std::max(expected, 0.0), 255.0);
            slack += 0.5;
          }
          const double value = value_of(got.data() + at, o.dtype);
          if (!(std::fabs(value - expected) <= slack)) {
            fail("pixel " + std::to_string(x) + ", " + std::to_string(y) + " of channel " + std::to_string(k) + " is " +
                 std::to_string(value) + ", not " + std::to_string(expected) + " within " + std::to_string(slack) +
                 ": filter " + std::to_string(static_cast<int>(o.interpolation)) + ", resize " +
                 std::to_string(static_cast<int>(o.resize)) + ", type " + std::to_string(static_cast<int>(o.dtype)) +
                 ", " + std::to_string(height) + " x " + std::to_string(width) + " to " + std::to_string(o.height) +
                 " x " + std::to_string(o.width));
          }
        }
  };
  on_every_target(false, run, check);
}

}  // namespace
}  // namespace fastcv::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fastcv;
  fuzz::Input input(data, size);
  try {
    switch (input.byte() % 4) {
      case 0:
        fuzz::preprocess<std::uint16_t>(input, PixelType::kUint16, 65535, 0.05);
        break;
      case 1:
        fuzz::preprocess<float>(input, PixelType::kFloat32, 1, 8e-6);
        break;
      default:
        fuzz::preprocess<std::uint8_t>(input, PixelType::kUint8, 255, 0.05);
    }
  } catch (const std::invalid_argument&) {
    // Settings or sizes that cannot be: refused.
  }
  return 0;
}
