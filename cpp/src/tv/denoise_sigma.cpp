#include "tv/denoise_sigma.hpp"

#include <algorithm>
#include <vector>

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

template double mean_slope(const PlaneShape&, const PlaneIo<float>&);
template double mean_slope(const PlaneShape&, const PlaneIo<double>&);

}  // namespace fastcv::tv
