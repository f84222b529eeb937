#include "mds/robust.hpp"

#include <algorithm>
#include <cmath>

#include "fastcv/runtime.hpp"

namespace fastcv::mds {
namespace {

// The noise is read from the third of the residuals that is smallest: up to half of them may be wrong.
constexpr double kQuantile = 0.35;
constexpr double kNormalQuantile = 0.4538;  // of |z|
constexpr double kNarrow = 2;               // times the noise: the scale that tells good from wrong best
constexpr double kWide = 3;                 // the scale that then loses least of what the good ones say
constexpr double kExplained = 6;            // times the noise: beyond it no good distance lies
constexpr double kShrink = 2;
constexpr double kSettled = 1.05;
constexpr double kLeast = 1e-12;  // of the largest distance: below it there is no noise
constexpr double kSlack = 0.05;   // of a triangle's sides: noise
constexpr double kBroken[] = {0.5, 0.3,
                              0.15};  // shares of broken triangles, while those of pairs dropped no longer count
constexpr int kTriangles = 64;        // looked at, of a pair
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

Minimum minimise_robust(NetworkLoss& loss, const Network& network, Scale from, double* x,
                        const MinimiseOptions<double>& options, double* scale) {
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

  const Residuals start = residuals_of(network, x);
  double mu = std::max(from == Scale::kFar ? start.largest : kWide * start.noise, least);
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

bool all_explained(const Network& network, const double* x, double scale) {
  return residuals_of(network, x).largest <= kExplained / kWide * scale;
}

std::vector<Pair> consistent_pairs(const Network& network, const Graph& graph) {
  std::vector<Pair> pairs = network.pairs;
  std::vector<char> dropped(pairs.size(), 0);
  for (const double limit : kBroken) {
    check_interrupt();
    const std::vector<char> before = dropped;
    for (std::size_t k = 0; k < pairs.size(); k++) {
      const Pair& pair = pairs[k];
      const auto a = graph.arcs(pair.a), b = graph.arcs(pair.b);  // both ascending
      int triangles = 0, broken = 0;
      for (std::size_t i = 0, j = 0; i < a.size() && j < b.size() && triangles < kTriangles;) {
        if (a[i].to != b[j].to) {
          a[i].to < b[j].to ? i++ : j++;
          continue;
        }
        if (!before[a[i].pair] && !before[b[j].pair]) {
          const double p = a[i].length, q = b[j].length, slack = kSlack * (p + q);
          triangles++;
          broken += pair.distance > p + q + slack || pair.distance < std::abs(p - q) - slack;
        }
        i++, j++;
      }
      dropped[k] = broken > limit * triangles;
    }
  }
  std::size_t kept = 0;
  for (std::size_t k = 0; k < pairs.size(); k++) {
    if (!dropped[k]) pairs[kept++] = pairs[k];
  }
  pairs.resize(kept);
  return pairs;
}

}  // namespace fastcv::mds
