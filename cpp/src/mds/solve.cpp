// solve_mds: checks, the choice of a way, and the complete matrix.
#include "mds/solve.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "fastcv/runtime.hpp"
#include "mds/classical.hpp"
#include "mds/fit.hpp"

namespace fastcv::mds {
namespace {

constexpr double kSymmetric = 1e-5;  // of the largest entry: what two directions of one measurement may differ by

template <class... Parts>
[[noreturn]] void refuse(const Parts&... parts) {
  std::ostringstream text;
  text << "mds: ";
  (text << ... << parts);
  throw std::invalid_argument(text.str());
}

// Classical scaling needs more landmarks than dimensions, and noise averages out over them; their eigenvectors cost the
// cube of their number. Measured on 10 % noise: 32 need two steps more than all 1000 would, 16 four.
std::ptrdiff_t landmark_count(int dimensions) { return std::max(32, 4 * (dimensions + 1)); }

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
};

bool exact(const Fit& f, double share) {
  // The squares neither vanished nor overflowed, and no residual is large enough to hide asymmetry that is refused.
  return f.least >= 0 && f.squares > 1e-290 && f.stress <= share * f.squares &&
         f.largest_residual <= kSymmetric / 4 * std::sqrt(f.squares);
}

template <class T>
MdsReport finish(const Dense<T>& dense, const Fit& f, std::int64_t iterations, Stop stop) {
  to_rows(dense.x, dense.stride, dense.n, dense.options.dimensions, dense.embedding);
  MdsReport report;
  report.stress = f.stress;
  report.normalized_stress = f.squares > 0 ? std::sqrt(f.stress / f.squares) : 0;
  report.iterations = iterations;
  report.converged = stop != Stop::kMaxIter && stop != Stop::kCallback;
  report.reason = reason(stop);
  return report;
}

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
      refuse("distances must be symmetric to ", kSymmetric, " of the largest, ", r.largest, ", but D_ij and D_ji differ by ",
             r.asymmetry, "; symmetrize=True averages them");
    }
    if (r.weight_asymmetry > 0) {
      refuse("weights must be symmetric, but w_ij and w_ji differ by ", r.weight_asymmetry,
             "; symmetrize=True averages them");
    }
  }
  return r;
}

template <class T>
void scale_to(const PairReport& report, std::ptrdiff_t points, MdsLoss loss, MinimiseOptions<T>* options) {
  const double share = rounding_share<T>();
  const double pairs = std::max<double>(1, static_cast<double>(report.pairs));
  const double weight = report.sum_weights / pairs, n = static_cast<double>(points);
  options->floor = share * report.sum_squares;
  options->first_step = 1 / (2 * n * weight);
  if (loss == MdsLoss::kSstress) {
    // (d^2 - D^2)^2 is about 4 D^2 (d - D)^2, and the mean of D^4 is at least the squared mean of D^2. A quarter of n times
    // the latter is half the longest step that was seen to be stable.
    const double mean = report.sum_squares / report.sum_weights;
    options->floor = 4 * share * report.sum_squares * mean;
    options->first_step = 0.25 / (n * mean * weight);
  }
}

template <class T>
MdsReport solve_dense(const Dense<T>& dense) {
  const MdsOptions<T>& o = dense.options;
  const std::ptrdiff_t n = dense.n;
  RowCallback<T> callback(o, n, dense.stride);
  bool started = false;
  if (o.init == MdsInit::kClassical) {
    started = landmark_scaling(dense.problem.distances, n, dense.problem.symmetrize, landmark_count(o.dimensions),
                               o.dimensions, dense.x, dense.stride);
    // Exact distances are solved by now. A look at a few rows decides whether it pays to ask all of them, which then is
    // the check of the input too. Weights and averages need their own.
    if (started && dense.problem.weights.data == nullptr && !dense.problem.symmetrize) {
      const double share = rounding_share<T>();
      const Fit few = dense.fit_rows(false, std::min<std::ptrdiff_t>(n, 4));
      if (few.stress <= 16 * share * few.squares) {
        const Fit all = dense.fit_rows(false, n);
        if (exact(all, share)) {
          const bool stop = callback(0, dense.x, o.loss == MdsLoss::kStress ? all.stress : 0);
          return finish(dense, all, 0, stop ? Stop::kCallback : Stop::kFloor);
        }
      }
    }
  }

  auto pairs = std::make_unique<Pairs<T>>(n, dense.problem.weights.data != nullptr);
  const PairReport report = pack_checked(dense.problem, pairs.get(), dense.threads);
  if (report.pairs < n * (n - 1) / 2) {
    pairs.reset();  // its memory
    return solve_network(dense.problem, o, dense.embedding, dense.per_point);
  }
  const double rms = std::sqrt(report.sum_squares / report.sum_weights);
  MinimiseOptions<T> m;
  m.max_iter = o.max_iter;
  m.tol = o.tol;
  scale_to(report, n, o.loss, &m);
  callback.install(&m);

  if (o.init != MdsInit::kClassical) {
    to_coordinates(o.start, n, o.dimensions, dense.x, dense.stride);
    if (o.init == MdsInit::kRandom) {
      // Points uniform in a cube of side a are a sqrt(dimensions / 6) apart, in the root mean square.
      const T side = static_cast<T>(rms * std::sqrt(6.0 / o.dimensions));
      std::for_each(dense.x, dense.x + o.dimensions * dense.stride, [&](T& value) { value *= side; });
    }
    centre(dense.x, dense.stride, n, o.dimensions);
  } else if (!started) {
    refuse("distances are too large for their type");
  }
  PairObjective<T> objective(*pairs, o.loss == MdsLoss::kStress ? PairLoss::kStress : PairLoss::kSstress, o.dimensions,
                             dense.threads);
  const bool average = report.asymmetry > 0 || report.weight_asymmetry > 0 || report.one_sided > 0;
  const Fit start = dense.fit_rows(average, n);
  if (start.stress > rounding_share<T>() * start.squares) {
    part_coincident(dense.x, dense.stride, n, o.dimensions, 0.1 * std::min(rms, std::sqrt(start.stress / report.sum_weights)));
  }
  const Minimum minimum = minimise(objective, dense.x, m);
  pairs.reset();
  centre(dense.x, dense.stride, n, o.dimensions);
  return finish(dense, dense.fit_rows(average, n), minimum.iterations, minimum.stop);
}

}  // namespace fastcv::mds
