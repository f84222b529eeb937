#include "tv/chambolle_solve.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "fastcv/runtime.hpp"
#include "tv/chambolle_passes.hpp"

namespace fastcv::tv {
namespace {

// The history of a run, and when the stop rule fires.
class StopRule {
 public:
  explicit StopRule(const Settings& s) : settings_(s) {}

  // One more pass. True: it is the last one.
  bool add(double energy, double largest_step) {
    const bool first = passes_++ == 0;
    if (first) first_energy_ = energy;
    previous_change_ = change_;
    if (settings_.stop == ChambolleStop::kDual) {
      change_ = largest_step;
    } else {
      change_ = first ? std::numeric_limits<double>::infinity() : std::abs(energy_ - energy) / first_energy_;
    }
    energy_ = energy;
    // A constant image is its own result; 0 < eps * 0 would never say so.
    if (first && energy == 0) change_ = 0;
    return settings_.eps > 0 && (change_ < settings_.eps || (first && energy == 0));
  }

  // In how many passes from here the rule is likely to fire; 0: no idea. The change shrinks by nearly the same factor
  // from pass to pass, or falls straight through zero where the energy has its minimum.
  double likely_end() const {
    if (passes_ < 3 || !(change_ < previous_change_)) return 0;
    const double geometric = std::log(settings_.eps / change_) / std::log(change_ / previous_change_);
    const double straight = (change_ - settings_.eps) / (previous_change_ - change_);
    return std::min(geometric, straight);
  }

  std::int64_t passes() const { return passes_; }
  double energy() const { return energy_; }
  double change() const { return change_; }

 private:
  const Settings& settings_;
  std::int64_t passes_ = 0;
  double first_energy_ = 0, energy_ = 0;
  double change_ = std::numeric_limits<double>::infinity(), previous_change_ = change_;
};

// How many passes to take through the image together. A stop inside a block means to walk its beginning again, and
// each block costs about half a pass more than its passes.
int block_length(const StopRule& rule, const Settings& s, int most) {
  if (s.block > 0) return s.block;
  if (s.eps == 0) return most;
  constexpr int kFirst = 6, kFurther = 8;
  if (rule.passes() == 0) return std::min(most, kFirst);
  const double end = rule.likely_end();
  if (end == 0) return std::min(most, kFurther);
  return static_cast<int>(std::clamp(std::ceil(end), 1.0, static_cast<double>(most)));
}

Measure measured(const Settings& s) {
  if (s.eps == 0 && !s.measure) return Measure::kNothing;
  return s.stop == ChambolleStop::kDual ? Measure::kEnergyAndChange : Measure::kEnergy;
}

}  // namespace

template <class T>
Solver<T>::Solver(const std::vector<std::ptrdiff_t>& shape, const Settings& settings)
    : settings_(settings), passes_(Passes::make(shape, settings)) {}
template <class T>
Solver<T>::~Solver() = default;

template <class T>
ChambolleReport Solver<T>::solve(const Rows<const T>& image, const Rows<T>& result) {
  Passes& passes = *passes_;
  const Measure measure = measured(settings_);
  StopRule rule(settings_);
  passes.begin(image, result);
  for (std::int64_t done = 0;;) {
    const std::int64_t left = settings_.passes - done;
    const int wanted = std::min(block_length(rule, settings_, passes.most()), passes.most());
    const int stages = static_cast<int>(std::min<std::int64_t>(wanted, left));
    const bool final = stages == left;
    const bool keep = final || stages < passes.most();
    passes.run({stages, !final || measure == Measure::kEnergyAndChange, keep, measure});
    for (int stage = 0; measure != Measure::kNothing && stage < stages; stage++) {
      if (!rule.add(passes.energy(stage), passes.change(stage))) continue;
      if (!keep || stage < stages - 1) passes.run({stage + 1, false, true, Measure::kNothing});
      return {rule.passes(), rule.energy(), rule.change(), true};
    }
    done += stages;
    if (final) return {done, rule.energy(), rule.change(), false};
    passes.advance();
  }
}

template class Solver<float>;
template class Solver<double>;

}  // namespace fastcv::tv
