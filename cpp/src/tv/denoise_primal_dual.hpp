// The solver with a proof, for everything: Chambolle and Pock's accelerated primal-dual method (JMIV 40, 2011,
// algorithm 2; algorithm 1 where pixels are missing, for then the problem is not strongly convex). Two or three axes of
// space, any number of joint channels, a weight for each pixel, missing pixels.
//
//   q <- projection of q + sigma grad ubar onto |q| <= weight
//   u <- the nearest to (u + tau (f + div q)) / (1 + tau) within [min f, max f]; missing pixels: to u + tau div q
//   ubar = u + theta (u - u_before),   theta = 1 / sqrt(1 + 2 gamma tau), tau <- theta tau, sigma <- sigma / theta
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "fastcv/runtime.hpp"
#include "tv/denoise_plane.hpp"

namespace fastcv::tv {

// One line of pixels: pointers to the first one of channel 0. Lines have a vector's room in front (zeros in q) and
// behind.
template <class T>
struct Line {
  T *u, *bar, *f;
  T* q[3];                  // by axis, x last
  const T* before[3];       // q of the line before this one along an axis other than x, or null
  std::ptrdiff_t after[3];  // from this line to the next along such an axis, 0 at the far edge
  const T* weight;          // null: job.weight
};

template <class T>
struct PrimalDualJob {
  std::ptrdiff_t columns, channel_step;
  int channels, axes;
  bool isotropic;
  T weight, dual_share;  // |q| <= dual_share * weight; a few ulp less than 1
  T sigma, tau, shrink;  // shrink: 1 / (1 + tau)
  T theta;
  const T *low, *high;  // by channel
};

template <class T>
struct PrimalDualKernels {
  int lanes;
  void (*dual)(const PrimalDualJob<T>& job, const Line<T>& line);
  void (*primal)(const PrimalDualJob<T>& job, const Line<T>& line);
  void (*check)(const PrimalDualJob<T>& job, const Line<T>& line, Sums* sums);
};
template <class T>
PrimalDualKernels<T> primal_dual_kernels();

// Its sums hold the weight already.
template <class T>
Certificate certify_primal_dual(const Sums& total, const PlaneShape& shape, const Range<T>& range, double weight) {
  double reach = 0;
  for (int c = 0; c < shape.channels; c++) {
    reach = std::max(reach, static_cast<double>(range.high[c]) - static_cast<double>(range.low[c]));
  }
  return certify<T>(total, shape, 1, reach + 2 * shape.axes() * weight);
}

template <class T>
class PrimalDualSolver {
 public:
  // weights: one a pixel of space, times `weight`; or null.
  PrimalDualSolver(const PlaneShape& shape, double weight, const T* weights, int threads);
  void load(const PlaneIo<T>& io);
  void set_weight(double weight);  // without weights a pixel: starts from what was reached
  void start(const PlaneDual<T>& dual);
  void run(std::int64_t iterations);
  Certificate check(const PlaneIo<T>& io, const PlaneDual<T>* dual);

  // For a plane in parts. The sums alone, row by row.
  std::vector<Sums> check_rows(const PlaneIo<T>& io, const PlaneDual<T>* dual) const;
  // What a row consists of: u, ubar, and q's components.
  static constexpr int kFields = 4;
  void take(int channel, std::ptrdiff_t y, T* const* fields) const;
  void put(int channel, std::ptrdiff_t y, const T* const* fields);
  // As after so many iterations.
  void resume(std::int64_t before);
  void set_range(const Range<T>& range) { range_ = range; }

 private:
  Line<T> line(std::ptrdiff_t y) const;
  T* at(int field, int channel, std::ptrdiff_t y) const;
  void fill_missing();
  void pad(T* row) const;
  void reset_steps();
  void next_steps();
  PrimalDualJob<T> job() const;
  template <class Fn>
  void each_line(const Fn& fn) const;

  PlaneShape shape_;
  int threads_;
  PrimalDualKernels<T> kernels_;
  std::ptrdiff_t lines_, pitch_, plane_;
  std::optional<Scratch> state_;
  T *fields_ = nullptr, *weights_ = nullptr;
  Range<T> range_{};
  double weight_, largest_weight_;
  double tau_ = 1, sigma_ = 1, theta_ = 1, gamma_ = 0;
  std::ptrdiff_t missing_ = 0;
};

}  // namespace fastcv::tv
