// What is measured of an image before it is denoised: how rough it is, and how noisy.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
#include <vector>

#include "tv/denoise_plane.hpp"

namespace fastcv::tv {

// The mean of |grad f| over a sample of the rows, missing pixels left out. 0 where there are no two pixels to compare.
template <class T>
double mean_slope(const PlaneShape& shape, const PlaneIo<T>& io);

// The standard deviation of white noise in a plane of one channel: the median magnitude of its finest diagonal
// differences (a - b - c + d) / 2, over that of the normal distribution (D. Donoho and I. Johnstone, Biometrika 81,
// 1994). Single rows and columns: of neighbours' differences.
template <class T>
double noise_level(const PlaneShape& shape, const PlaneIo<T>& io, int channel);

struct Moments {
  double sum = 0, square = 0;  // square: of the distances from the mean
  double lowest = std::numeric_limits<double>::infinity(), highest = -lowest;
  std::ptrdiff_t count = 0;
  // Rounding must not carry it out of the values' range: the mean of a constant is that constant.
  double mean() const { return count > 0 ? std::clamp(sum / static_cast<double>(count), lowest, highest) : 0; }
};
// Of the measured pixels.
template <class T>
Moments moments(const PlaneShape& shape, const PlaneIo<T>& io, int channel);

// The search for the weight at which the root mean square of u - f is sigma.
class WeightSearch {
 public:
  explicit WeightSearch(double sigma) : sigma_(sigma), weight_(0.8 * sigma) {}
  double weight() const { return weight_; }
  bool met() const { return met_; }
  // Takes what `weight` led to; sets the next one.
  void saw(double rms);
  void stay(double weight) { weight_ = weight; }

 private:
  static constexpr double kTolerance = 0.01;
  double sigma_, weight_;
  // Logarithms: of the weight, and of rms / sigma.
  struct Point {
    double x, y;
  };
  std::optional<Point> last_, low_, high_;
  double slope_ = 0.7;
  bool met_ = false;
};

}  // namespace fastcv::tv
