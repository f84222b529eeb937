// An image in parts: what one machine would decide, from what all parts know.
#include <algorithm>
#include <vector>

#include "fastcv/tv.hpp"
#include "tv/denoise_coarse.hpp"
#include "tv/denoise_constant.hpp"
#include "tv/denoise_part.hpp"
#include "tv/denoise_primal_dual.hpp"
#include "tv/denoise_solve.hpp"
#include "tv/denoise_splitting.hpp"

namespace fastcv {

using tv::ConstantProof;
using tv::Pixels;
using tv::plane_shape;

DenoisePlan denoise_plan(const DenoisePartShape& shape, double weight, double mean_slope, double coarse_ratio,
                         double tol) {
  const double ratio = tv::weight_ratio(weight, mean_slope), sigma = tv::splitting_sigma(ratio, coarse_ratio);
  return {ratio,
          ConstantProof<float>::has_hope(weight, mean_slope),
          tv::CoarseStart<float>::pays(plane_shape(shape), ratio),
          sigma,
          tv::kSplittingSlope * sigma,
          tv::first_look(ratio, coarse_ratio > 0, false, tol),
          tv::kCoarseIterations};
}

DenoiseNext denoise_next_look(double tol, std::int64_t first, std::int64_t last,
                              const std::vector<DenoiseLook>& looks) {
  tv::Watch watch(tol, first, last);
  for (const DenoiseLook& look : looks) {
    tv::Certificate c;
    c.gap = look.gap;
    c.objective = look.objective;
    watch.saw(look.iteration, c);
  }
  return {watch.next(), watch.stalled()};
}

template <class T>
DenoiseLook denoise_part_certificate(const DenoisePartShape& shape, double weight, const T* low, const T* high,
                                     const double* sums, bool proven) {
  const tv::Range<T> range = tv::range_of(low, high, shape.channels);
  const tv::Sums total{sums[0], sums[1], sums[2]};
  const auto certify = proven ? &tv::certify_primal_dual<T> : &tv::certify_splitting<T>;
  const tv::Certificate c = certify(total, plane_shape(shape), range, weight);
  return {0, c.gap, c.objective};
}

template <class T>
void denoise_part_row_sums(const DenoisePartShape& shape, const T* pixels, double* sums) {
  const Pixels<T> from{pixels, nullptr, shape};
  tv::row_sums(plane_shape(shape), from.io(), sums);
}

template <class T>
double denoise_part_constant(const DenoisePartShape& image, const double* sums, const T* low, const T* high,
                             const T* pixels, std::ptrdiff_t first_row, std::ptrdiff_t rows, double* squares) {
  const ConstantProof<T> proof(plane_shape(image), sums, tv::range_of(low, high, image.channels));
  const Pixels<T> from{pixels, nullptr, image};
  double largest = 0;
  for (std::ptrdiff_t y = 0; y < rows; y++) {
    check_interrupt();
    largest = std::max(largest, proof.norm(from.io(), first_row + y, y, squares + y * image.channels));
  }
  return largest;
}

template <class T>
bool denoise_part_constant_certificate(const DenoisePartShape& image, const double* sums, const T* low, const T* high,
                                       const double* squares, double largest, double weight, T* mean,
                                       DenoiseLook* look) {
  const ConstantProof<T> proof(plane_shape(image), sums, tv::range_of(low, high, image.channels));
  const tv::Certificate c = proof.certificate(squares, largest);
  for (int i = 0; i < image.channels; i++) mean[i] = proof.mean(i);
  *look = {0, c.gap, c.objective};
  return proof.holds(weight, largest);
}

template <class T>
void denoise_part_proven(const DenoisePartShape& shape, const DenoisePartRound& round, const T* low, const T* high,
                         std::ptrdiff_t begin, std::ptrdiff_t end, const T* pixels, const T* from, T* to, T* u,
                         double* sums) {
  using Solver = tv::PrimalDualSolver<T>;
  Solver solver(plane_shape(shape), round.weight, nullptr, thread_count(round.num_threads));
  const Pixels<T> io{pixels, u, shape, begin, end};
  solver.load(io.io());
  solver.set_range(tv::range_of(low, high, shape.channels));
  // Calls fn(channel, y, the row's place in each field) for rows of `fields`, which begins at row `first`.
  const auto each_row = [&](auto* fields, std::ptrdiff_t first, std::ptrdiff_t count, const auto& fn) {
    const std::ptrdiff_t channel = count * shape.columns, field = channel * shape.channels;
    for (int c = 0; c < shape.channels; c++) {
      for (std::ptrdiff_t y = 0; y < count; y++) {
        decltype(fields) rows[Solver::kFields];
        for (int i = 0; i < Solver::kFields; i++) rows[i] = fields + i * field + c * channel + y * shape.columns;
        fn(c, first + y, rows);
      }
    }
  };
  if (from != nullptr) {
    each_row(from, 0, shape.rows, [&](int c, std::ptrdiff_t y, const T* const* rows) { solver.put(c, y, rows); });
  }
  solver.resume(round.done);
  solver.run(round.iterations);
  each_row(to, begin, end - begin, [&](int c, std::ptrdiff_t y, T* const* rows) { solver.take(c, y, rows); });
  if (u != nullptr) tv::store_sums(solver.check_rows(io.io(), nullptr), begin, end, 1, sums);
}

#define FASTCV_PLAN(T)                                                                                              \
  template DenoiseLook denoise_part_certificate(const DenoisePartShape&, double, const T*, const T*, const double*, \
                                                bool);                                                              \
  template void denoise_part_row_sums(const DenoisePartShape&, const T*, double*);                                  \
  template double denoise_part_constant(const DenoisePartShape&, const double*, const T*, const T*, const T*,       \
                                        std::ptrdiff_t, std::ptrdiff_t, double*);                                   \
  template bool denoise_part_constant_certificate(const DenoisePartShape&, const double*, const T*, const T*,       \
                                                  const double*, double, double, T*, DenoiseLook*);                 \
  template void denoise_part_proven(const DenoisePartShape&, const DenoisePartRound&, const T*, const T*,           \
                                    std::ptrdiff_t, std::ptrdiff_t, const T*, const T*, T*, T*, double*);
FASTCV_PLAN(float)
FASTCV_PLAN(double)
#undef FASTCV_PLAN

}  // namespace fastcv
