// Distances that differ by direction, or of which only some rows are here: lanes are points.
#include "mds/descent_rows.hpp"

#include <algorithm>

#include "mds/descent_few.hpp"
#include "mds/fit.hpp"
#include "mds/pairs_table.hpp"
#include "mds/solve.hpp"

namespace fastcv::mds {
namespace {

constexpr std::ptrdiff_t kColumns = 1024;  // that are gathered at a time: 64 KiB of float
constexpr std::ptrdiff_t kBlocksPerThread = 16;

}  // namespace

template <class T>
RowsGradient<T>::RowsGradient(DescentLoss loss, const RowsPlace& place, int dimensions, const PairTable& table,
                              int threads)
    : loss_(loss),
      kernels_(lanes_kernels<T>(pair_loss(loss), dimensions)),
      passes_(pair_passes<T>()),
      place_(place),
      dimensions_(dimensions),
      table_(table),
      blocks_(padded(place.rows) / kTile),
      threads_(threads),
      values_(blocks_),
      memory_(static_cast<std::size_t>(band_count(blocks_, kBlocksPerThread, threads) * kColumns * kTile) * sizeof(T)) {
}

template <class T>
double RowsGradient<T>::gradient(const T* x, T* g) {
  const std::ptrdiff_t stride = place_.stride();
  parallel_rows(blocks_, kBlocksPerThread, threads_, [&](Band& band) {
    T* tile = reinterpret_cast<T*>(memory_.data()) + band.index * kColumns * kTile;
    const LanesJob<T> job{place_.own + place_.rows, stride, dimensions_, tile, const_cast<T*>(x), g, T(0)};
    for (std::ptrdiff_t block = band.begin; block < band.end; block++) {
      values_[block] = 0;
      for (std::ptrdiff_t begin = 0; begin < place_.points; begin += kColumns) {
        band.checkpoint();
        const std::ptrdiff_t end = std::min(begin + kColumns, place_.points);
        gather(block * kTile, begin, end, tile);
        values_[block] += kernels_.block(job, place_.own / kTile + block, begin, end);
      }
      for (int c = 0; c < dimensions_; c++) {
        T* const sums = g + c * stride + place_.own + block * kTile;
        for (std::ptrdiff_t i = 0; i < kTile; i++) sums[i] *= kernels_.gradient_factor;
      }
    }
  });
  double value = 0;
  for (const double v : values_) value += v;
  return value * ordered_factor(loss_, kernels_);
}

// D_ij for 16 rows i and columns j from begin to end, as [j][i].
template <class T>
void RowsGradient<T>::gather(std::ptrdiff_t row, std::ptrdiff_t begin, std::ptrdiff_t end, T* tile) const {
  const std::ptrdiff_t rows = std::min(kTile, place_.rows - row), point = place_.first + row;
  if (rows < kTile) std::fill_n(tile, (end - begin) * kTile, T(0));
  copy_tile<T>(passes_, table_, row, begin, rows, end - begin, 1, kTile, tile);
  for (std::ptrdiff_t j = std::max(point, begin); j < std::min(point + rows, end); j++)
    tile[(j - begin) * kTile + j - point] = 0;
  if (loss_ == DescentLoss::kSstress) negate_squares(tile, (end - begin) * kTile);
}

template class RowsGradient<float>;
template class RowsGradient<double>;

}  // namespace fastcv::mds

namespace fastcv {

double rows_gradient(const DistanceRows& rows, DescentLoss loss, int dimensions, const double* x, double* g,
                     int num_threads) {
  const mds::RowsPlace place{rows.rows, rows.first, mds::padded(rows.points), rows.points};
  const std::ptrdiff_t stride = place.stride();
  const std::ptrdiff_t values = checked_mul(stride, dimensions, "gradient_descent: positions");
  Scratch memory(static_cast<std::size_t>(checked_mul(values, 2 * sizeof(double), "gradient_descent: positions")));
  auto *const positions = reinterpret_cast<double*>(memory.data()), *const sums = positions + values;
  mds::to_coordinates(x, rows.points, dimensions, positions, stride);
  for (int c = 0; c < dimensions; c++) {
    std::copy_n(positions + c * stride + rows.first, rows.rows, positions + c * stride + place.own);
  }
  const mds::PairTable table{rows.data, rows.wide, rows.row_stride, static_cast<std::ptrdiff_t>(rows.wide ? 8 : 4)};
  mds::RowsGradient<double> gradient(loss, place, dimensions, table, thread_count(num_threads));
  const double value = gradient.gradient(positions, sums);
  mds::to_rows(sums + place.own, stride, rows.rows, dimensions, g);
  return value;
}

double rows_residuals(const DistanceRows& rows, int dimensions, const double* x, double* per_point, int num_threads) {
  const std::ptrdiff_t stride = mds::padded(rows.points);
  Scratch memory(static_cast<std::size_t>(
      checked_mul(checked_mul(stride, dimensions, "mds: positions"), sizeof(double), "mds: positions")));
  auto* const positions = reinterpret_cast<double*>(memory.data());
  mds::to_coordinates(x, rows.points, dimensions, positions, stride);
  const auto largest = [&](auto type) {
    using T = decltype(type);
    mds::FitInput<T> input;
    input.distances = {static_cast<const T*>(rows.data), rows.row_stride, sizeof(T)};
    input.points = rows.points;
    input.dimensions = dimensions;
    return mds::fit_from(input, positions, rows.first, rows.rows, per_point, thread_count(num_threads))
        .largest_residual;
  };
  return rows.wide ? largest(double()) : largest(float());
}

}  // namespace fastcv
