// solve_mds: checks, the choice of a way, and the complete matrix.
#include "mds/solve.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "fastcv/runtime.hpp"
#include "mds/classical.hpp"
#include "mds/fit.hpp"
#include "mds/refuse.hpp"

namespace fastcv::mds {
namespace {

constexpr double kSymmetric = 1e-5;  // of the largest entry: what two directions of one measurement may differ by

template <class T>
struct Dense {
  const MdsProblem<T>& problem;
  const MdsOptions<T>& options;
  T* embedding;
  double* per_point;
  int threads;
  std::ptrdiff_t n, stride;
  T* x;  // coordinate after coordinate

  Fit fit_rows(bool average, std::ptrdiff_t rows) const {
    return fit<T>({problem.distances, problem.weights, average, n, options.dimensions, x, stride}, rows, per_point,
                  threads);
  }
  Fit fit_all(bool average) const { return fit_rows(average, n); }

  MdsReport finish(const Fit& f, std::int64_t iterations, Stop stop) const {
    to_rows(x, stride, n, options.dimensions, embedding);
    return report_of(f, iterations, stop);
  }
};

// Classical scaling, and whether that is all: exact distances are solved by it. A look at a few rows decides whether it
// pays to ask all of them, which then is the check of the input too; weights and averages need their own.
template <class T>
bool solved_at_once(const Dense<T>& dense, Fit* f) {
  if (dense.problem.weights.data != nullptr || dense.problem.symmetrize) return false;
  const double share = rounding_share<T>();
  const Fit few = dense.fit_rows(false, std::min<std::ptrdiff_t>(dense.n, 4));
  if (!(few.stress <= 16 * share * few.squares)) return false;
  *f = dense.fit_all(false);
  return exact_fit(*f, dense.n, share);
}

// Numbers whose fourth powers, summed, stay away from both ends of the type.
template <class T>
bool comfortable(double largest) {
  return sizeof(T) == 4 ? largest > 1e-5 && largest < 1e6 : largest > 1e-60 && largest < 1e60;
}

template <class T>
MdsReport solve_dense(const Dense<T>& dense);

// The same problem in another unit, a power of two, with a distance that stands in one direction only in both: on a
// copy of the distances.
template <class T>
class Rescaled {
 public:
  Rescaled(const Dense<T>& dense, int exponent)
      : dense_(dense), exponent_(exponent), options_(dense.options), problem_(dense.problem) {
    const std::ptrdiff_t n = dense.n;
    distances_.resize(static_cast<std::size_t>(checked_mul(n, n, "mds: distances")));
    for (std::ptrdiff_t i = 0; i < n; i++) {
      for (std::ptrdiff_t j = 0; j < n; j++) {
        const T there = dense.problem.distances(i, j), back = dense.problem.distances(j, i);
        distances_[i * n + j] = std::ldexp(std::isnan(there) ? back : there, -exponent_);
      }
    }
    problem_.distances = {distances_.data(), n * static_cast<std::ptrdiff_t>(sizeof(T)), sizeof(T)};
    if (options_.init == MdsInit::kGiven) {
      start_.assign(options_.start, options_.start + n * options_.dimensions);
      for (T& value : start_) value = std::ldexp(value, -exponent_);
      options_.start = start_.data();
    }
    if (options_.callback != nullptr) {
      rows_.resize(n * options_.dimensions);
      options_.context = this;
      options_.callback = [](void* context, std::int64_t iteration, const T* x, double loss) {
        return static_cast<Rescaled*>(context)->call(iteration, x, loss);
      };
    }
  }

  MdsReport solve() {
    MdsReport report = solve_dense(Dense<T>{problem_, options_, dense_.embedding, dense_.per_point, dense_.threads,
                                            dense_.n, dense_.stride, dense_.x});
    for (std::ptrdiff_t i = 0; i < dense_.n * options_.dimensions; i++) {
      dense_.embedding[i] = std::ldexp(dense_.embedding[i], exponent_);
    }
    for (std::ptrdiff_t i = 0; i < dense_.n; i++) dense_.per_point[i] = std::ldexp(dense_.per_point[i], 2 * exponent_);
    report.stress = std::ldexp(report.stress, 2 * exponent_);
    return report;
  }

