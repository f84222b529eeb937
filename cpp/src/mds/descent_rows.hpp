// The gradient of some points against all, read from rows of the distances in place.
#pragma once

#include <vector>

#include "fastcv/runtime.hpp"
#include "mds/descent_kernels.hpp"
#include "mds/descent_slope.hpp"
#include "mds/pairs.hpp"

namespace fastcv::mds {

// The table has `rows` rows, of the points from `first` on, and `points` columns. In positions and gradients,
// coordinate after coordinate, those points stand a second time from `own` on, a multiple of kTile: where the table is
// whole, own and first are 0, and they are the same.
struct RowsPlace {
  std::ptrdiff_t rows, first, own, points;
  std::ptrdiff_t stride() const { return own + padded(rows); }
};

template <class T>
class RowsGradient {
 public:
  RowsGradient(DescentLoss loss, const RowsPlace& place, int dimensions, const PairTable& table, int threads);
  // Of the rows: G into g (the points' second place), and the loss, over these rows' ordered pairs.
  double gradient(const T* x, T* g);

 private:
  void gather(std::ptrdiff_t row, std::ptrdiff_t begin, std::ptrdiff_t end, T* tile) const;

  DescentLoss loss_;
  LanesKernels<T> kernels_;
  PairPasses<T> passes_;
  RowsPlace place_;
  int dimensions_;
  PairTable table_;
  std::ptrdiff_t blocks_;
  int threads_;
  std::vector<double> values_;
  Scratch memory_;
};

extern template class RowsGradient<float>;
extern template class RowsGradient<double>;

}  // namespace fastcv::mds
