// One plane: which solver, how long, and what if it does not get there.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>

#include "fastcv/tv.hpp"
#include "tv/denoise_coarse.hpp"
#include "tv/denoise_plane.hpp"
#include "tv/denoise_primal_dual.hpp"
#include "tv/denoise_splitting.hpp"

namespace fastcv::tv {

template <class T>
struct PlaneJob {
  PlaneShape shape;
  PlaneIo<T> io;
  const T* weights;  // or null
  bool missing;      // some pixel is NaN
  std::optional<PlaneDual<T>> warm_start, dual;
  int threads;
  bool once = false;  // one call, and io does not write where it reads
};

struct PlaneResult {
  Certificate certificate;
  std::int64_t iterations = 0;
  bool converged = false, fallback = false, stopped = false;

  // What the results of several planes are added to.
  static PlaneResult none() {
    PlaneResult r;
    r.certificate = {0, 0, 0, 0};
    r.converged = true;
    return r;
  }
  PlaneResult& operator+=(const PlaneResult& o) {
    certificate.gap += o.certificate.gap;
    certificate.objective += o.certificate.objective;
    certificate.residual += o.certificate.residual;
    certificate.rounding += o.certificate.rounding;
    iterations = std::max(iterations, o.iterations);
    converged = converged && o.converged;
    fallback = fallback || o.fallback;
    stopped = stopped || o.stopped;
    return *this;
  }
};

// When to look at the gap again. A look costs about three iterations.
class Watch {
 public:
  Watch(double tol, std::int64_t first, std::int64_t last) : tol_(tol), next_(std::min(first, last)), last_(last) {}
  std::int64_t next() const { return next_; }
  void saw(std::int64_t iteration, const Certificate& c);
  // Two looks in a row saw no progress.
  bool stalled() const { return stalls_ >= kStalls; }

 private:
  static constexpr double kProgress = 0.97;
  static constexpr int kStalls = 2;
  double tol_, best_ = std::numeric_limits<double>::infinity();
  std::int64_t next_, last_;
  int stalls_ = 0;
};

// The fast solver's first look: the guess that costs least over many images. A late look costs iterations, an early
// one another look. `warm`: it starts from an earlier result.
std::int64_t first_look(double ratio, bool coarse, bool warm, double tol);
constexpr std::int64_t kFirstProvenLook = 16;  // the other solver's

template <class T>
class PlaneSolve {
 public:
  PlaneSolve(const PlaneJob<T>& job, const DenoiseTvOptions& options);
  // To a gap of tol * objective, or of `rms_bound`; from where the last call, for another weight, ended.
  PlaneResult operator()(double weight, double tol, double rms_bound = 0);

 private:
  bool constant(double weight, PlaneResult* result);
  bool done(const Certificate& c, std::int64_t iterations, PlaneResult* result) const;
  template <class Solver>
  void iterate(Solver& solver, Watch* watch, bool may_stall, PlaneResult* result);

  PlaneJob<T> job_;
  const DenoiseTvOptions& options_;
  double slope_;  // mean |grad f|
  double tol_ = 0, enough_ = 0;
  bool warm_, loaded_ = false, proven_;
  std::optional<SplittingSolver<T>> splitting_;
  std::optional<PrimalDualSolver<T>> primal_dual_;
};

}  // namespace fastcv::tv
