// The loss of a network as an objective, and what single terms of it are.
#pragma once

#include <cmath>
#include <memory>
#include <vector>

#include "mds/network.hpp"
#include "mds/objective.hpp"
#include "mds/pairs.hpp"

namespace fastcv::mds {

// One term of a loss, without its weight: rho(l, D) of the length l that should be D. `mu2` is the square of the
// residual at which Geman-McClure's loss, r^2 mu2 / (r^2 + mu2), is half of r^2.
struct Rho {
  MdsLoss loss = MdsLoss::kStress;
  double mu2 = 1;

  double operator()(double length, double distance) const {
    const double r = loss == MdsLoss::kSstress ? length * length - distance * distance : length - distance;
    return loss == MdsLoss::kRobust ? r * r * (mu2 / (mu2 + r * r)) : r * r;
  }
  // Of the least squares that have the same gradient as this loss.
  double weight(double length, double distance) const {
    if (loss != MdsLoss::kRobust) return 1;
    const double r = length - distance, q = mu2 / (mu2 + r * r);
    return q * q;
  }
};

// Variables are the free points. Points may have more dimensions than the network (anchors stand at 0 there), and
// `penalty` * (sum of the point's weights) * z^2 draws each of the further coordinates z to 0.
// Sums are taken in blocks of pairs whose number does not depend on the threads.
class NetworkLoss final : public Objective<double> {
 public:
  NetworkLoss(const Network& network, MdsLoss loss, int dimensions, int threads);

  std::ptrdiff_t size() const override { return network_.free; }
  std::ptrdiff_t stride() const override { return padded(network_.free); }
  int dimensions() const override { return dimensions_; }
  double evaluate(const double* x, double* g) override;

  void set_mu2(double mu2) { rho_.mu2 = mu2; }
  void set_penalty(double penalty) { penalty_ = penalty; }
  const Rho& rho() const { return rho_; }
  // A gradient step that does not overshoot much: the inverse of a typical curvature.
  double first_step() const { return first_step_; }

 private:
  template <int D, MdsLoss L>
  double block(std::ptrdiff_t begin, std::ptrdiff_t end, double* gradient) const;
  template <MdsLoss L>
  double block_of(std::ptrdiff_t begin, std::ptrdiff_t end, double* gradient) const;

  void pack();

  const Network& network_;
  std::unique_ptr<Pairs<double>> packed_;  // where most pairs were measured: vectors are faster then, zeros included
  Rho rho_;
  int dimensions_, threads_;
  std::ptrdiff_t blocks_;
  double penalty_ = 0, first_step_ = 0;
  std::vector<double> weights_;               // of each free point's pairs, summed
  std::vector<double> positions_;             // point after point
  std::vector<std::vector<double>> partial_;  // gradients of each block, all points
  std::vector<double> sums_;
};

// Between the layouts of objectives and networks: free points only; in further dimensions than `to` nothing is kept,
// in those that `x` lacks stand zeros.
std::vector<double> to_planes(const Positions& x, int dimensions, std::ptrdiff_t points, int to);
void from_planes(const double* planes, std::ptrdiff_t points, Positions& x, int dimensions);

// Whether so many pairs were measured that a full matrix is no waste.
inline bool mostly_measured(const Network& network) {
  const auto n = static_cast<double>(network.points);
  return network.points >= 64 && 4 * static_cast<double>(network.pairs.size()) >= 0.5 * n * (n - 1);
}

inline double length_between(const double* a, const double* b, int dimensions) {
  double sum = 0;
  for (int c = 0; c < dimensions; c++) sum += (a[c] - b[c]) * (a[c] - b[c]);
  return std::sqrt(sum);
}

}  // namespace fastcv::mds
