#include "tv/denoise_constant.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "fastcv/runtime.hpp"

namespace fastcv::tv {

template <class T>
Range<T> row_sums(const PlaneShape& shape, const PlaneIo<T>& io, double* sums) {
  std::vector<T> room(shape.columns);
  Range<T> range;
  for (int c = 0; c < shape.channels; c++) {
    range.low[c] = std::numeric_limits<T>::infinity();
    range.high[c] = -range.low[c];
    for (std::ptrdiff_t y = 0; y < shape.rows; y++) {
      check_interrupt();
      const T* row = io.row(c, y, 0, shape.columns, room.data());
      double sum = 0;
      for (std::ptrdiff_t x = 0; x < shape.columns; x++) {
        sum += static_cast<double>(row[x]);
        range.low[c] = std::min(range.low[c], row[x]);
        range.high[c] = std::max(range.high[c], row[x]);
      }
      sums[y * shape.channels + c] = sum;
    }
  }
  return range;
}

template <class T>
ConstantProof<T>::ConstantProof(const PlaneShape& shape, const double* sums, const Range<T>& range)
    : shape_(shape), row_means_(sums, sums + shape.rows * shape.channels), down_(row_means_.size()) {
  for (int c = 0; c < shape.channels; c++) {
    double sum = 0;
    for (std::ptrdiff_t y = 0; y < shape.rows; y++) {
      double& of_row = row_means_[y * shape.channels + c];
      sum += of_row;
      of_row /= static_cast<double>(shape.columns);
    }
    // Rounding must not carry it out of the pixels' range: the mean of a constant is that constant.
    exact_mean_.push_back(std::clamp(sum / static_cast<double>(shape.pixels()), static_cast<double>(range.low[c]),
                                     static_cast<double>(range.high[c])));
    double down = 0;
    for (std::ptrdiff_t y = 0; y + 1 < shape.rows; y++) {
      down += static_cast<double>(mean(c)) - row_mean(c, y);
      down_[y * shape.channels + c] = down;
    }
  }
}

template <class T>
double ConstantProof<T>::norm(const PlaneIo<T>& io, std::ptrdiff_t y, std::ptrdiff_t io_row, double* squares) const {
  std::vector<T> room(shape_.columns);
  std::vector<double> norm(shape_.columns);
  for (int c = 0; c < shape_.channels; c++) {
    const T* row = io.row(c, io_row, 0, shape_.columns, room.data());
    const double of_row = row_mean(c, y), beside = std::fabs(down(c, y));
    double along = 0, square = 0;
    for (std::ptrdiff_t x = 0; x < shape_.columns; x++) {
      const double v = static_cast<double>(row[x]), off = v - exact_mean_[c];
      along = x + 1 < shape_.columns ? along + (of_row - v) : 0;
      norm[x] += beside + std::fabs(along);  // above every norm in use
      square += off * off;
    }
    squares[c] = square;
  }
  return *std::max_element(norm.begin(), norm.end());
}

template <class T>
Certificate ConstantProof<T>::certificate(const double* squares, double largest) const {
  const double n = static_cast<double>(shape_.pixels());
  double gap = 0;
  Certificate result;
  for (int c = 0; c < shape_.channels; c++) {
    const double off = static_cast<double>(mean(c)) - exact_mean_[c];
    gap += 0.5 * n * off * off;
    double square = 0;
    for (std::ptrdiff_t y = 0; y < shape_.rows; y++) square += squares[y * shape_.channels + c];
    result.residual += square + n * off * off;
  }
  result.objective = 0.5 * result.residual;
  // q is written with rounding, as the largest norm allows.
  const double off = 4 * static_cast<double>(std::numeric_limits<T>::epsilon()) * largest;
  result.gap = gap > 0 || result.residual > 0 ? gap + 0.5 * n * shape_.channels * off * off : 0;
  return result;
}

template <class T>
void ConstantProof<T>::write_dual(const PlaneIo<T>& io, int channel, std::ptrdiff_t y, const PlaneDual<T>& dual) const {
  T *q0 = dual.row(channel, 0, y), *q1 = dual.row(channel, 1, y);
  std::fill_n(q0, shape_.columns, static_cast<T>(down(channel, y)));
  io.read(io.context, channel, y, 0, shape_.columns, q1);
  const double of_row = row_mean(channel, y);
  double along = 0;
  for (std::ptrdiff_t x = 0; x < shape_.columns; x++) {
    along = x + 1 < shape_.columns ? along + (of_row - static_cast<double>(q1[x])) : 0;
    q1[x] = static_cast<T>(along);
  }
}

template Range<float> row_sums(const PlaneShape&, const PlaneIo<float>&, double*);
template Range<double> row_sums(const PlaneShape&, const PlaneIo<double>&, double*);
template class ConstantProof<float>;
template class ConstantProof<double>;

}  // namespace fastcv::tv
