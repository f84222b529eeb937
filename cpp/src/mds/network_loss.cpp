#include "mds/network_loss.hpp"

#include <algorithm>

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
  if (curvature > 0) first_step_ = static_cast<double>(network.free) / (2 * curvature);
  for (std::ptrdiff_t k = 0; k < network.anchor_count(); k++) {
    std::copy_n(network.anchors.data() + k * network.dimensions, std::min(dimensions, network.dimensions),
                positions_.data() + (network.free + k) * dimensions);
  }
}

template <int D, MdsLoss L>
double NetworkLoss::block(std::ptrdiff_t begin, std::ptrdiff_t end, double* gradient) const {
  const int dims = D > 0 ? D : dimensions_;
  const double mu2 = rho_.mu2;
  double sum = 0;
  for (std::ptrdiff_t k = begin; k < end; k++) {
    const Pair& pair = network_.pairs[k];
    const double* a = positions_.data() + static_cast<std::ptrdiff_t>(pair.a) * dims;
    const double* b = positions_.data() + static_cast<std::ptrdiff_t>(pair.b) * dims;
    double* ga = gradient + static_cast<std::ptrdiff_t>(pair.a) * dims;
    double* gb = gradient + static_cast<std::ptrdiff_t>(pair.b) * dims;
    double squared = 0;
    for (int c = 0; c < dims; c++) squared += (a[c] - b[c]) * (a[c] - b[c]);
    double pull;  // the gradient of a is pull * (a - b)
    if constexpr (L == MdsLoss::kSstress) {
      const double r = squared - pair.distance * pair.distance;
      sum += pair.weight * r * r;
      pull = 4 * pair.weight * r;
    } else {
      const double length = std::sqrt(squared), r = length - pair.distance;
      // Where two points meet the loss has no gradient; none is as good as any.
      double slope = length > 0 ? 2 * pair.weight * r / length : 0;
      double term = pair.weight * r * r;
      if constexpr (L == MdsLoss::kRobust) {
        const double q = mu2 / (mu2 + r * r);
        term *= q;
        slope *= q * q;
      }
      sum += term;
      pull = slope;
    }
    for (int c = 0; c < dims; c++) {
      const double push = pull * (a[c] - b[c]);
      ga[c] += push;
      gb[c] -= push;
    }
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
