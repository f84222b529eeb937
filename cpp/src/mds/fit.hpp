// How well positions fit a matrix of distances: each point's share, in float64, straight from the matrix.
#pragma once

#include "fastcv/mds.hpp"

namespace fastcv::mds {

template <class T>
struct FitInput {
  MatrixView<T> distances;
  MatrixView<T> weights;  // no data: all 1
  bool average = false;   // of the entries (i, j) and (j, i); false: they are the same, as far as anybody needs to know
  std::ptrdiff_t points = 0;
  int dimensions = 0;
  const T* x = nullptr;  // coordinate after coordinate
  std::ptrdiff_t stride = 0;
};

struct Fit {
  double stress = 0;            // sum over i < j of w (d - D)^2; NaN where a distance is
  double squares = 0;           // sum over i < j of w D^2
  double largest_residual = 0;  // max |d - D|
  double least = 0;             // of the distances
};

// The diagonal is not looked at, nothing may be missing. Exact square roots of direct differences: an error of a few
// ulp of float64 in d. `per_point[i]`: sum over j of w (d - D)^2. The same bytes for any number of threads.
// `rows`: only so many of the first, against all; the sums are of those.
template <class T>
Fit fit(const FitInput<T>& input, std::ptrdiff_t rows, double* per_point, int threads);

// The same of `rows` rows that begin with that of point `first`: all that input.distances and input.weights hold. In
// place of input.x positions in double, at a stride of padded(points).
template <class T>
Fit fit_from(const FitInput<T>& input, const double* x, std::ptrdiff_t first, std::ptrdiff_t rows, double* per_point,
             int threads);

}  // namespace fastcv::mds
