#include "mds/network_loss.hpp"

#include <algorithm>
#include <limits>

#include "fastcv/runtime.hpp"

namespace fastcv::mds {
namespace {
constexpr std::ptrdiff_t kBlock = 32768;  // pairs: about 0.2 ms, enough for a thread to be worth its start
constexpr std::ptrdiff_t kMostBlocks = 32;
}  // namespace

NetworkLoss::NetworkLoss(const Network& network, MdsLoss loss, int dimensions, int threads)
    : network_(network),
      rho_{loss, 1},
      dimensions_(dimensions),
      threads_(threads),
      blocks_(std::clamp<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(network.pairs.size()) / kBlock, 1, kMostBlocks)),
      weights_(network.free, 0.0),
      positions_(checked_mul(network.points, dimensions, "mds: positions"), 0.0),
      partial_(blocks_, std::vector<double>(positions_.size())),
      sums_(blocks_) {
  double curvature = 0;
  for (const Pair& p : network.pairs) {
    const double h = 2 * p.weight * (loss == MdsLoss::kSstress ? 4 * p.distance * p.distance : 1);
    curvature += h;
    weights_[p.a] += p.weight;
    if (p.b < network.free) weights_[p.b] += p.weight;
  }
  if (network.anchor_count() == 0 && dimensions == network.dimensions && mostly_measured(network)) pack();
  if (curvature > 0) first_step_ = static_cast<double>(network.free) / (2 * curvature);
  for (std::ptrdiff_t k = 0; k < network.anchor_count(); k++) {
    std::copy_n(network.anchors.data() + k * network.dimensions, std::min(dimensions, network.dimensions),
                positions_.data() + (network.free + k) * dimensions);
  }
}

// Through a full matrix: of NaN where nothing was measured.
void NetworkLoss::pack() {
  const std::ptrdiff_t n = network_.points;
  const std::vector<Pair>& pairs = network_.pairs;
  const std::size_t values = static_cast<std::size_t>(checked_mul(n, n, "mds: distances"));
  std::vector<double> distances(values, std::numeric_limits<double>::quiet_NaN()), weights;
  const bool weighted = std::any_of(pairs.begin(), pairs.end(), [](const Pair& p) { return p.weight != 1; });
  if (weighted) weights.assign(values, 0.0);
  for (const Pair& p : pairs) {
    const std::ptrdiff_t up = p.a * n + p.b, down = p.b * n + p.a;
    distances[up] = distances[down] = p.distance;
    if (weighted) weights[up] = weights[down] = p.weight;
  }
  const auto table = [&](const std::vector<double>& m) {
    return PairTable{m.data(), true, n * static_cast<std::ptrdiff_t>(sizeof(double)), sizeof(double)};
  };
  const bool complete = static_cast<std::ptrdiff_t>(pairs.size()) == n * (n - 1) / 2;
  packed_ = std::make_unique<Pairs<double>>(n, weighted || !complete);
  const PairTable distance_table = table(distances), weight_table = table(weights);
  packed_->pack(distance_table, weighted ? &weight_table : nullptr, threads_);
}

namespace {

// The pull along a - b that a pair adds to the gradient of a; its term is added to `sum`.
template <MdsLoss L>
inline double pull_of(const Pair& pair, double squared, double mu2, double* sum) {
  if constexpr (L == MdsLoss::kSstress) {
    const double r = squared - pair.distance * pair.distance;
    *sum += pair.weight * r * r;
    return 4 * pair.weight * r;
  }
  const double length = std::sqrt(squared), r = length - pair.distance;
  // Where two points meet the loss has no gradient; none is as good as any.
  const double slope = length > 0 ? 2 * pair.weight * r / length : 0;
  const double term = pair.weight * r * r;
  if constexpr (L == MdsLoss::kRobust) {
    const double q = mu2 / (mu2 + r * r);
    *sum += term * q;
    return slope * q * q;
  }
  *sum += term;
  return slope;
}

}  // namespace

