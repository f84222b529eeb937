#include "tv/denoise_coarse.hpp"

#include <algorithm>
#include <optional>

#include "fastcv/runtime.hpp"
#include "tv/denoise_sigma.hpp"
#include "tv/denoise_splitting.hpp"

namespace fastcv::tv {
namespace {

template <class T>
T* at(const CoarseStart<T>& level, int channel, std::ptrdiff_t y, std::ptrdiff_t x) {
  return const_cast<T*>(level.image(channel, y)) + x;
}

template <class T>
void read_row(const void* context, int channel, std::ptrdiff_t y, std::ptrdiff_t x, std::ptrdiff_t count, T* to) {
  std::copy_n(at(*static_cast<const CoarseStart<T>*>(context), channel, y, x), count, to);
}

template <class T>
double write_row(const void* context, int channel, std::ptrdiff_t y, std::ptrdiff_t x, std::ptrdiff_t count,
                 const T* from) {
  std::copy_n(from, count, at(*static_cast<const CoarseStart<T>*>(context), channel, y, x));
  return 0;
}

PlaneShape halved(PlaneShape shape) {
  shape.rows = (shape.rows + 1) / 2;
  shape.columns = (shape.columns + 1) / 2;
  return shape;
}

}  // namespace

template <class T>
bool CoarseStart<T>::pays(const PlaneShape& shape, double ratio) {
  constexpr double kHeavy = 1.5;
  constexpr std::ptrdiff_t kLeast = 16;  // pixels a side
  return ratio > kHeavy && std::min(shape.rows, shape.columns) >= kLeast;
}

template <class T>
void halve_row(const PlaneShape& fine, const PlaneIo<T>& io, int channel, std::ptrdiff_t y, T* room, T* to) {
  const std::ptrdiff_t columns = (fine.columns + 1) / 2;
  T *upper = room, *lower = upper + 2 * columns;
  io.read(io.context, channel, 2 * y, 0, fine.columns, upper);
  io.read(io.context, channel, std::min(2 * y + 1, fine.rows - 1), 0, fine.columns, lower);
  if (fine.columns % 2 == 1) {
    upper[fine.columns] = upper[fine.columns - 1];
    lower[fine.columns] = lower[fine.columns - 1];
  }
  for (std::ptrdiff_t x = 0; x < columns; x++) {
    to[x] = T(0.25) * ((upper[2 * x] + upper[2 * x + 1]) + (lower[2 * x] + lower[2 * x + 1]));
  }
}

template <class T>
CoarseStart<T>::CoarseStart(const PlaneShape& fine, const PlaneIo<T>& io, int threads, std::span<T>* room)
    : shape_(halved(fine)), threads_(threads), planes_(3 * values(), room) {
  parallel_rows(shape_.rows, 1 + (32 << 10) / shape_.columns, threads, [&](Band& band) {
    std::vector<T> rows(4 * shape_.columns);
    for (std::ptrdiff_t y = band.begin; y < band.end; y++) {
      if (y % 32 == 0) band.checkpoint();
      for (int c = 0; c < shape_.channels; c++) halve_row(fine, io, c, y, rows.data(), at(*this, c, y, 0));
    }
  });
}

template <class T>
CoarseStart<T>::CoarseStart(const PlaneShape& shape, int threads, const PlaneIo<T>& io, AsItIs, std::span<T>* room)
    : shape_(shape), threads_(threads), planes_(3 * values(), room) {
  for (int c = 0; c < shape_.channels; c++) {
    for (std::ptrdiff_t y = 0; y < shape_.rows; y++) {
      check_interrupt();
      io.read(io.context, c, y, 0, shape_.columns, at(*this, c, y, 0));
    }
  }
}

template <class T>
PlaneIo<T> CoarseStart<T>::io() const {
  return {this, &read_row<T>, &write_row<T>};
}

template <class T>
void CoarseStart<T>::solve(double weight, std::span<T> room) {
  ratio_ = weight_ratio(weight, mean_slope(shape_, io()));
  std::optional<CoarseStart> coarser;
  if (pays(shape_, ratio_)) {
    coarser.emplace(shape_, io(), threads_, &room);
    coarser->solve(weight / 2, room);
  }
  SplittingSolver<T> solver(shape_, 0, threads_, room);
  solver.load(io());
  if (coarser) solver.start(*coarser, weight);
  const double sigma = splitting_sigma(ratio_, coarser ? coarser->ratio() : 0);
  coarser.reset();
  solver.set_weight(weight, sigma, kSplittingSlope * sigma, kSplittingRelaxation);
  solver.run(kCoarseIterations);
  const PlaneDual<T> dual = this->dual();
  solver.check(io(), &dual);
}

template void halve_row(const PlaneShape&, const PlaneIo<float>&, int, std::ptrdiff_t, float*, float*);
template void halve_row(const PlaneShape&, const PlaneIo<double>&, int, std::ptrdiff_t, double*, double*);
template class CoarseStart<float>;
template class CoarseStart<double>;

}  // namespace fastcv::tv
