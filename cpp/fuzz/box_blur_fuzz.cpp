// box_blur: every type, border, rounding and alpha, windows to beyond the image.
#include "box_blur_reference.hpp"
#include "fastcv/box_blur.hpp"
#include "fuzz.hpp"

namespace fastcv::fuzz {
namespace {

constexpr Border kBorders[] = {Border::kReflect101, Border::kReflect,  Border::kClamp,
                               Border::kWrap,       Border::kConstant, Border::kShrink};
constexpr Rounding kRoundings[] = {Rounding::kNearest, Rounding::kEven, Rounding::kFloor};
constexpr Alpha kAlphas[] = {Alpha::kBlur, Alpha::kOpaque, Alpha::kCopy, Alpha::kPremultiplied};
constexpr std::int64_t kWindows[] = {1, 2, 3, 5, 8, 9, 15, 16, 17, 31, 33, 56, 57};

// Mostly small: the reference walks every window.
std::int64_t size_of_window(Input& input) {
  const std::int64_t kind = input.between(0, 7);
  return kind == 0 ? input.between(1, 300) : kind == 1 ? input.between(1, 60) : input.pick(kWindows);
}

template <class T>
void blur(Input& input) {
  // One in sixteen is large enough for three threads; its pixels are compared between targets, not with the reference.
  const bool large = input.between(0, 15) == 0;
  const std::ptrdiff_t channels = input.between(1, 5);
  const std::ptrdiff_t height = large ? input.between(150, 300) : input.between(1, 12);
  const std::ptrdiff_t width = large ? input.between(300, 500) : input.between(1, 140);
  BoxBlurOptions o;
  o.ksize_x = size_of_window(input);
  o.ksize_y = size_of_window(input);
  o.anchor_x = input.flag() ? o.ksize_x / 2 : input.between(0, o.ksize_x - 1);
  o.anchor_y = input.flag() ? o.ksize_y / 2 : input.between(0, o.ksize_y - 1);
  o.border = input.pick(kBorders);
  o.rounding = input.pick(kRoundings);
  o.alpha = channels == 4 ? input.pick(kAlphas) : Alpha::kBlur;
  if (std::is_floating_point_v<T> && o.alpha == Alpha::kPremultiplied) o.alpha = Alpha::kBlur;  // needs alpha >= 0
  double values[5];
  for (double& v : values) v = static_cast<double>(input.byte());
  o.border_value = values;
  Image<T> image(input, height, width, channels), out(input, height, width, channels);
  image.fill(input);

  const auto run = [&](int threads) {
    BoxBlurOptions with = o;
    with.num_threads = threads;
    box_blur<T>(image.in(), out.out(), with);
    if (!out.untouched_around()) fail("box_blur wrote beside a row");
    return out.values();
  };
  const auto check = [&](const std::vector<T>& got) {
    if (large) return;
    if constexpr (std::is_integral_v<T>) {
      if (got != reference::blurred(image.input(), o)) fail("box_blur is not the rounded mean");
    } else {
      const auto expected = reference::blurred_within(image.input(), o);
      for (std::size_t i = 0; i < got.size(); i++) {
        const long double off = std::fabs(static_cast<long double>(got[i]) - expected[i].value);
        if (!(off <= expected[i].tolerance)) fail("box_blur leaves its bound");
      }
    }
  };
  on_every_target(std::is_integral_v<T>, run, check);
}

}  // namespace
}  // namespace fastcv::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fastcv::fuzz;
  Input input(data, size);
  switch (input.byte() % 8) {
    case 0:
      blur<std::uint16_t>(input);
      break;
    case 1:
      blur<float>(input);
      break;
    case 2:
      blur<double>(input);
      break;
    default:
      blur<std::uint8_t>(input);
  }
  return 0;
}
