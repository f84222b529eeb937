#include "preprocess/geometry.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace fastcv::preprocess {
namespace {

constexpr std::ptrdiff_t kLargest = 0x7fffffff;  // products of two sizes fit 63 bits

// Python's round(d / 2), half to even.
std::ptrdiff_t half_to_even(std::ptrdiff_t d) {
  const std::ptrdiff_t k = d >> 1;
  return d % 2 != 0 && k % 2 != 0 ? k + 1 : k;
}

std::ptrdiff_t rounded(double value) { return static_cast<std::ptrdiff_t>(std::nearbyint(value)); }

AxisPlacement axis(std::ptrdiff_t source, std::ptrdiff_t resized, std::ptrdiff_t size) {
  if (resized > kLargest) {
    throw std::invalid_argument("Preprocess: image of " + std::to_string(source) +
                                " pixels along an axis would become " + std::to_string(resized) +
                                ", more than 2147483647");
  }
  AxisPlacement a;
  a.source = source;
  a.resized = resized;
  a.scale = static_cast<double>(resized) / static_cast<double>(source);
  a.step = static_cast<double>(source) / static_cast<double>(resized);
  a.count = std::min(resized, size);
  a.size = size;
  return a;
}

// torchvision's CenterCrop, which pads what is too small: the odd pixel right and below. Hugging Face rounds down.
AxisPlacement centred(AxisPlacement a, bool down) {
  if (a.resized >= a.size) {
    a.first = down ? (a.resized - a.size) / 2 : half_to_even(a.resized - a.size);
  } else {
    a.offset = (a.size - a.resized) / 2;
  }
  return a;
}

// The letterbox of Ultralytics, computed as there: in double, rounded half to even.
AxisPlacement boxed(const PreprocessOptions& o, std::ptrdiff_t source, double ratio, std::ptrdiff_t size) {
  const std::ptrdiff_t content = std::clamp<std::ptrdiff_t>(rounded(static_cast<double>(source) * ratio), 1, size);
  const std::ptrdiff_t padding = o.stride > 0 ? (size - content) % o.stride : size - content;
  AxisPlacement a = axis(source, content, content + padding);
  if (!o.top_left) a.offset = padding / 2;
  return a;
}

Placement letterbox(const PreprocessOptions& o, std::ptrdiff_t height, std::ptrdiff_t width) {
  double ratio = std::min(static_cast<double>(o.height) / static_cast<double>(height),
                          static_cast<double>(o.width) / static_cast<double>(width));
  if (!o.upscale) ratio = std::min(ratio, 1.0);
  return {boxed(o, height, ratio, o.height), boxed(o, width, ratio, o.width)};
}

// The short edge becomes `to`.
Placement shortest(std::ptrdiff_t height, std::ptrdiff_t width, std::ptrdiff_t to) {
  const std::ptrdiff_t edge = std::min(height, width);
  const std::ptrdiff_t y = height == edge ? to : to * height / edge, x = width == edge ? to : to * width / edge;
  return {axis(height, y, y), axis(width, x, x)};
}

// The least short edge for which both edges are long enough.
std::ptrdiff_t covering(const PreprocessOptions& o, std::ptrdiff_t height, std::ptrdiff_t width) {
  const std::ptrdiff_t edge = std::min(height, width);
  const auto least = [edge](std::ptrdiff_t size, std::ptrdiff_t side) { return (size * edge + side - 1) / side; };
  return std::max(least(o.height, height), least(o.width, width));
}

Placement crop(const PreprocessOptions& o, std::ptrdiff_t height, std::ptrdiff_t width) {
  const Placement whole = shortest(height, width, o.resize_to > 0 ? o.resize_to : covering(o, height, width));
  const bool down = o.resize == Resize::kCropFloor;
  return {centred(axis(height, whole.y.resized, o.height), down), centred(axis(width, whole.x.resized, o.width), down)};
}

// OpenCV keeps the factor, a float, as the sampling step, and cuts the offset's fraction off.
AxisPlacement covered(std::ptrdiff_t source, double factor, std::ptrdiff_t size) {
  const std::ptrdiff_t resized = std::max(rounded(static_cast<double>(source) * factor), size);
  AxisPlacement a = axis(source, resized, size);
  a.scale = factor;
  a.step = 1.0 / factor;
  a.exact = false;
  a.first = (resized - size) / 2;
  return a;
}

Placement cover(const PreprocessOptions& o, std::ptrdiff_t height, std::ptrdiff_t width) {
  const float factor = std::max(static_cast<float>(o.width) / static_cast<float>(width),
                                static_cast<float>(o.height) / static_cast<float>(height));
  if (height == o.height && width == o.width) return {axis(height, height, height), axis(width, width, width)};
  return {covered(height, factor, o.height), covered(width, factor, o.width)};
}

}  // namespace

Placement place(const PreprocessOptions& o, std::ptrdiff_t height, std::ptrdiff_t width) {
  if (height < 1 || width < 1) {
    throw std::invalid_argument("Preprocess: image must have at least one pixel, got " + std::to_string(height) +
                                " x " + std::to_string(width));
  }
  if (height > kLargest || width > kLargest) {
    throw std::invalid_argument("Preprocess: image must have at most 2147483647 pixels along an axis");
  }
  switch (o.resize) {
    case Resize::kLetterbox:
      return letterbox(o, height, width);
    case Resize::kCrop:
    case Resize::kCropFloor:
      return crop(o, height, width);
    case Resize::kShortest:
      return shortest(height, width, o.resize_to);
    case Resize::kCover:
      return cover(o, height, width);
    case Resize::kStretch:
      break;
  }
  return {axis(height, o.height, o.height), axis(width, o.width, o.width)};
}

}  // namespace fastcv::preprocess
