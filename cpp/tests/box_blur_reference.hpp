// The box blur as its definition reads: every window is walked, every sum is exact (integers) or a long
// double (floats), and there is one rounding at the end. Written from fastcv/box_blur.hpp alone.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include "fastcv/box_blur.hpp"

namespace fastcv::reference {

constexpr std::ptrdiff_t kNowhere = -1;

// The pixel that stands at coordinate i of an axis of n pixels, folded back step by step.
inline std::ptrdiff_t continued(std::ptrdiff_t i, std::ptrdiff_t n, Border border) {
  while (i < 0 || i >= n) {
    switch (border) {
      case Border::kReflect101:
        if (n == 1) return 0;
        i = i < 0 ? -i : 2 * (n - 1) - i;
        break;
      case Border::kReflect:
        i = i < 0 ? -1 - i : 2 * n - 1 - i;
        break;
      case Border::kClamp:
        i = i < 0 ? 0 : n - 1;
        break;
      case Border::kWrap:
        i = i < 0 ? i + n : i - n;
        break;
      default:
        return kNowhere;
    }
  }
  return i;
}

// `weight` positions of a window stand on pixel `index`.
struct Term {
  std::ptrdiff_t index;
  std::int64_t weight;
};

// The window of output x, one position after the other.
inline std::vector<Term> walked_window(std::ptrdiff_t x, std::ptrdiff_t n, std::int64_t ksize, std::int64_t anchor,
                                       Border border) {
  std::vector<Term> terms;
  for (std::int64_t i = 0; i < ksize; i++) terms.push_back({continued(x - anchor + i, n, border), 1});
  return terms;
}

// The same for windows too long to walk: whole periods are counted, not walked.
inline std::vector<Term> counted_window(std::ptrdiff_t x, std::ptrdiff_t n, std::int64_t ksize, std::int64_t anchor,
                                        Border border) {
  const std::int64_t first = x - anchor, last = first + ksize - 1;
  std::vector<Term> terms;
  if (border == Border::kClamp || border == Border::kConstant || border == Border::kShrink) {
    const std::int64_t left = std::max<std::int64_t>(0, std::min<std::int64_t>(last, -1) - first + 1);
    const std::int64_t right = std::max<std::int64_t>(0, last - std::max<std::int64_t>(first, n) + 1);
    if (left) terms.push_back({continued(-1, n, border), left});
    for (std::ptrdiff_t i = 0; i < n; i++)
      if (first <= i && i <= last) terms.push_back({i, 1});
    if (right) terms.push_back({continued(n, n, border), right});
    return terms;
  }
  const std::int64_t period = border == Border::kWrap      ? n
                              : border == Border::kReflect ? 2 * n
                                                           : std::max<std::int64_t>(1, 2 * (n - 1));
  for (std::int64_t i = 0; i < period; i++)
    if (ksize / period) terms.push_back({continued(i, n, border), ksize / period});
  for (std::int64_t i = ksize / period * period; i < ksize; i++)
    terms.push_back({continued(((first + i) % period + period) % period, n, border), 1});
  return terms;
}

inline std::vector<Term> window_of(std::ptrdiff_t x, std::ptrdiff_t n, std::int64_t ksize, std::int64_t anchor,
                                   Border border) {
  return ksize <= 100 + 4 * n ? walked_window(x, n, ksize, anchor, border)
                              : counted_window(x, n, ksize, anchor, border);
}

template <class T>
std::vector<T> pixels_of(const ImageView<const T>& image) {
  std::vector<T> all(static_cast<std::size_t>(image.height * image.row_values()));
  for (std::ptrdiff_t y = 0; y < image.height; y++)  // rows may start at any address
    std::memcpy(all.data() + y * image.row_values(), static_cast<const void*>(image.row(y)),
                image.row_values() * sizeof(T));
  return all;
}

// The sum of value(pixel, channel) over every window, as [y][x][channel].
template <class Sum, class T, class Value>
std::vector<Sum> window_sums(const ImageView<const T>& image, const BoxBlurOptions& o, Value value) {
  const std::ptrdiff_t height = image.height, width = image.width, channels = image.channels;
  const std::vector<T> pixels = pixels_of(image);
  std::vector<T> outside(channels, T{0});
  if (o.border_value)
    for (std::ptrdiff_t c = 0; c < channels; c++) outside[c] = static_cast<T>(o.border_value[c]);
  const bool skip = o.border == Border::kShrink;

  std::vector<std::vector<Term>> columns;
  for (std::ptrdiff_t x = 0; x < width; x++) columns.push_back(window_of(x, width, o.ksize_x, o.anchor_x, o.border));

  std::vector<Sum> across(pixels.size(), Sum{0});  // of windows one row high
  for (std::ptrdiff_t y = 0; y < height; y++)
    for (std::ptrdiff_t x = 0; x < width; x++)
      for (const Term& term : columns[x]) {
        if (term.index == kNowhere && skip) continue;
        const T* pixel = term.index == kNowhere ? outside.data() : &pixels[(y * width + term.index) * channels];
        for (std::ptrdiff_t c = 0; c < channels; c++)
          across[(y * width + x) * channels + c] += static_cast<Sum>(term.weight) * value(pixel, c);
      }
  std::vector<Sum> across_outside(width * channels);
  for (std::ptrdiff_t i = 0; i < width * channels; i++)
    across_outside[i] = static_cast<Sum>(o.ksize_x) * value(outside.data(), i % channels);

  std::vector<Sum> sums(pixels.size(), Sum{0});
  for (std::ptrdiff_t y = 0; y < height; y++)
    for (const Term& term : window_of(y, height, o.ksize_y, o.anchor_y, o.border)) {
      if (term.index == kNowhere && skip) continue;
      const Sum* row = term.index == kNowhere ? across_outside.data() : &across[term.index * width * channels];
      for (std::ptrdiff_t i = 0; i < width * channels; i++)
        sums[y * width * channels + i] += static_cast<Sum>(term.weight) * row[i];
    }
  return sums;
}

// What the sum of output (y, x) is divided by.
inline std::int64_t window_area(std::ptrdiff_t y, std::ptrdiff_t x, std::ptrdiff_t height, std::ptrdiff_t width,
                                const BoxBlurOptions& o) {
  if (o.border != Border::kShrink) return o.ksize_x * o.ksize_y;
  const auto inside = [](std::int64_t at, std::int64_t n, std::int64_t ksize, std::int64_t anchor) {
    return std::min(n - 1, at - anchor + ksize - 1) - std::max<std::int64_t>(0, at - anchor) + 1;
  };
  return inside(x, width, o.ksize_x, o.anchor_x) * inside(y, height, o.ksize_y, o.anchor_y);
}

// quotient + rest / n, rounded once; 0 <= rest < n.
inline std::int64_t rounded(std::int64_t quotient, std::int64_t rest, std::int64_t n, Rounding rounding) {
  if (rounding == Rounding::kFloor || rest < n - rest) return quotient;
  if (rest > n - rest || rounding == Rounding::kNearest) return quotient + 1;
  return quotient + quotient % 2;
}
inline std::int64_t rounded(std::int64_t sum, std::int64_t n, Rounding rounding) {
  return rounded(sum / n, sum % n, n, rounding);
}

// Integers: the one right answer, densely packed.
template <class T>
std::vector<T> blurred(const ImageView<const T>& image, const BoxBlurOptions& o) {
  static_assert(std::is_integral_v<T>);
  const std::ptrdiff_t channels = image.channels;
  const bool premultiplied = o.alpha == Alpha::kPremultiplied;
  const std::vector<T> pixels = pixels_of(image);
  const auto sums = window_sums<std::int64_t>(image, o, [&](const T* p, std::ptrdiff_t c) {
    return premultiplied && c < 3 ? std::int64_t{p[c]} * p[3] : std::int64_t{p[c]};
  });
  std::vector<T> out(sums.size());
  for (std::size_t i = 0; i < sums.size(); i++) {
    const std::ptrdiff_t c = i % channels, x = i / channels % image.width, y = i / channels / image.width;
    std::int64_t n = window_area(y, x, image.height, image.width, o);
    if (premultiplied && c < 3) n = sums[i - c + 3];
    out[i] = n == 0 ? T{0} : static_cast<T>(rounded(sums[i], n, o.rounding));
    if (c == 3 && o.alpha == Alpha::kOpaque) out[i] = std::numeric_limits<T>::max();
    if (c == 3 && o.alpha == Alpha::kCopy) out[i] = pixels[i];
  }
  return out;
}

// The distance from |v| to the next float away from zero.
template <class T>
long double ulp(long double v) {
  const T magnitude = static_cast<T>(std::fabs(v));
  return static_cast<long double>(std::nextafter(magnitude, std::numeric_limits<T>::infinity())) - magnitude;
}

// Floats: the right answer, and how far from it a result may lie.
struct Bounded {
  long double value;
  long double tolerance;
};

template <class T>
std::vector<Bounded> blurred_within(const ImageView<const T>& image, const BoxBlurOptions& o) {
  static_assert(std::is_floating_point_v<T>);
  const std::ptrdiff_t channels = image.channels;
  const bool premultiplied = o.alpha == Alpha::kPremultiplied;
  const auto term = [&](const T* p, std::ptrdiff_t c) {
    return premultiplied && c < 3 ? static_cast<long double>(p[c]) * p[3] : static_cast<long double>(p[c]);
  };
  const std::vector<T> pixels = pixels_of(image);
  const auto sums = window_sums<long double>(image, o, term);
  const auto magnitudes =
      window_sums<long double>(image, o, [&](const T* p, std::ptrdiff_t c) { return std::fabs(term(p, c)); });
  const long double steps =
      std::log2(static_cast<long double>(o.ksize_x)) + std::log2(static_cast<long double>(o.ksize_y)) + 4;
  std::vector<Bounded> out(sums.size());
  for (std::size_t i = 0; i < sums.size(); i++) {
    const std::ptrdiff_t c = i % channels, x = i / channels % image.width, y = i / channels / image.width;
    long double n = window_area(y, x, image.height, image.width, o);
    long double factor = steps;
    if (premultiplied && c < 3) {  // two sums, products, and a division: for alpha >= 0
      n = sums[i - c + 3];
      factor = 2 * (steps + 2);
    }
    out[i] = n == 0 ? Bounded{0, 0} : Bounded{sums[i] / n, factor * ulp<T>(magnitudes[i] / n)};
    if (c == 3 && o.alpha == Alpha::kOpaque) out[i] = {1, 0};
    if (c == 3 && o.alpha == Alpha::kCopy) out[i] = {pixels[i], 0};
  }
  return out;
}

}  // namespace fastcv::reference
