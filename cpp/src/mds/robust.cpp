#include "mds/robust.hpp"

#include <algorithm>
#include <cmath>

namespace fastcv::mds {
namespace {

// The noise is read from the third of the residuals that is smallest: up to half of them may be wrong.
constexpr double kQuantile = 0.35;
constexpr double kNormalQuantile = 0.4538;  // of |z|
constexpr double kNarrow = 2;               // times the noise: the scale that tells good from wrong best
constexpr double kWide = 3;                 // the scale that then loses least of what the good ones say
constexpr double kShrink = 2;
constexpr double kSettled = 1.05;
constexpr double kLeast = 1e-12;  // of the largest distance: below it there is no noise
constexpr int kMostScales = 60;
constexpr int kFinalScales = 40;

struct Residuals {
  double largest, noise;
};

Residuals residuals_of(const Network& network, const double* planes) {
  const int d = network.dimensions;
  Positions x = network.positions();
  from_planes(planes, network.free, x, d);
  network.place_anchors(x);
  std::vector<double> r;
  r.reserve(network.pairs.size());
  for (const Pair& p : network.pairs) {
    r.push_back(std::abs(length_between(x.data() + std::ptrdiff_t{p.a} * d, x.data() + std::ptrdiff_t{p.b} * d, d) -
                         p.distance));
  }
  const double largest = *std::max_element(r.begin(), r.end());
  const auto middle = r.begin() + static_cast<std::ptrdiff_t>(kQuantile * static_cast<double>(r.size() - 1));
  std::nth_element(r.begin(), middle, r.end());
  // Coordinates follow the noise: as if there were fewer distances.
  const auto count = static_cast<double>(r.size()), unknowns = static_cast<double>(network.free * d);
  return {largest, *middle / kNormalQuantile * std::sqrt(count / std::max(count - unknowns, count / 4))};
}

}  // namespace

Minimum minimise_robust(NetworkLoss& loss, const Network& network, double* x, const MinimiseOptions<double>& options,
                        double* scale) {
  double longest = 0;
  for (const Pair& p : network.pairs) longest = std::max(longest, p.distance);
  const double least = kLeast * longest;
  Minimum total;
  const auto at_scale = [&](double mu, double tol, std::int64_t max_iter) {
    MinimiseOptions<double> o = options;
    o.tol = std::max(tol, options.tol);
    o.max_iter = std::min(max_iter, options.max_iter);
    loss.set_mu2(mu * mu);
    *scale = mu;
    const Minimum found = minimise(loss, x, o);
    total.value = found.value;
    total.iterations += found.iterations;
    total.evaluations += found.evaluations;
    total.stop = found.stop;
    return found.stop != Stop::kCallback;
  };

  double mu = std::max(residuals_of(network, x).largest, least);
  for (int k = 0; k < kMostScales; k++) {
    if (!at_scale(mu, 1e-3, 60)) return total;
    const double target = std::max(kNarrow * residuals_of(network, x).noise, least);
    if (mu <= kSettled * target) break;
    mu = std::max(mu / kShrink, target);
  }
  // Without noise each scale makes the next one smaller, down to rounding.
  mu = std::max(kWide * residuals_of(network, x).noise, least);
  for (int k = 0; k < kFinalScales; k++) {
    if (!at_scale(mu, options.tol, options.max_iter)) return total;
    const double next = std::max(kWide * residuals_of(network, x).noise, least);
    if (next > mu / kSettled) break;
    mu = next;
  }
  return total;
}

}  // namespace fastcv::mds
