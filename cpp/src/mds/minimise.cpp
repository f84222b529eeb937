#include "mds/minimise.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include "fastcv/runtime.hpp"
#include "mds/vectors.hpp"

namespace fastcv::mds {
namespace {

constexpr int kMemory = 8;            // pairs of steps and changes of gradient
constexpr double kSufficient = 1e-4;  // of the decrease that the slope promises, to accept a step
constexpr double kSteep = 0.9;        // of the first slope: where it is steeper still, the step was too short
constexpr int kMostShortenings = 40;
constexpr int kMostExtensions = 20;

// Where the value, the gradient and the slope along the direction were computed.
template <class T>
struct Point {
  T* x;
  T* g;
  double value;
  double slope;
};

// The last steps s and changes of gradient y: the inverse Hessian as L-BFGS sees it (Nocedal and Wright,
// algorithm 7.4).
template <class T>
class History {
 public:
  History(T* memory, std::ptrdiff_t count) : memory_(memory), count_(count) {}

  void clear() { used_ = 0; }
  bool empty() const { return used_ == 0; }

  void add(const T* x, const T* x_before, const T* g, const T* g_before) {
    const int slot = next_;
    combine(x, -1, x_before, s(slot), count_);
    combine(g, -1, g_before, y(slot), count_);
    const double sy = dot(s(slot), y(slot), count_), yy = dot(y(slot), y(slot), count_);
    // Curvature that is not positive, or is lost in rounding, would make the direction point uphill.
    if (!(sy > std::numeric_limits<T>::epsilon() * std::sqrt(yy * dot(s(slot), s(slot), count_)))) return;
    rho_[slot] = 1 / sy;
    scale_ = sy / yy;
    next_ = (next_ + 1) % kMemory;
    used_ = std::min(used_ + 1, kMemory);
  }

  // p = -H g, given p = g.
  void apply(T* p) const {
    double alpha[kMemory];
    for (int k = 1; k <= used_; k++) {
      const int slot = (next_ - k + kMemory) % kMemory;
      alpha[slot] = rho_[slot] * dot(s(slot), p, count_);
      combine(p, -alpha[slot], y(slot), p, count_);
    }
    combine<T>(nullptr, -scale_, p, p, count_);
    for (int k = used_; k >= 1; k--) {
      const int slot = (next_ - k + kMemory) % kMemory;
      const double beta = rho_[slot] * dot(y(slot), p, count_);
      combine(p, -alpha[slot] - beta, s(slot), p, count_);
    }
  }

 private:
  T* s(int slot) const { return memory_ + 2 * slot * count_; }
  T* y(int slot) const { return s(slot) + count_; }

  T* memory_;
  std::ptrdiff_t count_;
  int used_ = 0, next_ = 0;
  double rho_[kMemory] = {}, scale_ = 1;
};

template <class T>
class Solver {
 public:
  Solver(Objective<T>& objective, const MinimiseOptions<T>& options)
      : objective_(objective),
        options_(options),
        count_(checked_mul(objective.dimensions(), objective.stride(), "mds: positions")),
        memory_(static_cast<std::size_t>(
            checked_mul(checked_mul(count_, kVectors, "mds: positions"), sizeof(T), "mds: positions"))),
        history_(vector(7), count_) {}

  Minimum run(T* x) {
    at_ = {vector(0), vector(1), 0, 0};
    trial_ = {vector(2), vector(3), 0, 0};
    spare_ = {vector(4), vector(5), 0, 0};
    p_ = vector(6);
    std::copy_n(x, count_, at_.x);
    at_.value = evaluate(at_);
    if (!std::isfinite(at_.value)) throw std::domain_error("mds: the loss is not finite at the start");
    result_.stop = iterate();
    result_.value = at_.value;
    std::copy_n(at_.x, count_, x);
    return result_;
  }

 private:
  // Three points, a direction, and the history.
  static constexpr int kVectors = 7 + 2 * kMemory;

  T* vector(int index) const { return reinterpret_cast<T*>(memory_.data()) + index * count_; }

