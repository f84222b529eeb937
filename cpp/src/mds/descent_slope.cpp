// Few points: see descent_few.hpp. Many: each pair once (Pairs). Distances that differ by direction: lanes are points,
// and the distances are read in place.
#include "mds/descent_slope.hpp"

#include <algorithm>
#include <limits>
#include <vector>

#include "mds/descent_few.hpp"
#include "mds/objective.hpp"
#include "mds/pairs.hpp"
#include "mds/pairs_table.hpp"

namespace fastcv::mds {
namespace {

constexpr std::ptrdiff_t kColumns = 1024;  // that are gathered at a time: 64 KiB of float
constexpr std::ptrdiff_t kBlocksPerThread = 16;
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
      : loss_(loss),
        kernels_(lanes_kernels<T>(pair_loss(loss), dimensions)),
        value_factor_(ordered_factor(loss, kernels_)),
        points_(points),
        dimensions_(dimensions),
        table_(table),
        blocks_(padded(points) / kTile),
        threads_(threads),
        values_(blocks_),
        memory_(static_cast<std::size_t>(band_count(blocks_, kBlocksPerThread, threads) * kColumns * kTile) *
                sizeof(T)) {
    this->sums_ = {report.sum_squares, report.sum_fourths, false};
  }
  double gradient(const T* x, T* g) override {
    parallel_rows(blocks_, kBlocksPerThread, threads_, [&](Band& band) {
      T* tile = reinterpret_cast<T*>(memory_.data()) + band.index * kColumns * kTile;
      const LanesJob<T> job{points_, padded(points_), dimensions_, tile, const_cast<T*>(x), g, T(0)};
      for (std::ptrdiff_t block = band.begin; block < band.end; block++) {
        values_[block] = 0;
        for (std::ptrdiff_t begin = 0; begin < points_; begin += kColumns) {
          band.checkpoint();
          const std::ptrdiff_t end = std::min(begin + kColumns, points_);
          gather(block * kTile, begin, end, tile);
          values_[block] += kernels_.block(job, block, begin, end);
        }
        for (int c = 0; c < dimensions_; c++)
          for (std::ptrdiff_t i = 0; i < kTile; i++) g[c * job.stride + block * kTile + i] *= kernels_.gradient_factor;
      }
    });
    double value = 0;
    for (const double v : values_) value += v;
    return value * value_factor_;
  }
  void descend(T* x, T* g, double rate, std::int64_t steps) override {
    for (std::int64_t i = 0; i < steps; i++) {
      gradient(x, g);
      step(x, g, rate);
    }
  }
  void step(T* x, const T* g, double rate) override {
    kernels_.step(x, g, static_cast<T>(rate), dimensions_ * padded(points_));
  }

 private:
  // D_ij for 16 rows i and columns j from begin to end, as [j][i].
  void gather(std::ptrdiff_t row, std::ptrdiff_t begin, std::ptrdiff_t end, T* tile) const {
    const std::ptrdiff_t rows = std::min(kTile, points_ - row);
    if (rows < kTile) std::fill_n(tile, (end - begin) * kTile, T(0));
    copy_tile<T>(passes_, table_, row, begin, rows, end - begin, 1, kTile, tile);
    for (std::ptrdiff_t i = std::max(row, begin); i < std::min(row + rows, end); i++)
      tile[(i - begin) * kTile + i - row] = 0;
    if (loss_ == DescentLoss::kSstress) negate_squares(tile, (end - begin) * kTile);
  }

  DescentLoss loss_;
  LanesKernels<T> kernels_;
  PairPasses<T> passes_ = pair_passes<T>();
  double value_factor_;
  std::ptrdiff_t points_;
  int dimensions_;
  PairTable table_;
  std::ptrdiff_t blocks_;
  int threads_;
  std::vector<double> values_;
  Scratch memory_;
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
