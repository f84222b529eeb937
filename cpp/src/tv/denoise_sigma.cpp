#include "tv/denoise_sigma.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "fastcv/runtime.hpp"

namespace fastcv::tv {
namespace {
constexpr std::ptrdiff_t kSampledRows = 48;
}

template <class T>
double mean_slope(const PlaneShape& shape, const PlaneIo<T>& io) {
  const std::ptrdiff_t lines = shape.depth * shape.rows, step = std::max<std::ptrdiff_t>(1, lines / kSampledRows);
  std::vector<T> here(shape.columns), next(shape.columns);
  std::vector<double> square(shape.columns);
  double sum = 0;
  std::ptrdiff_t count = 0;
  for (std::ptrdiff_t y = 0; y < lines; y += step) {
    const bool last = y % shape.rows == shape.rows - 1;
    std::fill(square.begin(), square.end(), 0.0);
    for (int c = 0; c < shape.channels; c++) {
      io.read(io.context, c, y, 0, shape.columns, here.data());
      io.read(io.context, c, last ? y : y + 1, 0, shape.columns, next.data());
      for (std::ptrdiff_t x = 0; x < shape.columns; x++) {
        const double down = static_cast<double>(next[x] - here[x]);
        const double right = x + 1 < shape.columns ? static_cast<double>(here[x + 1] - here[x]) : 0;
        square[x] += down * down + right * right;
      }
    }
    for (const double s : square) {
      if (s != s) continue;  // next to a missing pixel
      sum += std::sqrt(s);
      count++;
    }
  }
  return count > 0 ? sum / static_cast<double>(count) : 0;
}

template <class T>
double noise_level(const PlaneShape& shape, const PlaneIo<T>& io, int channel) {
  const std::ptrdiff_t lines = shape.depth * shape.rows;
  const bool flat = shape.rows == 1 || shape.columns == 1;  // no 2 x 2 blocks
  std::vector<T> here(shape.columns), below(shape.columns), details;
  for (std::ptrdiff_t y = 0; y < lines; y++) {
    const bool last = y % shape.rows == shape.rows - 1;
    if (!flat && (last || y % shape.rows % 2 == 1)) continue;
    check_interrupt();
    io.read(io.context, channel, y, 0, shape.columns, here.data());
    if (!last) io.read(io.context, channel, y + 1, 0, shape.columns, below.data());
    if (flat) {
      for (std::ptrdiff_t x = 0; x + 1 < shape.columns; x += 2)
        details.push_back((here[x] - here[x + 1]) * T(M_SQRT1_2));
      if (shape.columns == 1 && !last) details.push_back((here[0] - below[0]) * T(M_SQRT1_2));
    } else {
      for (std::ptrdiff_t x = 0; x + 1 < shape.columns; x += 2) {
        details.push_back(((here[x] - here[x + 1]) - (below[x] - below[x + 1])) * T(0.5));
      }
    }
  }
  std::erase_if(details, [](T d) { return d != d; });
  if (details.empty()) return 0;
  for (T& d : details) d = std::fabs(d);
  const auto middle = details.begin() + static_cast<std::ptrdiff_t>(details.size() / 2);
  std::nth_element(details.begin(), middle, details.end());
  constexpr double kMedianOfNormal = 0.6744897501960817;
  return static_cast<double>(*middle) / kMedianOfNormal;
}

template <class T>
Moments moments(const PlaneShape& shape, const PlaneIo<T>& io, int channel) {
  std::vector<T> row(shape.columns);
  Moments m;
  for (const bool centred : {false, true}) {
    const double mean = m.mean();
    for (std::ptrdiff_t y = 0; y < shape.depth * shape.rows; y++) {
      check_interrupt();
      io.read(io.context, channel, y, 0, shape.columns, row.data());
      for (const T value : row) {
        if (value != value) continue;
        const double v = static_cast<double>(value);
        if (centred) {
          m.square += (v - mean) * (v - mean);
        } else {
          m.sum += v;
          m.lowest = std::min(m.lowest, v);
          m.highest = std::max(m.highest, v);
          m.count++;
        }
      }
    }
  }
  return m;
}

// A secant through the logarithms until the weight lies in a bracket: the residual grows with the weight, at first
// about as fast, then ever more slowly, and on images of a few flat areas hardly at all once their noise is gone, until
// the areas' own contrast shrinks. From there on its square is a + b weight^2: so it is interpolated within the
// bracket.
void WeightSearch::saw(double rms) {
  const Point here{std::log(weight_), std::log(std::max(rms, 1e-300) / sigma_)};
  met_ = std::fabs(rms / sigma_ - 1) <= kTolerance;
  if (last_ && std::fabs(here.x - last_->x) > kTolerance) {
    slope_ = std::clamp((here.y - last_->y) / (here.x - last_->x), 0.02, 1.5);
  }
  last_ = here;
  (here.y < 0 ? low_ : high_) = here;
  double next = here.x - std::clamp(here.y / slope_, -2.0, 2.0);
  if (low_ && high_ && low_->x < high_->x) {
    const double low = std::exp(2 * low_->y), high = std::exp(2 * high_->y), share = (1 - low) / (high - low);
    const double width = high_->x - low_->x, margin = 0.05 * width;
    next = std::clamp(low_->x + 0.5 * std::log1p(std::expm1(2 * width) * share), low_->x + margin, high_->x - margin);
  }
  weight_ = std::exp(next);
}

template double mean_slope(const PlaneShape&, const PlaneIo<float>&);
template double mean_slope(const PlaneShape&, const PlaneIo<double>&);
template double noise_level(const PlaneShape&, const PlaneIo<float>&, int);
template double noise_level(const PlaneShape&, const PlaneIo<double>&, int);
template Moments moments(const PlaneShape&, const PlaneIo<float>&, int);
template Moments moments(const PlaneShape&, const PlaneIo<double>&, int);

}  // namespace fastcv::tv
