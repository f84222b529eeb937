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
      change_ = first ? std::numeric_limits<double>::infinity() : std::abs(energy_ - energy);
      if (change_ > 0 && !first) change_ /= first_energy_;
    }
    energy_ = energy;
    // A constant image is its own result; 0 < eps * 0 would never say so.
    if (first && energy == 0) change_ = 0;
    return settings_.eps > 0 && (change_ < settings_.eps || (first && energy == 0));
  }

  // How many more passes it takes at least until the rule fires, if the change goes on shrinking as it did last; more
  // where it shrinks ever more slowly, as it does. 0: no idea.
  double likely_passes() const {
    if (passes_ < 3 || !(change_ < previous_change_)) return 0;
    return (change_ - settings_.eps) / (previous_change_ - change_);
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

// How many passes to take through the image together. A stop inside a block means to walk its beginning again, and a
// block of less than three costs as much as one of three. On photographs with noise these numbers come to 1.17 times
// the passes that count; always 8 at a time to 1.3. `hint`: the passes of the channel before, which mostly is the
// number again; 0: no such.
int block_length(const StopRule& rule, const Settings& s, std::int64_t hint, int most) {
  if (s.block > 0 || s.eps == 0) return most;
  constexpr std::int64_t kFirst = 8, kLeast = 4, kMost = 12;
  const std::int64_t done = rule.passes(), expected = hint - done;
  std::int64_t length =
      done == 0 ? kFirst : static_cast<std::int64_t>(std::min(std::ceil(0.8 * rule.likely_passes()), double{kMost}));
  length = std::clamp(length, kLeast, kMost);
  if (expected > kLeast) length = std::min(expected - 3, kMost);
  if (0 < expected && expected <= kLeast) length = expected;
  return static_cast<int>(std::min<std::int64_t>(most, length));
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
T* Solver<T>::spare(int plane) {
  return passes_->plane(plane);
}

template <class T>
ChambolleReport Solver<T>::solve(const Rows<const T>& image, const Rows<T>& result) {
  Passes& passes = *passes_;
  const Measure measure = measured(settings_);
  StopRule rule(settings_);
  passes.begin(image, result);
  for (std::int64_t done = 0;;) {
    const std::int64_t left = settings_.passes - done;
    const int stages =
        static_cast<int>(std::min<std::int64_t>(block_length(rule, settings_, hint_, passes.most()), left));
    const bool final = stages == left;
    // The image after this block, in case the rule fires at its end: likely, where the block is short.
    const bool keep = final || (settings_.eps > 0 && stages <= 4);
    passes.run({stages, !final || measure == Measure::kEnergyAndChange, keep, measure});
    for (int stage = 0; measure != Measure::kNothing && stage < stages; stage++) {
      if (!rule.add(passes.energy(stage), passes.change(stage))) continue;
      if (!keep || stage < stages - 1) passes.run({stage + 1, false, true, Measure::kNothing});
      hint_ = rule.passes();
      return {rule.passes(), rule.energy(), rule.change(), true};
    }
    done += stages;
    if (final) return {done, rule.energy(), rule.change(), false};
    passes.advance();
    check_interrupt();
  }
}

template class Solver<float>;
template class Solver<double>;

}  // namespace fastcv::tv
