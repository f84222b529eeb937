// Gradient descent of few points, on one thread.
#pragma once

#include <memory>
#include <stdexcept>

#include "mds/descent_kernels.hpp"
#include "mds/descent_slope.hpp"

namespace fastcv::mds {

// D_ij and D_ji that differ by so many epsilons of the largest distance are one distance.
inline constexpr double kRounding = 4;

inline void refuse_distances(bool negative, bool infinite, bool missing) {
  if (missing) throw std::invalid_argument("gradient_descent: distances must not be NaN");
  if (infinite) throw std::invalid_argument("gradient_descent: distances must be finite in the dtype of x0");
  if (negative) throw std::invalid_argument("gradient_descent: distances must not be negative");
}

inline PairLoss pair_loss(DescentLoss loss) {
  return loss == DescentLoss::kSstress ? PairLoss::kSstress : PairLoss::kStress;
}

// Per point and direction; the losses are defined over ordered pairs (s-stress) and pairs (stress).
template <class T>
double ordered_factor(DescentLoss loss, const LanesKernels<T>& kernels) {
  return kernels.value_factor * (loss == DescentLoss::kSstress ? 1 : 0.5);
}

template <class T>
void negate_squares(T* values, std::ptrdiff_t count) {
  for (std::ptrdiff_t k = 0; k < count; k++) values[k] = -values[k] * values[k];
}

// Null where the ways of many points are the better ones. Checks the distances otherwise.
template <class T>
std::unique_ptr<Slope<T>> make_slope_of_few(DescentLoss loss, std::ptrdiff_t points, int dimensions,
                                            const PairTable& table);

}  // namespace fastcv::mds
