#include "mds/descent_rate.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace fastcv::mds {
namespace {

constexpr double kStressShare = 0.9, kSstressShare = 0.75;
constexpr int kMostLowered = 60;

// mean s^2 / mean s over pairs of points, s = |x_i - x_j|^2, by moments.
template <class T>
double quotient_of(const T* x, std::ptrdiff_t stride, std::ptrdiff_t points, int dimensions) {
  const double n = static_cast<double>(points);
  std::vector<double> mean(dimensions), norm(points);
  double squares = 0, fourths = 0, products = 0;
  for (int c = 0; c < dimensions; c++) {
    for (std::ptrdiff_t i = 0; i < points; i++) mean[c] += x[c * stride + i] / n;
    for (std::ptrdiff_t i = 0; i < points; i++) {
      const double v = x[c * stride + i] - mean[c];
      norm[i] += v * v;
    }
  }
  for (const double v : norm) squares += v, fourths += v * v;
  for (int c = 0; c < dimensions; c++)
    for (int e = 0; e < dimensions; e++) {
      double product = 0;
      for (std::ptrdiff_t i = 0; i < points; i++)
        product += (x[c * stride + i] - mean[c]) * (x[e * stride + i] - mean[e]);
      products += product * product;
    }
  const double sum = 2 * n * squares, sum_squares = 2 * n * fourths + 2 * squares * squares + 4 * products;
  return sum > 0 ? sum_squares / sum : 0;
}

}  // namespace

AutoRate::AutoRate(DescentLoss loss, std::ptrdiff_t points, const DistanceSums& sums, double epsilon)
    : loss_(loss),
      points_(static_cast<double>(points)),
      quotient_(sums.squares > 0 ? sums.fourths / sums.squares : 0),
      // At the loss that rounding leaves, it goes up and down.
      floor_(1000 * epsilon * epsilon * (loss == DescentLoss::kSstress ? 2 * sums.fourths : sums.squares)),
      // Without symmetry the steps do not follow the loss's gradient.
      slack_(sums.symmetric ? 1 + 1e-3 : 2) {}

template <class T>
double AutoRate::rate(const T* x, std::ptrdiff_t stride, int dimensions) {
  if (loss_ == DescentLoss::kStress) return share_ * kStressShare / points_;
  double steepest = quotient_;
  if (!settled_) {
    steepest = std::max(
        quotient_, 1.5 * quotient_of(x, stride, static_cast<std::ptrdiff_t>(points_), dimensions) - 0.5 * quotient_);
    settled_ = steepest <= 1.1 * quotient_;
  }
  return steepest > 0 ? share_ * kSstressShare * 2 / (8 * points_ * steepest) : 0;
}

bool AutoRate::accept(double loss) {
  if (!std::isfinite(loss)) return false;
  if (last_ >= 0 && loss > slack_ * last_ + floor_) return false;
  last_ = loss;
  return true;
}

bool AutoRate::lower() {
  share_ /= 2;
  return ++lowered_ <= kMostLowered;
}

template double AutoRate::rate(const float*, std::ptrdiff_t, int);
template double AutoRate::rate(const double*, std::ptrdiff_t, int);

}  // namespace fastcv::mds
