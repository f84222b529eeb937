// What Preprocessor must compute, from the formulas in its header, pixel by pixel in double. Slow on purpose.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "fastcv/preprocess.hpp"

namespace fastcv::reference {

using Weights = std::map<std::ptrdiff_t, double>;  // pixel -> weight

inline double kernel_at(Interpolation interpolation, bool antialias, double t) {
  const double pi = 3.14159265358979323846, x = std::fabs(t);
  if (interpolation == Interpolation::kBilinear) return x < 1 ? 1 - x : 0;
  if (interpolation == Interpolation::kBicubic) {
    const double a = antialias ? -0.5 : -0.75;
    if (x <= 1) return (a + 2) * x * x * x - (a + 3) * x * x + 1;
    return x < 2 ? a * x * x * x - 5 * a * x * x + 8 * a * x - 4 * a : 0;
  }
  if (x >= 3) return 0;
  return x == 0 ? 1 : 3 * std::sin(pi * x) * std::sin(pi * x / 3) / (pi * pi * x * x);
}

// The pixels that resized pixel i is made of.
inline Weights weights_of(const AxisPlacement& axis, Interpolation interpolation, bool antialias, std::ptrdiff_t i) {
  const std::ptrdiff_t n = axis.source, length = axis.resized;
  const double step = axis.exact ? static_cast<double>(n) / static_cast<double>(length) : axis.step;
  const double centre = axis.exact ? static_cast<double>((2 * i + 1) * n) / (2.0 * static_cast<double>(length))
                                   : (static_cast<double>(i) + 0.5) * step;
  Weights w;
  if (interpolation == Interpolation::kNearest) {
    w[i * n / length] = 1;
  } else if (interpolation == Interpolation::kNearestExact) {
    w[std::min(n - 1, (2 * i + 1) * n / (2 * length))] = 1;
  } else if (interpolation == Interpolation::kArea) {
    for (std::ptrdiff_t j = i * n / length; j < n && j * length < (i + 1) * n; j++) {
      const std::ptrdiff_t covered = std::min((i + 1) * n, (j + 1) * length) - std::max(i * n, j * length);
      if (covered > 0) w[j] = static_cast<double>(covered);
    }
  } else if (!antialias) {
    const auto middle = static_cast<std::ptrdiff_t>(std::floor(centre));
    for (std::ptrdiff_t j = middle - 5; j <= middle + 5; j++) {
      const double v = kernel_at(interpolation, false, static_cast<double>(j) + 0.5 - centre);
      if (v != 0) w[std::clamp<std::ptrdiff_t>(j, 0, n - 1)] += v;
    }
  } else {
    const double width = std::max(1.0, step);
    const double support = width * (interpolation == Interpolation::kBilinear  ? 1
                                    : interpolation == Interpolation::kBicubic ? 2
                                                                               : 3);
    // Pillow rounds the ends of the support to pixels.
    const auto first = std::max<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(centre - support + 0.5));
    const auto last = std::min<std::ptrdiff_t>(n, static_cast<std::ptrdiff_t>(centre + support + 0.5));
    for (std::ptrdiff_t j = first; j < last; j++)
      w[j] = kernel_at(interpolation, true, (static_cast<double>(j) + 0.5 - centre) / width);
  }
  double sum = 0;
  for (const auto& [j, v] : w) sum += v;
  for (auto& [j, v] : w) v /= sum;
  return w;
}

struct Answer {
  double value;  // of the output
  double level;  // what one unit of the input's pixels is worth in the output; 0 for padding
};

inline double channel_of(const std::vector<double>& values, std::ptrdiff_t k) {
  return values.size() == 1 ? values[0] : values[static_cast<std::size_t>(k)];
}

// Channel-first answers for an image of `values` (height x width x channels) whose type's largest value is `top` (255,
// 65535, or 1 for floats).
inline std::vector<Answer> preprocessed(const std::vector<double>& values, std::ptrdiff_t channels, double top,
                                        const PreprocessOptions& o, const Placement& p) {
  const std::ptrdiff_t out_channels = o.channels == 3 ? 3 : channels;
  const double scale = !std::isnan(o.scale) ? o.scale : o.dtype == PixelType::kUint8 ? 1 : 1 / top;
  std::vector<Weights> columns, rows;
  for (std::ptrdiff_t i = 0; i < p.x.count; i++)
    columns.push_back(weights_of(p.x, o.interpolation, o.antialias, p.x.first + i));
  for (std::ptrdiff_t i = 0; i < p.y.count; i++)
    rows.push_back(weights_of(p.y, o.interpolation, o.antialias, p.y.first + i));
  const bool clipped =
      o.clip && top > 1 && (o.interpolation == Interpolation::kBicubic || o.interpolation == Interpolation::kLanczos);
  std::vector<Answer> answers;
  for (std::ptrdiff_t k = 0; k < out_channels; k++) {
    std::ptrdiff_t from = channels == 1 ? 0 : k;
    if (o.reverse_channels && channels > 1) from = out_channels - 1 - k;
    const double divisor = channel_of(o.std, k) + o.std_eps;
    const auto normalised = [&](double pixel) { return (pixel * scale - channel_of(o.mean, k)) / divisor; };
    for (std::ptrdiff_t y = 0; y < p.y.size; y++)
      for (std::ptrdiff_t x = 0; x < p.x.size; x++) {
        const std::ptrdiff_t row = y - p.y.offset, column = x - p.x.offset;
        if (row < 0 || row >= p.y.count || column < 0 || column >= p.x.count) {
          const double pad = channel_of(o.pad_value, k);
          answers.push_back({o.pad_normalized ? pad : normalised(pad * top / 255), 0});
          continue;
        }
        double sum = 0;
        for (const auto& [j, wy] : rows[row])
          for (const auto& [i, wx] : columns[column]) sum += wy * wx * values[(j * p.x.source + i) * channels + from];
        if (clipped) sum = std::clamp(sum, 0.0, top);
        answers.push_back({normalised(sum), std::fabs(scale / divisor)});
      }
  }
  return answers;
}

}  // namespace fastcv::reference
