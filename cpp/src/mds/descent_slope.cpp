// Few points: see descent_few.hpp. Many: each pair once (Pairs). Distances that differ by direction: lanes are points,
// and the distances are read in place.
#include "mds/descent_slope.hpp"

#include <limits>

#include "mds/descent_few.hpp"
#include "mds/descent_rows.hpp"
#include "mds/objective.hpp"
#include "mds/pairs.hpp"

namespace fastcv::mds {
namespace {

template <class T>
class ManyPoints : public Slope<T> {
 public:
  ManyPoints(DescentLoss loss, int dimensions, std::unique_ptr<Pairs<T>> pairs, const PairReport& report, int threads)
      : loss_(pair_loss(loss)),
        value_factor_(loss == DescentLoss::kSstress ? 2 : 1),
        dimensions_(dimensions),
        threads_(threads),
        pairs_(std::move(pairs)),
        step_(lanes_kernels<T>(loss_, dimensions).step) {
    this->sums_ = {report.sum_squares, report.sum_fourths, true};
  }
  double gradient(const T* x, T* g) override {
    return pairs_->gradient(loss_, 0, dimensions_, x, g, true, threads_) * value_factor_;
  }
  void descend(T* x, T* g, double rate, std::int64_t steps) override {
    for (std::int64_t i = 0; i < steps; i++) {
      pairs_->gradient(loss_, 0, dimensions_, x, g, false, threads_);
      step(x, g, rate);
    }
  }
  void step(T* x, const T* g, double rate) override {
    step_(x, g, static_cast<T>(rate), dimensions_ * pairs_->stride());
  }

 private:
  PairLoss loss_;
  double value_factor_;
  int dimensions_, threads_;
  std::unique_ptr<Pairs<T>> pairs_;
  void (*step_)(T*, const T*, T, std::ptrdiff_t);
};

template <class T>
class ByDirection : public Slope<T> {
 public:
  ByDirection(DescentLoss loss, std::ptrdiff_t points, int dimensions, const PairTable& table, const PairReport& report,
              int threads)
      : rows_(loss, {points, 0, 0, points}, dimensions, table, threads),
        step_(lanes_kernels<T>(pair_loss(loss), dimensions).step),
        values_(dimensions * padded(points)) {
    this->sums_ = {report.sum_squares, report.sum_fourths, false};
  }
  double gradient(const T* x, T* g) override { return rows_.gradient(x, g); }
  void descend(T* x, T* g, double rate, std::int64_t steps) override {
    for (std::int64_t i = 0; i < steps; i++) {
      gradient(x, g);
      step(x, g, rate);
    }
  }
  void step(T* x, const T* g, double rate) override { step_(x, g, static_cast<T>(rate), values_); }

 private:
  RowsGradient<T> rows_;
  void (*step_)(T*, const T*, T, std::ptrdiff_t);
  std::ptrdiff_t values_;
};

}  // namespace

template <class T>
std::unique_ptr<Slope<T>> make_slope(DescentLoss loss, std::ptrdiff_t points, int dimensions,
                                     const DistancesView& distances, int threads) {
  const PairTable table{distances.data, distances.wide, distances.row_stride, distances.column_stride};
  if (auto few = make_slope_of_few<T>(loss, points, dimensions, table)) return few;
  auto pairs = std::make_unique<Pairs<T>>(
      points, false, loss == DescentLoss::kSstress ? PairForm::kNegatedSquares : PairForm::kDistances);
  const PairReport report = pairs->pack(table, nullptr, threads);
  refuse_distances(report.negative, report.infinite, report.missing + report.one_sided > 0);
  if (report.asymmetry <= kRounding * std::numeric_limits<T>::epsilon() * report.largest)
    return std::make_unique<ManyPoints<T>>(loss, dimensions, std::move(pairs), report, threads);
  pairs.reset();
  return std::make_unique<ByDirection<T>>(loss, points, dimensions, table, report, threads);
}

template std::unique_ptr<Slope<float>> make_slope(DescentLoss, std::ptrdiff_t, int, const DistancesView&, int);
template std::unique_ptr<Slope<double>> make_slope(DescentLoss, std::ptrdiff_t, int, const DistancesView&, int);

}  // namespace fastcv::mds
