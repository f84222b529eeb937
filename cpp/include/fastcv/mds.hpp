// Points from pairwise distances: gradient descent as published, and a solver that needs no learning rate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fastcv {

// Points that somebody else owns, one a row, in any strides (bytes) and at any address.
template <class T>
struct PointsView {
  const char* data = nullptr;
  std::ptrdiff_t points = 0;
  std::ptrdiff_t dimensions = 0;
  std::ptrdiff_t point_stride = 0;
  std::ptrdiff_t coordinate_stride = 0;
};

// ---- distances of known points -------------------------------------------------------------

// out[i * y.points + j] = |x_i - y_j|; out overlaps neither. Squares of differences are summed over the coordinates in
// T, so that y == x gives exactly symmetric distances with exact zeros; the relative error is at most (dimensions / 2 +
// 2) epsilon where no square leaves the range of T. Same bytes for any thread count.
template <class T>
void pairwise_distances(const PointsView<T>& x, const PointsView<T>& y, T* out, int num_threads);

// ---- one configuration moved onto another --------------------------------------------------

// y_i is about scale * rotation^T x_i + translation, with the least sum of squared errors.
struct Alignment {
  std::vector<double> rotation;     // dimensions x dimensions, row by row; orthogonal
  std::vector<double> translation;  // dimensions
  double scale = 1;
  double rmse = 0;         // root of the mean squared distance that is left
  bool reflected = false;  // rotation mirrors
};

// Kabsch's and Umeyama's solution (IEEE TPAMI 13, 1991, 376-380). Without `reflection` the rotation is proper. Both
// have the same shape, with at least one point; all finite.
Alignment procrustes(const PointsView<double>& x, const PointsView<double>& y, bool reflection, bool scale);

// ---- gradient descent ----------------------------------------------------------------------
//
//   x <- x - learning_rate G(x), all points at once, so many times, with
//   G_i = 4 sum_j (|x_i - x_j|^2 - D_ij^2) (x_i - x_j)   (s-stress),  or
//   G_i = 2 sum_j (1 - D_ij / |x_i - x_j|) (x_i - x_j)   (stress; coincident points do not move each other).
//
// The diagonal of D plays no part. loss: sum over i and j of (|x_i - x_j|^2 - D_ij^2)^2, whose gradient is 2 G, or sum
// over i < j of (|x_i - x_j| - D_ij)^2, whose gradient is G (D not symmetric: half the sum over i and j, and G is not a
// gradient).

// Symmetric or not, float or double, any strides (bytes) and any address: `points` rows and columns.
struct DistancesView {
  const void* data = nullptr;
  bool wide = false;  // double
  std::ptrdiff_t row_stride = 0;
  std::ptrdiff_t column_stride = 0;
};

enum class DescentLoss : std::uint8_t { kSstress, kStress };

template <class T>
struct DescentOptions {
  DescentLoss loss = DescentLoss::kSstress;
  double learning_rate = 0;  // finite; 0: chosen, and lowered as often as the loss rises (see descent_rate.hpp)
  std::int64_t iterations = 1000;

  // Called on the caller's thread with x (coordinate c of point i at x[c * stride + i]) and its loss before every
  // `record_every`-th step, from the first on, and after the last step; true: stop at that x.
  bool (*record)(void* context, std::int64_t iteration, const T* x, std::ptrdiff_t stride, double loss) = nullptr;
  std::int64_t record_every = 1;
  void* context = nullptr;
  int num_threads = 0;  // 0: see thread_count
};

struct DescentReport {
  std::int64_t iterations = 0;  // steps behind the result
  double learning_rate = 0;     // of the last step
  bool diverged = false;        // one more step is not finite
  bool stopped = false;         // by `record`
};

// Reads x0 (any memory, also that of `out`), writes `points` x `dimensions` values to out[i * point_stride + c *
// coordinate_stride] (bytes). At least one point and one dimension. Throws std::invalid_argument for distances that are
// negative, infinite or NaN, and for an x0 that is not finite; nothing is written then. Result: the same bytes for any
// number of threads. Memory: a copy of the distances of n^2 / 2 + 8 n values of T (up to 128 points: n^2 + 16 n); none
// where they differ by direction by more than rounding.
template <class T>
DescentReport gradient_descent(const PointsView<T>& x0, const DistancesView& distances,
                               const DescentOptions<T>& options, char* out, std::ptrdiff_t point_stride,
                               std::ptrdiff_t coordinate_stride);

}  // namespace fastcv