  double evaluate(Point<T>& point) {
    check_interrupt();
    result_.evaluations++;
    return objective_.evaluate(point.x, point.g);
  }

  Stop iterate() {
    double drop = std::numeric_limits<double>::infinity();
    int stalled = 0;
    while (true) {
      if (options_.callback != nullptr && options_.callback(options_.context, result_.iterations, at_.x, at_.value)) {
        return Stop::kCallback;
      }
      if (at_.value <= options_.floor) return Stop::kFloor;
      direct();
      // Half the slope is what Newton's method would gain: an estimate of the distance to the least value.
      const double left = options_.tol * at_.value;
      if (at_.slope == 0 || (-at_.slope / 2 <= left && drop <= left)) return Stop::kTolerance;
      if (result_.iterations >= options_.max_iter) return Stop::kMaxIter;
      if (!search() && !restart()) return Stop::kPrecision;
      drop = at_.value - trial_.value;
      // Two steps of no gain at all: values differ by their rounding only.
      stalled = drop > 0 ? 0 : stalled + 1;
      history_.add(trial_.x, at_.x, trial_.g, at_.g);
      std::swap(at_, trial_);
      result_.iterations++;
      if (stalled == 2) return Stop::kPrecision;
    }
  }

  void steepest() {
    combine<T>(nullptr, -options_.first_step, at_.g, p_, count_);
    at_.slope = dot(at_.g, p_, count_);
  }

  void direct() {
    if (!history_.empty()) {
      std::copy_n(at_.g, count_, p_);
      history_.apply(p_);
      at_.slope = dot(at_.g, p_, count_);
      if (at_.slope < 0) return;
      history_.clear();
    }
    steepest();
  }

  bool restart() {
    if (history_.empty()) return false;
    history_.clear();
    steepest();
    return search();
  }

  void try_step(Point<T>& point, double t) {
    combine(at_.x, t, p_, point.x, count_);
    point.value = evaluate(point);
    point.slope = dot(point.g, p_, count_);
  }

  // Leaves in trial_ a point whose value is sufficiently lower, and whose slope is not much steeper than needed.
  bool search() {
    double t = 1;
    try_step(trial_, t);
    for (int k = 0; !(trial_.value <= at_.value + kSufficient * t * at_.slope); k++) {
      if (k == kMostShortenings) return false;
      // The parabola through both values and the first slope; within bounds, and halving where values overflow.
      const double parabola = -at_.slope * t / (2 * ((trial_.value - at_.value) / t - at_.slope));
      t = std::isfinite(trial_.value) ? std::clamp(parabola, 0.1 * t, 0.5 * t) : 0.1 * t;
      try_step(trial_, t);
    }
    for (int k = 0; trial_.slope < kSteep * at_.slope && k < kMostExtensions; k++) {
      t *= 2;
      try_step(spare_, t);
      if (!(spare_.value < trial_.value)) break;
      std::swap(trial_, spare_);
    }
    return true;
  }

  Objective<T>& objective_;
  const MinimiseOptions<T>& options_;
  std::ptrdiff_t count_;
  Scratch memory_;
  History<T> history_;
  Point<T> at_{}, trial_{}, spare_{};
  T* p_ = nullptr;
  Minimum result_;
};

}  // namespace

template <class T>
Minimum minimise(Objective<T>& objective, T* x, const MinimiseOptions<T>& options) {
  return Solver<T>(objective, options).run(x);
}

const char* reason(Stop stop) {
  switch (stop) {
    case Stop::kTolerance:
      return "tolerance";
    case Stop::kFloor:
      return "exact";
    case Stop::kPrecision:
      return "precision";
    case Stop::kMaxIter:
      return "max_iter";
    case Stop::kCallback:
      return "callback";
  }
  return "";
}

template Minimum minimise(Objective<float>&, float*, const MinimiseOptions<float>&);
template Minimum minimise(Objective<double>&, double*, const MinimiseOptions<double>&);

}  // namespace fastcv::mds
