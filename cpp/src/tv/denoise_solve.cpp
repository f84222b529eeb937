#include "tv/denoise_solve.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "fastcv/runtime.hpp"
#include "tv/denoise_constant.hpp"
#include "tv/denoise_sigma.hpp"

namespace fastcv::tv {

void Watch::saw(std::int64_t iteration, const Certificate& c) {
  const double relative = c.objective > 0 ? c.gap / c.objective : 0;
  stalls_ = relative < kProgress * best_ ? 0 : stalls_ + 1;
  if (!std::isfinite(c.gap)) stalls_ = kStalls;
  best_ = std::min(best_, relative);
  // The gap falls about as the third power of the iterations.
  const double factor = std::pow(std::max(relative / tol_, 1.0), 0.31) * 1.03;
  const double wanted = static_cast<double>(iteration) * std::clamp(factor, 1.1, 2.0);
  next_ = std::min(last_, std::max(iteration + 2, static_cast<std::int64_t>(std::ceil(wanted))));
}

std::int64_t first_look(double ratio, bool coarse, bool warm, double tol) {
  const double cold = (coarse ? 30 : 3.4 + 38 * ratio) * std::pow(1e-3 / tol, 0.31);
  return std::lround(std::clamp(warm ? 0.3 * cold : cold, 2.0, 60.0));
}

template <class T>
PlaneSolve<T>::PlaneSolve(const PlaneJob<T>& job, const DenoiseTvOptions& options)
    : job_(job),
      options_(options),
      slope_(mean_slope(job.shape, job.io)),
      warm_(job.warm_start.has_value()),
      proven_(options.solver == TvSolver::kPrimalDual || job.shape.depth > 1 || job.missing || job.weights != nullptr ||
              (job.shape.channels != 1 && job.shape.channels != 3)) {}

// What a look says: whether it is time to end.
template <class T>
bool PlaneSolve<T>::done(const Certificate& c, std::int64_t iterations, PlaneResult* result) const {
  result->certificate = c;
  result->iterations = iterations;
  result->converged = c.gap <= tol_ * c.objective || c.gap <= enough_;
  result->stopped = options_.callback != nullptr && options_.callback(options_.context, iterations, c.gap);
  return result->converged || result->stopped;
}

// Runs a solver until the certificate says enough, or nothing more is to be hoped for.
template <class T>
template <class Solver>
void PlaneSolve<T>::iterate(Solver& solver, Watch* watch, bool may_stall, PlaneResult* result) {
  const std::int64_t before = result->iterations;
  for (std::int64_t n = 0; n < options_.max_iter - before;) {
    solver.run(watch->next() - n);
    n = watch->next();
    const Certificate c = solver.check(job_.io, job_.dual ? &*job_.dual : nullptr);
    if (done(c, before + n, result)) return;
    watch->saw(n, c);
    if (may_stall && watch->stalled()) return;
  }
}

template <class T>
PlaneResult PlaneSolve<T>::operator()(double weight, double tol, double rms_bound) {
  PlaneResult result;
  tol_ = tol;
  enough_ = 0.5 * static_cast<double>(job_.shape.pixels() * job_.shape.channels) * rms_bound * rms_bound;
  if (constant(weight, &result)) return result;
  const double ratio = weight_ratio(weight, slope_);
  if (!proven_ && weight > 0) {
    std::optional<CoarseStart<T>> coarse;
    if (!loaded_ && !warm_ && CoarseStart<T>::pays(job_.shape, ratio)) {
      splitting_.emplace(job_.shape, options_.depth, job_.threads);
      std::span<T> none;
      coarse.emplace(job_.shape, job_.io, job_.threads, &none);
      coarse->solve(weight / 2, splitting_->room());
    }
    const double sigma = splitting_sigma(ratio, coarse ? coarse->ratio() : 0);
    Watch watch(tol_, first_look(ratio, coarse.has_value(), warm_, tol), options_.max_iter);
    if (job_.once && !warm_ && !coarse && options_.depth == 0 &&
        SplittingSolver<T>::can_pass(job_.shape, watch.next(), watch.next() == options_.max_iter)) {
      // Few iterations cost less than their state's way to memory and back. Should they not do, they are done
      // again: to the same bytes.
      using Solver = SplittingSolver<T>;
      Solver passing(job_.shape, typename Solver::Passing{static_cast<int>(watch.next())}, job_.threads);
      passing.find_range(job_.io);
      passing.set_weight(weight, sigma, kSplittingSlope * sigma, options_.relaxation);
      const Certificate c = passing.pass(job_.io, job_.dual ? &*job_.dual : nullptr);
      if (done(c, watch.next(), &result) || result.iterations >= options_.max_iter) return result;
      watch.saw(result.iterations, c);
      result.iterations = 0;
    }
    if (!loaded_) {
      if (!splitting_) splitting_.emplace(job_.shape, options_.depth, job_.threads);
      splitting_->load(job_.io);
      if (warm_) splitting_->start(*job_.warm_start, weight);
      if (coarse) splitting_->start(*coarse, weight);
      loaded_ = true;
    }
    splitting_->set_weight(weight, sigma, kSplittingSlope * sigma, options_.relaxation);
    coarse.reset();
    warm_ = true;
    iterate(*splitting_, &watch, true, &result);
    if (result.converged || result.stopped || result.iterations >= options_.max_iter ||
        options_.solver == TvSolver::kSplitting) {
      return result;
    }
    result.fallback = true;
    proven_ = true;
    loaded_ = false;
    warm_ = job_.warm_start.has_value();
    splitting_.reset();
  }
  if (!loaded_) {
    primal_dual_.emplace(job_.shape, weight, job_.weights, job_.threads);
    primal_dual_->load(job_.io);
    if (warm_) primal_dual_->start(*job_.warm_start);
    loaded_ = true;
  } else {
    primal_dual_->set_weight(weight);
  }
  Watch watch(tol_,
              weight == 0 && job_.weights == nullptr ? 1
              : warm_                                ? 4
                                                     : kFirstProvenLook,
              options_.max_iter - result.iterations);
  warm_ = true;
  iterate(*primal_dual_, &watch, false, &result);
  return result;
}

// Whether the mean is the optimum: then that is the result.
template <class T>
bool PlaneSolve<T>::constant(double weight, PlaneResult* result) {
  if (!ConstantProof<T>::has_hope(weight, slope_) || job_.missing || job_.weights != nullptr || job_.shape.depth > 1 ||
      options_.solver != TvSolver::kAuto) {
    return false;
  }
  const PlaneShape& s = job_.shape;
  std::vector<double> sums(s.rows * s.channels), squares(sums.size());
  const Range<T> range = row_sums(s, job_.io, sums.data());
  const ConstantProof<T> proof(s, sums.data(), range);
  double largest = 0;
  for (std::ptrdiff_t y = 0; y < s.rows; y++) {
    check_interrupt();
    largest = std::max(largest, proof.norm(job_.io, y, y, squares.data() + y * s.channels));
    if (!proof.holds(weight, largest)) return false;
  }
  result->certificate = proof.certificate(squares.data(), largest);
  result->converged = true;
  std::vector<T> row(s.columns);
  for (int c = 0; c < s.channels; c++) {
    std::fill(row.begin(), row.end(), proof.mean(c));
    for (std::ptrdiff_t y = 0; y < s.rows; y++) {
      check_interrupt();
      if (job_.dual) proof.write_dual(job_.io, c, y, *job_.dual);
      result->certificate.rounding += job_.io.write(job_.io.context, c, y, 0, s.columns, row.data());
    }
  }
  return true;
}

template class PlaneSolve<float>;
template class PlaneSolve<double>;

}  // namespace fastcv::tv
