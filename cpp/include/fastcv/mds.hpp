// Points from pairwise distances: gradient descent as published, and a solver that needs no learning rate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace fastcv {

// ---- mds -----------------------------------------------------------------------------------

enum class MdsLoss : std::uint8_t {
  kStress,   // sum over i < j of w (d - D)^2, with d the distance of the points found
  kSstress,  // sum over i < j of w (d^2 - D^2)^2
  kRobust,   // stress whose terms are bounded: graduated Geman-McClure, for distances of which some are wrong
};

enum class MdsInit : std::uint8_t {
  kClassical,  // classical scaling; with missing distances what the solver knows to start well from them
  kRandom,     // `start` holds numbers in [0, 1), which are scaled to the distances
  kGiven,      // `start` holds positions
};

// n x n numbers wherever they lie: strides in bytes, of any sign.
template <class T>
struct MatrixView {
  const T* data = nullptr;
  std::ptrdiff_t row_stride = 0;
  std::ptrdiff_t column_stride = 0;

  const T& operator()(std::ptrdiff_t i, std::ptrdiff_t j) const {
    return *reinterpret_cast<const T*>(reinterpret_cast<const char*>(data) + i * row_stride + j * column_stride);
  }
};

// What was measured. Either a matrix or a list of pairs; T is the type of all arithmetic.
template <class T>
struct MdsProblem {
  std::ptrdiff_t points = 0;

  // A matrix: the diagonal is ignored, NaN is missing (a pair of which one entry is NaN has the other's distance).
  MatrixView<T> distances;
  MatrixView<T> weights;  // no data: all 1. Symmetric, at least 0 and finite; 0: missing.
  bool symmetrize = false;

  // Or a list of measured pairs (`distances.data` is null): i != j, or ignored; a pair given twice, in whichever
  // order, must agree.
  std::ptrdiff_t pairs = 0;
  const std::int64_t* first = nullptr;
  const std::int64_t* second = nullptr;
  const T* pair_distances = nullptr;
  const T* pair_weights = nullptr;  // null: all 1

  // Points whose positions are known and fixed; the result is in their frame.
  std::ptrdiff_t anchors = 0;
  const std::int64_t* anchor_points = nullptr;  // distinct, in [0, points)
  const T* anchor_positions = nullptr;          // anchors x dimensions, row after row
};

template <class T>
struct MdsOptions {
  int dimensions = 2;
  MdsLoss loss = MdsLoss::kStress;
  MdsInit init = MdsInit::kClassical;
  const T* start = nullptr;  // points x dimensions, row after row
  std::uint64_t seed = 0;    // of what a solver draws itself (further starts)
  std::int64_t max_iter = 300;
  double tol = 1e-6;  // stop when an estimated share of at most so much of the loss is left to gain
  int num_threads = 0;

  // After each accepted step, on the calling thread: positions (points x dimensions, row after row) and the loss.
  // True stops.
  bool (*callback)(void* context, std::int64_t iteration, const T* x, double loss) = nullptr;
  void* context = nullptr;
};

struct MdsReport {
  double stress = 0;             // sum over i < j of w (d - D)^2 of the result, computed afresh in double
  double normalized_stress = 0;  // sqrt(stress / sum w D^2), 0 where both are 0
  std::int64_t iterations = 0;   // accepted steps of the run that was best
  bool converged = false;
  bool unique = true;  // no other arrangement, up to rigid motion and reflection (with anchors: none), is known to fit
  std::string reason;  // why it stopped
};

// Positions of least loss: `embedding` is points x dimensions, row after row, centred where there are no anchors.
// `stress_per_point`: sum over j of w (d - D)^2, so that its sum is twice the stress. Neither overlaps the input.
// The loss never rises from one accepted step to the next. The same bytes for any number of threads.
// Throws std::invalid_argument, "mds: distances must be ...", for what cannot be used, and std::domain_error for a
// start so far from the distances that its loss overflows: nothing is written then. (Not called mds: that is the
// namespace of the room.)
template <class T>
MdsReport solve_mds(const MdsProblem<T>& problem, const MdsOptions<T>& options, T* embedding, double* stress_per_point);

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
  double scale = 1;                 // at least 0
  double rmse = 0;                  // root of the mean squared distance that is left
  bool reflected = false;           // rotation mirrors
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
// number of threads. Memory: a copy of the distances of n^2 / 2 + 8 n values of T (up to 256 points all of them before:
// about 3/2 n^2); none where they differ by direction by more than rounding.
template <class T>
DescentReport gradient_descent(const PointsView<T>& x0, const DistancesView& distances,
                               const DescentOptions<T>& options, char* out, std::ptrdiff_t point_stride,
                               std::ptrdiff_t coordinate_stride);

// ---- distances that lie elsewhere ----------------------------------------------------------

// A complete symmetric matrix that the caller holds, perhaps a few rows on each of many machines.
class RemoteDistances {
 public:
  virtual ~RemoteDistances() = default;

  // The rows of some points, one after another, each of `points` values.
  virtual void rows(const std::vector<std::ptrdiff_t>& which, double* out) = 0;
  // At x (points x dimensions, row after row): returns the stress, its gradient in g.
  virtual double gradient(const double* x, double* g) = 0;
  // Sums over j of (d - D)^2; returns the largest |d - D|.
  virtual double residuals(const double* x, double* per_point) = 0;

  std::ptrdiff_t points = 0;
  double largest = 0;      // of the distances; the diagonal is ignored, all are at least 0
  double sum_squares = 0;  // of the distances, pairs once
};

// The steps that solve_mds takes for such a matrix of double when it has a callback (without, it goes through float32
// at some sizes), but for the rounding of gradient(): stress, weights 1, init kClassical or kGiven. Only gradient() is
// called again and again. What is thrown there comes out. The unit must be such that fourth powers of distances,
// summed, are far from the ends of double.
MdsReport solve_mds(RemoteDistances& distances, const MdsOptions<double>& options, double* embedding,
                    double* stress_per_point);

// Some of its rows, contiguous each: those of the points from `first` on.
struct DistanceRows {
  const void* data = nullptr;
  bool wide = false;              // double; else float
  std::ptrdiff_t row_stride = 0;  // bytes
  std::ptrdiff_t rows = 0, first = 0, points = 0;
};

// What those rows contribute, in double, at x (points x dimensions, row after row). G of gradient_descent into g (rows
// x dimensions); returns these rows' share of the loss. The same bytes for any number of threads.
double rows_gradient(const DistanceRows& rows, DescentLoss loss, int dimensions, const double* x, double* g,
                     int num_threads);
// Each row's sum over j of (d - D)^2; returns the largest |d - D|.
double rows_residuals(const DistanceRows& rows, int dimensions, const double* x, double* per_point, int num_threads);

}  // namespace fastcv