 private:
  bool call(std::int64_t iteration, const T* x, double loss) {
    for (std::size_t i = 0; i < rows_.size(); i++) rows_[i] = std::ldexp(x[i], exponent_);
    const int power = options_.loss == MdsLoss::kSstress ? 4 : 2;
    return dense_.options.callback(dense_.options.context, iteration, rows_.data(),
                                   std::ldexp(loss, power * exponent_));
  }

  const Dense<T>& dense_;
  int exponent_;
  MdsOptions<T> options_;
  MdsProblem<T> problem_;
  std::vector<T> distances_, start_, rows_;
};

}  // namespace

template <class T>
PairReport pack_checked(const MdsProblem<T>& problem, Pairs<T>* pairs, int threads) {
  const auto table = [](const MatrixView<T>& m) {
    return PairTable{m.data, sizeof(T) == 8, m.row_stride, m.column_stride};
  };
  const PairTable distances = table(problem.distances), weights = table(problem.weights);
  const PairReport r = pairs->pack(distances, problem.weights.data != nullptr ? &weights : nullptr, threads);
  if (r.bad_weight) refuse("weights must be finite and at least 0");
  if (r.infinite) refuse("distances must be finite (NaN: missing), got inf");
  if (r.negative) refuse("distances must be at least 0");
  if (!problem.symmetrize) {
    if (r.asymmetry > kSymmetric * r.largest) {
      refuse("distances must be symmetric to ", kSymmetric, " of the largest, ", r.largest,
             ", but D_ij and D_ji differ by ", r.asymmetry, "; pass symmetrize=True to average them");
    }
    if (r.weight_asymmetry > 0) {
      refuse("weights must be symmetric, but w_ij and w_ji differ by ", r.weight_asymmetry,
             "; pass symmetrize=True to average them");
    }
  }
  return r;
}

MdsReport report_of(const Fit& f, std::int64_t iterations, Stop stop) {
  MdsReport report;
  report.stress = f.stress;
  report.normalized_stress = f.squares > 0 ? std::sqrt(f.stress / f.squares) : 0;
  report.iterations = iterations;
  report.converged = stop != Stop::kMaxIter && stop != Stop::kCallback;
  report.reason = reason(stop);
  return report;
}

bool exact_fit(const Fit& f, std::ptrdiff_t n, double share) {
  const double pairs = 0.5 * static_cast<double>(n) * static_cast<double>(n - 1);
  return f.least >= 0 && f.squares > 1e-290 && f.stress <= share * f.squares &&
         f.largest_residual <= kSymmetric / 2 * std::sqrt(f.squares / pairs);
}

template <class T>
void scale_to(const PairReport& report, std::ptrdiff_t points, MdsLoss loss, MinimiseOptions<T>* options) {
  const double share = rounding_share<T>();
  const double pairs = std::max<double>(1, static_cast<double>(report.pairs));
  const double weight = report.sum_weights / pairs, n = static_cast<double>(points);
  options->floor = share * report.sum_squares;
  options->first_step = 1 / (2 * n * weight);
  if (loss == MdsLoss::kSstress) {
    // (d^2 - D^2)^2 is about 4 D^2 (d - D)^2. The step is half the longest that was seen to be stable.
    const double mean = report.sum_squares / report.sum_weights;
    options->floor = 4 * share * report.sum_fourths;
    options->first_step = 0.25 / (n * mean * weight);
  }
}

namespace {

// Where the solver begins when it is not classical scaling.
template <class T>
void given_start(const Dense<T>& dense, double rms) {
  const MdsOptions<T>& o = dense.options;
  to_coordinates(o.start, dense.n, o.dimensions, dense.x, dense.stride);
  if (o.init == MdsInit::kRandom) {
    // Points uniform in a cube of side a are a sqrt(dimensions / 6) apart, in the root mean square.
    const T side = static_cast<T>(rms * std::sqrt(6.0 / o.dimensions));
    std::for_each(dense.x, dense.x + o.dimensions * dense.stride, [&](T& value) { value *= side; });
  }
  centre(dense.x, dense.stride, dense.n, o.dimensions);
}

// Where a solve in float64 goes through float32 first, and what that is good for: a step costs half (1000 points), and
// one or two are left to do. (A callback is shown one loss only, a given start may be better than float32, and larger
// matrices have no memory to spare.)
constexpr std::ptrdiff_t kLeastNarrow = 100, kMostNarrow = 4096;
constexpr double kNarrowTol = 1e-6;

PairLoss pair_loss(MdsLoss loss) { return loss == MdsLoss::kStress ? PairLoss::kStress : PairLoss::kSstress; }

// Steps in float32, where that helps; returns their number.
std::int64_t narrow_steps(const Dense<float>&, const Pairs<float>&, const PairReport&) { return 0; }
std::int64_t narrow_steps(const Dense<double>& dense, const Pairs<double>& pairs, const PairReport& report) {
  const MdsOptions<double>& o = dense.options;
  if (o.callback != nullptr || o.init == MdsInit::kGiven || !comfortable<float>(report.largest)) return 0;
  if (dense.n < kLeastNarrow || dense.n > kMostNarrow) return 0;
  const std::unique_ptr<Pairs<float>> narrow = narrowed(pairs);
  MinimiseOptions<float> m;
  m.max_iter = o.max_iter;
  m.tol = std::max(o.tol, kNarrowTol);
  scale_to(report, dense.n, o.loss, &m);
  std::vector<float> x(dense.x, dense.x + o.dimensions * dense.stride);
  PairObjective<float> objective(*narrow, pair_loss(o.loss), o.dimensions, dense.threads);
  const Minimum minimum = minimise(objective, x.data(), m);
  if (minimum.iterations > 0) std::copy(x.begin(), x.end(), dense.x);
  return minimum.iterations;
}

template <class T>
MdsReport solve_dense(const Dense<T>& dense) {
  const MdsOptions<T>& o = dense.options;
  const std::ptrdiff_t n = dense.n;
  RowCallback<T> callback(o, n, dense.stride);
  bool started = false;
  if (o.init == MdsInit::kClassical) {
    started =
        landmark_scaling(dense.problem.distances, n, dense.problem.symmetrize, o.dimensions, dense.x, dense.stride);
    if (Fit f; started && solved_at_once(dense, &f)) {
      const bool stop = callback(0, dense.x, o.loss == MdsLoss::kStress ? f.stress : 0);
      return dense.finish(f, 0, stop ? Stop::kCallback : Stop::kFloor);
    }
  }

  auto pairs =
      std::make_unique<Pairs<T>>(n, dense.problem.weights.data != nullptr,
                                 o.loss == MdsLoss::kSstress ? PairForm::kNegatedSquares : PairForm::kDistances);
  const PairReport report = pack_checked(dense.problem, pairs.get(), dense.threads);
  if (report.pairs < n * (n - 1) / 2) {
    pairs.reset();  // its memory
    return solve_network(dense.problem, o, dense.embedding, dense.per_point);
  }
  const int exponent = report.largest > 0 && !comfortable<T>(report.largest) ? std::ilogb(report.largest) : 0;
  if (exponent != 0 || report.one_sided > 0) {
    pairs.reset();
    return Rescaled<T>(dense, exponent).solve();
  }
  const double rms = report.largest > 0 ? std::sqrt(report.sum_squares / report.sum_weights) : 0;
  if (o.init != MdsInit::kClassical) {
    given_start(dense, rms);
  } else if (!started) {
    std::fill_n(dense.x, o.dimensions * dense.stride, T(0));
  }
  // Rounding errors of the input need no average: their squares are nothing to the stress, and columns are far apart.
  const bool average =
      report.weight_asymmetry > 0 || report.asymmetry > 8.0 * std::numeric_limits<T>::epsilon() * report.largest;
  if (report.largest == 0) {
    std::fill_n(dense.x, o.dimensions * dense.stride, T(0));
    const bool stop = callback(0, dense.x, 0);
    return dense.finish(dense.fit_all(average), 0, stop ? Stop::kCallback : Stop::kFloor);
  }
  if (some_coincide(dense.x, dense.stride, n, o.dimensions)) {
    const Fit f = dense.fit_all(average);
    if (!(f.stress <= rounding_share<T>() * f.squares)) {
      const double misfit = std::sqrt(f.stress / report.sum_weights);
      part_coincident(dense.x, dense.stride, n, o.dimensions, 0.1 * std::min(rms, misfit));
    }
  }
  const std::int64_t before = narrow_steps(dense, *pairs, report);
  MinimiseOptions<T> m;
  m.max_iter = o.max_iter - before;
  m.tol = o.tol;
  scale_to(report, n, o.loss, &m);
  callback.install(&m);
  PairObjective<T> objective(*pairs, pair_loss(o.loss), o.dimensions, dense.threads);
  const Minimum minimum = minimise(objective, dense.x, m);
  pairs.reset();
  centre(dense.x, dense.stride, n, o.dimensions);
  return dense.finish(dense.fit_all(average), before + minimum.iterations, minimum.stop);
}

template <class T>
void check_list(const MdsProblem<T>& p) {
  const auto inside = [&](std::int64_t i) { return i >= 0 && i < p.points; };
  for (std::ptrdiff_t k = 0; k < p.pairs; k++) {
    if (!inside(p.first[k]) || !inside(p.second[k])) refuse("distances: point numbers must be below ", p.points);
    const double d = static_cast<double>(p.pair_distances[k]);
    if (p.first[k] == p.second[k]) continue;
    if (std::isinf(d)) refuse("distances must be finite (NaN: missing), got inf");
    if (d < 0) refuse("distances must be at least 0, got ", d);
    if (p.pair_weights == nullptr) continue;
    const double w = static_cast<double>(p.pair_weights[k]);
    if (!(w >= 0) || std::isinf(w)) refuse("weights must be finite and at least 0, got ", w);
  }
}

template <class T>
void check_anchors(const MdsProblem<T>& p, int dimensions) {
  std::vector<bool> seen(p.anchors > 0 ? static_cast<std::size_t>(p.points) : 0);
  for (std::ptrdiff_t a = 0; a < p.anchors; a++) {
    const std::int64_t i = p.anchor_points[a];
    if (i < 0 || i >= p.points) refuse("anchors: indices must be between 0 and ", p.points - 1, ", got ", i);
    if (seen[i]) refuse("anchors: index ", i, " is given twice");
    seen[i] = true;
  }
  if (!std::all_of(p.anchor_positions, p.anchor_positions + p.anchors * dimensions,
                   [](T value) { return std::isfinite(value); })) {
    refuse("anchors: positions must be finite");
  }
}

}  // namespace

}  // namespace fastcv::mds

