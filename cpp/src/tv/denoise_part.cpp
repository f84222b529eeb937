// The fast solver on part of an image, in memory that outlives it.
#include <algorithm>
#include <cstring>
#include <vector>

#include "fastcv/runtime.hpp"
#include "fastcv/tv.hpp"
#include "tv/denoise_coarse.hpp"
#include "tv/denoise_part.hpp"
#include "tv/denoise_splitting.hpp"

namespace fastcv {
namespace {

using tv::Pixels;
using tv::plane_shape;
using tv::SplittingSolver;
using tv::Tile;

template <class T>
SplittingSolver<T> solver_of(const DenoisePartShape& shape, int threads, T* state) {
  SplittingSolver<T> solver(plane_shape(shape), threads, typename SplittingSolver<T>::Elsewhere{});
  if (state != nullptr) solver.place(state);
  return solver;
}

template <class T>
std::ptrdiff_t lanes_of(const DenoisePartShape& shape) {
  return tv::splitting_kernels<T>(shape.channels, shape.isotropic).lanes;
}

}  // namespace

template <class T>
DenoisePartLayout denoise_part_layout(const DenoisePartShape& shape) {
  const SplittingSolver<T> solver = solver_of<T>(shape, 1, nullptr);
  const std::ptrdiff_t lanes = lanes_of<T>(shape), records = (shape.columns + 2 * lanes - 1) / (2 * lanes);
  return {solver.values(), records * tv::kRecordVectors * lanes * shape.channels,
          static_cast<std::ptrdiff_t>(solver.tiles().size())};
}

// A row as all its records side by side; a strip holds some of them, and others twice, as margins.
template <class T>
void denoise_part_take(const DenoisePartShape& shape, const T* state, std::ptrdiff_t begin, std::ptrdiff_t count,
                       T* rows) {
  const SplittingSolver<T> solver = solver_of(shape, 1, const_cast<T*>(state));
  const std::ptrdiff_t row_values = denoise_part_layout<T>(shape).row_values, lanes = lanes_of<T>(shape);
  const std::ptrdiff_t record = tv::kRecordVectors * lanes * shape.channels;
  for (const Tile<T>& tile : solver.tiles()) {
    const std::ptrdiff_t first = tile.x0 / (2 * lanes) + tile.own_m0;
    for (std::ptrdiff_t y = 0; y < count; y++) {
      std::memcpy(rows + y * row_values + first * record, tile.row(begin + y) + tile.own_m0 * record,
                  (tile.own_m1 - tile.own_m0) * record * sizeof(T));
    }
  }
}

template <class T>
double denoise_part_coarse(const DenoisePartShape& shape, const T* pixels, double weight, int num_threads, T* half) {
  const Pixels<T> from{pixels, nullptr, shape};
  std::span<T> none;
  tv::CoarseStart<T> coarse(plane_shape(shape), thread_count(num_threads), from.io(), tv::CoarseStart<T>::kAsItIs,
                            &none);
  coarse.solve(weight, none);
  const tv::HalfRows<T> rows = coarse.half();
  for (std::ptrdiff_t y = 0; y < shape.rows; y++) {
    for (int c = 0; c < shape.channels; c++) {
      for (const T* row : {rows.u_row(c, y), rows.q0_row(c, y), rows.q1_row(c, y)}) {
        half = std::copy_n(row, shape.columns, half);
      }
    }
  }
  return coarse.ratio();
}

template <class T>
void denoise_part_round(const DenoisePartShape& shape, const DenoisePartRound& round,
                        const DenoisePartSource<T>& source, const T* low, const T* high, std::ptrdiff_t begin,
                        std::ptrdiff_t end, T* state, T* u, double* sums, T* dual) {
  SplittingSolver<T> solver = solver_of(shape, thread_count(round.num_threads), state);
  solver.set_weight(round.weight, round.sigma, round.slope, tv::kSplittingRelaxation);
  solver.resume(round.done);
  solver.set_range(tv::range_of(low, high, shape.channels));
  const Pixels<T> pixels{source.pixels, u, shape, begin, end};
  const tv::PlaneIo<T> io = pixels.io();
  const tv::PlaneDual<T> field{dual, plane_shape(shape)};
  const std::ptrdiff_t columns = (shape.columns + 1) / 2, channel = 3 * columns;
  const tv::HalfRows<T> half{source.half, source.half + columns,    source.half + 2 * columns, channel,
                             channel,     channel * shape.channels, source.half_first};
  const typename SplittingSolver<T>::Feed feed{source.pixels != nullptr ? &io : nullptr,
                                               source.half != nullptr ? &half : nullptr,
                                               source.first_row,
                                               source.image_rows,
                                               source.before,
                                               begin,
                                               end,
                                               source.reach,
                                               source.above,
                                               source.below};
  const std::vector<tv::Sums> rows =
      solver.run_part(feed, round.iterations, u != nullptr ? &io : nullptr, dual != nullptr ? &field : nullptr);
  if (u != nullptr) tv::store_sums(rows, begin, end, solver.tiles().size(), sums);
}

template <class T>
void denoise_part_halve(const DenoisePartShape& shape, const T* pixels, T* half) {
  const Pixels<T> from{pixels, nullptr, shape};
  const tv::PlaneShape fine = plane_shape(shape);
  const std::ptrdiff_t columns = (shape.columns + 1) / 2;
  std::vector<T> room(5 * columns);
  for (std::ptrdiff_t y = 0; 2 * y < shape.rows; y++) {
    check_interrupt();
    for (int c = 0; c < shape.channels; c++) {
      tv::halve_row(fine, from.io(), c, y, room.data() + columns, room.data());
      for (std::ptrdiff_t x = 0; x < columns; x++) half[(y * columns + x) * shape.channels + c] = room[x];
    }
  }
}

#define FASTCV_PART(T)                                                                                            \
  template DenoisePartLayout denoise_part_layout<T>(const DenoisePartShape&);                                     \
  template void denoise_part_take(const DenoisePartShape&, const T*, std::ptrdiff_t, std::ptrdiff_t, T*);         \
  template double denoise_part_coarse(const DenoisePartShape&, const T*, double, int, T*);                        \
  template void denoise_part_round(const DenoisePartShape&, const DenoisePartRound&, const DenoisePartSource<T>&, \
                                   const T*, const T*, std::ptrdiff_t, std::ptrdiff_t, T*, T*, double*, T*);      \
  template void denoise_part_halve(const DenoisePartShape&, const T*, T*);
FASTCV_PART(float)
FASTCV_PART(double)
#undef FASTCV_PART

}  // namespace fastcv
