#include "tv/denoise_solve.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "fastcv/runtime.hpp"
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
  const double ratio = slope_ > 0 ? weight / slope_ : 1;
  if (!proven_ && weight > 0) {
    std::optional<CoarseStart<T>> coarse;
    if (!loaded_ && !warm_ && CoarseStart<T>::pays(job_.shape, ratio)) {
      coarse.emplace(job_.shape, job_.io, job_.threads);
      coarse->solve(weight / 2);
    }
    const double sigma = splitting_sigma(ratio, coarse ? coarse->ratio() : 0);
    // The guess that costs least over many images: a late look costs iterations, an early one another look.
    const double cold = (coarse ? 30 : 3.4 + 38 * ratio) * std::pow(1e-3 / tol, 0.31);
    const double first = std::clamp(warm_ ? 0.3 * cold : cold, 2.0, 60.0);
    Watch watch(tol_, std::lround(first), options_.max_iter);
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
      splitting_.emplace(job_.shape, options_.depth, job_.threads);
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
  Watch watch(tol_, weight == 0 && job_.weights == nullptr ? 1 : warm_ ? 4 : 16, options_.max_iter - result.iterations);
  warm_ = true;
  iterate(*primal_dual_, &watch, false, &result);
  return result;
}

// A weight so large that the mean is the optimum: the dual field that proves it can be written down. Within a row it
// sums up the distances from the row's mean, and down the columns those of the rows' means from the mean.
template <class T>
bool PlaneSolve<T>::constant(double weight, PlaneResult* result) {
  constexpr double kOften = 8;  // in units of |grad f|; a smaller weight has little hope
  if (weight < kOften * slope_ || weight == 0 || job_.missing || job_.weights != nullptr || job_.shape.depth > 1 ||
      options_.solver != TvSolver::kAuto) {
    return false;
  }
  const PlaneShape& s = job_.shape;
  std::vector<T> row(s.columns);
  std::vector<double> norm(s.columns), row_means(s.rows * s.channels);
  std::vector<T> mean(s.channels);
  double residual = 0, gap = 0, largest = 0;
  for (int c = 0; c < s.channels; c++) {
    const Moments m = moments(s, job_.io, c);
    const double n = static_cast<double>(m.count);
    mean[c] = static_cast<T>(m.mean());
    const double off = static_cast<double>(mean[c]) - m.mean();
    gap += 0.5 * n * off * off;
    residual += m.square + n * off * off;
    for (std::ptrdiff_t y = 0; y < s.rows; y++) {
      check_interrupt();
      job_.io.read(job_.io.context, c, y, 0, s.columns, row.data());
      double sum = 0;
      for (const T v : row) sum += static_cast<double>(v);
      row_means[c * s.rows + y] = sum / static_cast<double>(s.columns);
    }
  }
  // Rounding of the sums, and of q where it is written, stays far below this.
  const double limit = weight * (1 - 1e-5);
  std::vector<double> down(s.channels);
  for (const bool write : {false, true}) {
    std::fill(down.begin(), down.end(), 0.0);
    for (std::ptrdiff_t y = 0; y < s.rows; y++) {
      check_interrupt();
      std::fill(norm.begin(), norm.end(), 0.0);
      for (int c = 0; c < s.channels; c++) {
        const double row_mean = row_means[c * s.rows + y];
        down[c] = y + 1 < s.rows ? down[c] + (static_cast<double>(mean[c]) - row_mean) : 0;
        if (write && job_.dual) {
          std::fill_n(job_.dual->row(c, 0, y), s.columns, static_cast<T>(down[c]));
        }
        job_.io.read(job_.io.context, c, y, 0, s.columns, row.data());
        double along = 0;
        for (std::ptrdiff_t x = 0; x < s.columns; x++) {
          along = x + 1 < s.columns ? along + (row_mean - static_cast<double>(row[x])) : 0;
          norm[x] += std::fabs(down[c]) + std::fabs(along);  // above every norm in use
          if (write && job_.dual) job_.dual->row(c, 1, y)[x] = static_cast<T>(along);
        }
        if (!write) continue;
        std::fill(row.begin(), row.end(), mean[c]);
        result->certificate.rounding += job_.io.write(job_.io.context, c, y, 0, s.columns, row.data());
      }
      largest = std::max(largest, *std::max_element(norm.begin(), norm.end()));
      if (largest > limit) return false;
    }
  }
  result->certificate.residual = residual;
  result->certificate.objective = 0.5 * residual;
  // q is written with rounding, as the largest norm allows.
  const double off = 4 * static_cast<double>(std::numeric_limits<T>::epsilon()) * largest;
  result->certificate.gap =
      gap > 0 || residual > 0 ? gap + 0.5 * static_cast<double>(s.pixels() * s.channels) * off * off : 0;
  result->converged = true;
  return true;
}

template class PlaneSolve<float>;
template class PlaneSolve<double>;

}  // namespace fastcv::tv
