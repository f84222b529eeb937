// Points from pairwise distances: gradient descent as published, and a solver that needs no learning rate.
#pragma once

#include <cstddef>
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

}  // namespace fastcv
