// A weight so large that the mean is the optimum: the dual field that proves it can be written down. Within a row it
// sums up the distances from the row's mean, and down the columns those of the rows' means from the mean.
#pragma once

#include <cstddef>
#include <vector>

#include "tv/denoise_plane.hpp"

namespace fastcv::tv {

// The sum of each row's pixels, row by row, channels side by side; returns their range.
template <class T>
Range<T> row_sums(const PlaneShape& shape, const PlaneIo<T>& io, double* sums);

template <class T>
class ConstantProof {
 public:
  // slope: the mean |grad f|.
  static bool has_hope(double weight, double slope) { return weight > 0 && weight >= 8 * slope; }

  // Of the whole image: its shape, its rows' sums, its range.
  ConstantProof(const PlaneShape& shape, const double* sums, const Range<T>& range);
  T mean(int channel) const { return static_cast<T>(exact_mean_[channel]); }

  // Above every norm of q in row y, which `io` calls `io_row`. squares: a channel's sum of squared distances from its
  // mean.
  double norm(const PlaneIo<T>& io, std::ptrdiff_t y, std::ptrdiff_t io_row, double* squares) const;
  // The largest norm of all rows; rounding of the sums, and of q where it is written, stays far below the margin.
  bool holds(double weight, double largest) const { return largest <= weight * (1 - 1e-5); }
  // squares: of all rows, as norm() made them.
  Certificate certificate(const double* squares, double largest) const;
  void write_dual(const PlaneIo<T>& io, int channel, std::ptrdiff_t y, const PlaneDual<T>& dual) const;

 private:
  double row_mean(int channel, std::ptrdiff_t y) const { return row_means_[y * shape_.channels + channel]; }
  double down(int channel, std::ptrdiff_t y) const { return down_[y * shape_.channels + channel]; }

  PlaneShape shape_;
  std::vector<double> exact_mean_;
  std::vector<double> row_means_, down_;  // row by row, channels side by side
};

}  // namespace fastcv::tv