namespace fastcv {

template <class T>
MdsReport solve_mds(const MdsProblem<T>& problem, const MdsOptions<T>& options, T* embedding,
                    double* stress_per_point) {
  const std::ptrdiff_t n = problem.points;
  if (n < 1) mds::refuse("distances must be of at least 1 point");
  if (options.dimensions < 1) mds::refuse("n_components must be at least 1, got ", options.dimensions);
  if (options.max_iter < 0) mds::refuse("max_iter must be at least 0, got ", options.max_iter);
  if (!(options.tol >= 0) || std::isinf(options.tol))
    mds::refuse("tol must be finite and at least 0, got ", options.tol);
  const std::ptrdiff_t values = checked_mul(n, options.dimensions, "mds: positions");
  if (options.init == MdsInit::kGiven &&
      !std::all_of(options.start, options.start + values, [](T v) { return std::isfinite(v); })) {
    mds::refuse("init must be finite");
  }
  mds::check_anchors(problem, options.dimensions);
  const bool list = problem.distances.data == nullptr;
  if (list) mds::check_list(problem);
  if (list || problem.anchors > 0 || options.loss == MdsLoss::kRobust) {
    return mds::solve_network(problem, options, embedding, stress_per_point);
  }
  const std::ptrdiff_t stride = mds::padded(n);
  const Scratch positions(static_cast<std::size_t>(
      checked_mul(checked_mul(stride, options.dimensions, "mds: positions"), sizeof(T), "mds: positions")));
  T* const x = reinterpret_cast<T*>(positions.data());
  return mds::solve_dense(
      mds::Dense<T>{problem, options, embedding, stress_per_point, thread_count(options.num_threads), n, stride, x});
}

template MdsReport solve_mds(const MdsProblem<float>&, const MdsOptions<float>&, float*, double*);
template MdsReport solve_mds(const MdsProblem<double>&, const MdsOptions<double>&, double*, double*);

namespace mds {
template PairReport pack_checked(const MdsProblem<float>&, Pairs<float>*, int);
template PairReport pack_checked(const MdsProblem<double>&, Pairs<double>*, int);
template void scale_to(const PairReport&, std::ptrdiff_t, MdsLoss, MinimiseOptions<float>*);
template void scale_to(const PairReport&, std::ptrdiff_t, MdsLoss, MinimiseOptions<double>*);
}  // namespace mds

}  // namespace fastcv
