// The fast solver on part of an image, in memory that outlives it.
#include <algorithm>
#include <cstring>
#include <vector>

#include "fastcv/runtime.hpp"
#include "fastcv/tv.hpp"
#include "tv/denoise_splitting.hpp"

namespace fastcv {
namespace {

using tv::PlaneIo;
using tv::PlaneShape;
using tv::SplittingSolver;
using tv::Tile;

PlaneShape plane_shape(const DenoisePartShape& shape) {
  PlaneShape plane;
  plane.rows = shape.rows;
  plane.columns = shape.columns;
  plane.channels = shape.channels;
  plane.isotropic = shape.isotropic;
  return plane;
}

template <class T>
SplittingSolver<T> solver_of(const DenoisePartShape& shape, int threads, T* state) {
  SplittingSolver<T> solver(plane_shape(shape), threads, typename SplittingSolver<T>::Elsewhere{});
  if (state != nullptr) solver.place(state);
  return solver;
}

template <class T>
struct Pixels {
  const T* in;
  T* out;  // rows [begin, end)
  std::ptrdiff_t columns, begin, end;
  int channels;
};

template <class T>
void read_row(const void* context, int channel, std::ptrdiff_t y, std::ptrdiff_t x, std::ptrdiff_t count, T* to) {
  const Pixels<T>& p = *static_cast<const Pixels<T>*>(context);
  const T* from = p.in + (y * p.columns + x) * p.channels + channel;
  for (std::ptrdiff_t i = 0; i < count; i++) to[i] = from[i * p.channels];
}

template <class T>
double write_row(const void* context, int channel, std::ptrdiff_t y, std::ptrdiff_t x, std::ptrdiff_t count,
                 const T* from) {
  const Pixels<T>& p = *static_cast<const Pixels<T>*>(context);
  if (y < p.begin || y >= p.end) return 0;
  T* to = p.out + ((y - p.begin) * p.columns + x) * p.channels + channel;
  for (std::ptrdiff_t i = 0; i < count; i++) to[i * p.channels] = from[i];
  return 0;
}

// A row as all its records side by side; a strip holds some of them, and others twice, as margins.
template <class T>
std::ptrdiff_t record_values(const Tile<T>& tile, std::ptrdiff_t lanes) {
  return tv::kRecordVectors * lanes * tile.channels;
}

template <class T, class Fn>
void each_strip(const SplittingSolver<T>& solver, std::ptrdiff_t lanes, const Fn& fn) {
  for (const Tile<T>& tile : solver.tiles()) fn(tile, tile.x0 / (2 * lanes), record_values(tile, lanes));
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

template <class T>
void denoise_part_load(const DenoisePartShape& shape, const T* pixels, T* state, T* low, T* high) {
  SplittingSolver<T> solver = solver_of(shape, 1, state);
  const Pixels<T> from{pixels, nullptr, shape.columns, 0, 0, shape.channels};
  solver.load({&from, &read_row<T>, &write_row<T>});
  std::copy_n(solver.range().low, shape.channels, low);
  std::copy_n(solver.range().high, shape.channels, high);
}

template <class T>
void denoise_part_take(const DenoisePartShape& shape, const T* state, std::ptrdiff_t begin, std::ptrdiff_t count,
                       T* rows) {
  const SplittingSolver<T> solver = solver_of(shape, 1, const_cast<T*>(state));
  const std::ptrdiff_t row_values = denoise_part_layout<T>(shape).row_values;
  each_strip(solver, lanes_of<T>(shape), [&](const Tile<T>& tile, std::ptrdiff_t first, std::ptrdiff_t values) {
    for (std::ptrdiff_t y = 0; y < count; y++) {
      std::memcpy(rows + y * row_values + (first + tile.own_m0) * values, tile.row(begin + y) + tile.own_m0 * values,
                  (tile.own_m1 - tile.own_m0) * values * sizeof(T));
    }
  });
}

template <class T>
void denoise_part_put(const DenoisePartShape& shape, T* state, std::ptrdiff_t begin, std::ptrdiff_t count,
                      const T* rows) {
  const SplittingSolver<T> solver = solver_of(shape, 1, state);
  const std::ptrdiff_t row_values = denoise_part_layout<T>(shape).row_values;
  each_strip(solver, lanes_of<T>(shape), [&](const Tile<T>& tile, std::ptrdiff_t first, std::ptrdiff_t values) {
    for (std::ptrdiff_t y = 0; y < count; y++) {
      std::memcpy(tile.row(begin + y), rows + y * row_values + first * values, tile.records * values * sizeof(T));
    }
  });
}

template <class T>
void denoise_part_run(const DenoisePartShape& shape, const DenoisePartRound& round, T* state) {
  SplittingSolver<T> solver = solver_of(shape, thread_count(round.num_threads), state);
  solver.set_weight(round.weight, round.sigma, round.slope, tv::kSplittingRelaxation);
  solver.resume(round.done);
  solver.run(round.iterations, false);
}

template <class T>
void denoise_part_run_and_check(const DenoisePartShape& shape, const DenoisePartRound& round, const T* low,
                                const T* high, std::ptrdiff_t begin, std::ptrdiff_t end, T* state, T* u, double* sums) {
  SplittingSolver<T> solver = solver_of(shape, thread_count(round.num_threads), state);
  solver.set_weight(round.weight, round.sigma, round.slope, tv::kSplittingRelaxation);
  solver.resume(round.done);
  solver.run(round.iterations, true);
  tv::Range<T> range{};
  std::copy_n(low, shape.channels, range.low);
  std::copy_n(high, shape.channels, range.high);
  solver.set_range(range);
  const Pixels<T> to{nullptr, u, shape.columns, begin, end, shape.channels};
  const std::vector<tv::Sums> rows = solver.check_rows({&to, &read_row<T>, &write_row<T>}, nullptr);
  const std::size_t strips = solver.tiles().size();
  for (std::size_t i = begin * strips; i < end * strips; i++) {
    *sums++ = rows[i].residual;
    *sums++ = rows[i].variation;
    *sums++ = rows[i].gap;
  }
}

#define FASTCV_PART(T)                                                                                           \
  template DenoisePartLayout denoise_part_layout<T>(const DenoisePartShape&);                                    \
  template void denoise_part_load(const DenoisePartShape&, const T*, T*, T*, T*);                                \
  template void denoise_part_take(const DenoisePartShape&, const T*, std::ptrdiff_t, std::ptrdiff_t, T*);        \
  template void denoise_part_put(const DenoisePartShape&, T*, std::ptrdiff_t, std::ptrdiff_t, const T*);         \
  template void denoise_part_run(const DenoisePartShape&, const DenoisePartRound&, T*);                          \
  template void denoise_part_run_and_check(const DenoisePartShape&, const DenoisePartRound&, const T*, const T*, \
                                           std::ptrdiff_t, std::ptrdiff_t, T*, T*, double*);
FASTCV_PART(float)
FASTCV_PART(double)
#undef FASTCV_PART

}  // namespace fastcv