template <int D, MdsLoss L>
double NetworkLoss::block(std::ptrdiff_t begin, std::ptrdiff_t end, double* gradient) const {
  const std::ptrdiff_t dims = D > 0 ? D : dimensions_;
  const double mu2 = rho_.mu2;
  const std::vector<Pair>& pairs = network_.pairs;
  double sum = 0;
  for (std::ptrdiff_t k = begin; k < end;) {
    // All pairs of a point a, whose gradient stays in registers.
    const std::int32_t first = pairs[k].a;
    double a[D > 0 ? D : 1], ga[D > 0 ? D : 1] = {};
    for (int c = 0; c < D; c++) a[c] = positions_[first * dims + c];
    for (; k < end && pairs[k].a == first; k++) {
      const Pair& pair = pairs[k];
      const double* b = positions_.data() + pair.b * dims;
      double *gb = gradient + pair.b * dims, squared = 0;
      if constexpr (D > 0) {
        double gap[D];
        for (int c = 0; c < D; c++) {
          gap[c] = a[c] - b[c];
          squared += gap[c] * gap[c];
        }
        const double pull = pull_of<L>(pair, squared, mu2, &sum);
        for (int c = 0; c < D; c++) {
          ga[c] += pull * gap[c];
          gb[c] -= pull * gap[c];
        }
      } else {
        const double* p = positions_.data() + first * dims;
        for (int c = 0; c < dims; c++) squared += (p[c] - b[c]) * (p[c] - b[c]);
        const double pull = pull_of<L>(pair, squared, mu2, &sum);
        for (int c = 0; c < dims; c++) {
          gradient[first * dims + c] += pull * (p[c] - b[c]);
          gb[c] -= pull * (p[c] - b[c]);
        }
      }
    }
    for (int c = 0; c < D; c++) gradient[first * dims + c] += ga[c];
  }
  return sum;
}

template <MdsLoss L>
double NetworkLoss::block_of(std::ptrdiff_t begin, std::ptrdiff_t end, double* gradient) const {
  switch (dimensions_) {
    case 2:
      return block<2, L>(begin, end, gradient);
    case 3:
      return block<3, L>(begin, end, gradient);
    default:
      return block<0, L>(begin, end, gradient);
  }
}

double NetworkLoss::evaluate(const double* x, double* g) {
  const std::ptrdiff_t n = network_.free, stride = this->stride();
  if (packed_) {
    const PairLoss loss = rho_.loss == MdsLoss::kStress    ? PairLoss::kStress
                          : rho_.loss == MdsLoss::kSstress ? PairLoss::kSstress
                                                           : PairLoss::kGemanMcClure;
    return packed_->gradient(loss, rho_.mu2, dimensions_, x, g, true, threads_);
  }
  from_planes(x, n, positions_, dimensions_);
  const auto pairs = static_cast<std::ptrdiff_t>(network_.pairs.size());
  parallel_rows(blocks_, 1, threads_, [&](Band& band) {
    for (std::ptrdiff_t k = band.begin; k < band.end; k++) {
      const std::ptrdiff_t begin = pairs / blocks_ * k + std::min(k, pairs % blocks_);
      const std::ptrdiff_t end = pairs / blocks_ * (k + 1) + std::min(k + 1, pairs % blocks_);
      double* gradient = partial_[k].data();
      std::fill_n(gradient, partial_[k].size(), 0.0);
      sums_[k] = rho_.loss == MdsLoss::kStress    ? block_of<MdsLoss::kStress>(begin, end, gradient)
                 : rho_.loss == MdsLoss::kSstress ? block_of<MdsLoss::kSstress>(begin, end, gradient)
                                                  : block_of<MdsLoss::kRobust>(begin, end, gradient);
      band.checkpoint();
    }
  });
  double sum = 0;
  for (const double s : sums_) sum += s;
  for (std::ptrdiff_t k = 1; k < blocks_; k++) {
    for (std::ptrdiff_t i = 0; i < n * dimensions_; i++) partial_[0][i] += partial_[k][i];
  }
  std::fill_n(g, dimensions_ * stride, 0.0);
  for (std::ptrdiff_t i = 0; i < n; i++) {
    for (int c = 0; c < dimensions_; c++) g[c * stride + i] = partial_[0][i * dimensions_ + c];
  }
  if (penalty_ > 0) {
    for (int c = network_.dimensions; c < dimensions_; c++) {
      for (std::ptrdiff_t i = 0; i < n; i++) {
        const double z = x[c * stride + i], w = penalty_ * weights_[i];
        sum += w * z * z;
        g[c * stride + i] += 2 * w * z;
      }
    }
  }
  return sum;
}

std::vector<double> to_planes(const Positions& x, int dimensions, std::ptrdiff_t points, int to) {
  const std::ptrdiff_t stride = padded(points);
  std::vector<double> planes(to * stride, 0.0);
  for (int c = 0; c < std::min(to, dimensions); c++) {
    for (std::ptrdiff_t i = 0; i < points; i++) planes[c * stride + i] = x[i * dimensions + c];
  }
  return planes;
}

void from_planes(const double* planes, std::ptrdiff_t points, Positions& x, int dimensions) {
  const std::ptrdiff_t stride = padded(points);
  for (std::ptrdiff_t i = 0; i < points; i++) {
    for (int c = 0; c < dimensions; c++) x[i * dimensions + c] = planes[c * stride + i];
  }
}

}  // namespace fastcv::mds
