// The least value of an objective near a start: L-BFGS, whose value never rises.
#pragma once

#include <cstdint>

#include "mds/objective.hpp"

namespace fastcv::mds {

enum class Stop : std::uint8_t {
  kTolerance,  // an estimated share of at most `tol` of the value is left to gain
  kFloor,      // the value is at most `floor`
  kPrecision,  // no step lowers the value in this arithmetic
  kMaxIter,
  kCallback,
};

template <class T>
struct MinimiseOptions {
  std::int64_t max_iter = 300;
  double tol = 1e-6;
  double floor = 0;
  // The length of a plain gradient step to begin with, x - first_step * g. Of stress with weights 1, 1 / (2 n) is the
  // step of SMACOF, which cannot raise it. Too long a step is shortened, too short a one grows.
  double first_step = 0;
  // After each accepted step, and before the first with iteration 0; true stops.
  bool (*callback)(void* context, std::int64_t iteration, const T* x, double value) = nullptr;
  void* context = nullptr;
};

struct Minimum {
  double value = 0;
  std::int64_t iterations = 0;   // accepted steps
  std::int64_t evaluations = 0;  // of the objective
  Stop stop = Stop::kMaxIter;

  bool converged() const { return stop != Stop::kMaxIter && stop != Stop::kCallback; }
};

// Moves x, laid out as in objective.hpp, to a local minimum. A point whose gradient is 0 stays where it is to the bit.
// The value at x must be finite: std::domain_error. Ctrl-C is seen between evaluations.
template <class T>
Minimum minimise(Objective<T>& objective, T* x, const MinimiseOptions<T>& options);

const char* reason(Stop stop);

}  // namespace fastcv::mds
