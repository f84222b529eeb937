// solve_mds for a matrix that lies elsewhere: the way of solve.cpp through a complete matrix.
#include <algorithm>
#include <cmath>
#include <vector>

#include "fastcv/runtime.hpp"
#include "mds/classical.hpp"
#include "mds/solve.hpp"

namespace fastcv::mds {
namespace {

class RemoteObjective final : public Objective<double> {
 public:
  RemoteObjective(RemoteDistances& distances, int dimensions, double* per_point)
      : distances_(distances),
        dimensions_(dimensions),
        stride_(padded(distances.points)),
        rows_(static_cast<std::size_t>(distances.points * dimensions)),
        slope_(rows_.size()),
        per_point_(per_point) {}

  std::ptrdiff_t size() const override { return distances_.points; }
  std::ptrdiff_t stride() const override { return stride_; }
  int dimensions() const override { return dimensions_; }

  double evaluate(const double* x, double* g) override {
    to_rows(x, stride_, size(), dimensions_, rows_.data());
    const double stress = distances_.gradient(rows_.data(), slope_.data());
    to_coordinates(slope_.data(), size(), dimensions_, g, stride_);
    return stress;
  }

  Fit fit(const double* x) {
    to_rows(x, stride_, size(), dimensions_, rows_.data());
    Fit f;
    f.largest_residual = distances_.residuals(rows_.data(), per_point_);
    f.squares = distances_.sum_squares;
    for (std::ptrdiff_t i = 0; i < size(); i++) f.stress += per_point_[i] / 2;
    return f;
  }

 private:
  RemoteDistances& distances_;
  int dimensions_;
  std::ptrdiff_t stride_;
  std::vector<double> rows_, slope_;
  double* per_point_;
};

struct Remote {
  RemoteDistances& distances;
  const MdsOptions<double>& options;
  double* embedding;
  RemoteObjective& objective;
  std::vector<double> x;

  // Whether that was all, as in solve.cpp: the fit is then in *f.
  bool start(Fit* f) {
    const std::ptrdiff_t n = distances.points, stride = objective.stride();
    if (options.init == MdsInit::kGiven) {
      to_coordinates(options.start, n, options.dimensions, x.data(), stride);
      centre(x.data(), stride, n, options.dimensions);
      return false;
    }
    const std::vector<std::ptrdiff_t> chosen = choose_landmarks(n, options.dimensions);
    std::vector<double> rows(chosen.size() * static_cast<std::size_t>(n));
    distances.rows(chosen, rows.data());
    if (!landmark_scaling(rows.data(), n, options.dimensions, x.data(), stride)) {
      std::fill(x.begin(), x.end(), 0.0);
      return false;
    }
    *f = objective.fit(x.data());
    return exact_fit(*f, n, rounding_share<double>());
  }

  void part() {
    const std::ptrdiff_t n = distances.points, stride = objective.stride();
    if (!some_coincide(x.data(), stride, n, options.dimensions)) return;
    const Fit f = objective.fit(x.data());
    if (f.stress <= rounding_share<double>() * f.squares) return;
    const double pairs = std::max(1.0, 0.5 * static_cast<double>(n) * static_cast<double>(n - 1));
    const double amount = 0.1 * std::sqrt(std::min(f.squares, f.stress) / pairs);
    part_coincident(x.data(), stride, n, options.dimensions, amount);
  }

  Minimum minimise_stress(RowCallback<double>& callback) {
    PairReport report;
    report.pairs = distances.points * (distances.points - 1) / 2;
    report.sum_weights = static_cast<double>(report.pairs);
    report.sum_squares = distances.sum_squares;
    MinimiseOptions<double> m;
    m.max_iter = options.max_iter;
    m.tol = options.tol;
    scale_to(report, distances.points, MdsLoss::kStress, &m);
    callback.install(&m);
    return minimise(objective, x.data(), m);
  }

  MdsReport finish(const Fit& f, std::int64_t iterations, Stop stop) const {
    to_rows(x.data(), objective.stride(), distances.points, options.dimensions, embedding);
    return report_of(f, iterations, stop);
  }
};

}  // namespace
}  // namespace fastcv::mds

namespace fastcv {

MdsReport solve_mds(RemoteDistances& distances, const MdsOptions<double>& options, double* embedding,
                    double* stress_per_point) {
  using namespace mds;
  const std::ptrdiff_t n = distances.points;
  const int dimensions = options.dimensions;
  RemoteObjective objective(distances, dimensions, stress_per_point);
  Remote remote{distances, options, embedding, objective, {}};
  remote.x.resize(static_cast<std::size_t>(checked_mul(objective.stride(), dimensions, "mds: positions")));
  RowCallback<double> callback(options, n, objective.stride());

  Fit f;
  bool done = distances.largest > 0 && remote.start(&f);
  if (distances.largest == 0) {  // all in one place
    f = objective.fit(remote.x.data());
    done = true;
  }
  if (done) {
    const bool stop = callback(0, remote.x.data(), f.stress);
    return remote.finish(f, 0, stop ? Stop::kCallback : Stop::kFloor);
  }
  remote.part();
  const Minimum minimum = remote.minimise_stress(callback);
  centre(remote.x.data(), objective.stride(), n, dimensions);
  return remote.finish(objective.fit(remote.x.data()), minimum.iterations, minimum.stop);
}

}  // namespace fastcv
