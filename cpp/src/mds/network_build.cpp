// From a problem as it was given to a network: checks, each pair once, anchors behind the free points.
#include <algorithm>
#include <cmath>
#include <limits>

#include "fastcv/runtime.hpp"
#include "mds/network.hpp"
#include "mds/refuse.hpp"

namespace fastcv::mds {
namespace {

constexpr double kAgree = 1e-5;  // of the largest distance: what two measurements of a pair may differ by

using Entry = Pair;  // of the problem's points, before they are renumbered

// Stable, by one of the points.
template <class Key>
void counting_sort(std::vector<Entry>& entries, std::ptrdiff_t points, Key&& key) {
  std::vector<std::size_t> next(points + 1, 0);
  for (const Entry& e : entries) next[key(e) + 1]++;
  for (std::ptrdiff_t i = 0; i < points; i++) next[i + 1] += next[i];
  std::vector<Entry> sorted(entries.size());
  for (const Entry& e : entries) sorted[next[key(e)]++] = e;
  entries.swap(sorted);
}

void check_distance(double d, std::ptrdiff_t i, std::ptrdiff_t j) {
  if (d < 0) refuse("distances must be at least 0, got ", d, " for the pair (", i, ", ", j, ")");
  if (std::isinf(d)) refuse("distances must be finite (NaN: missing), got inf for the pair (", i, ", ", j, ")");
}

void check_weight(double w, std::ptrdiff_t i, std::ptrdiff_t j) {
  if (!(w >= 0) || std::isinf(w)) {
    refuse("weights must be finite and at least 0, got ", w, " for the pair (", i, ", ", j, ")");
  }
}

[[noreturn]] void refuse_weights(double a, double b, std::ptrdiff_t i, std::ptrdiff_t j) {
  refuse("weights must be symmetric, but are ", a, " and ", b, " for the pair (", i, ", ", j,
         "); symmetrize=True averages them");
}

// The measurements, in the order of their pairs; a pair measured twice stands there twice.
template <class T>
std::vector<Entry> entries_of_pairs(const MdsProblem<T>& p) {
  std::vector<Entry> entries;
  entries.reserve(p.pairs);
  for (std::ptrdiff_t k = 0; k < p.pairs; k++) {
    const std::int64_t i = p.first[k], j = p.second[k];
    if (i < 0 || i >= p.points || j < 0 || j >= p.points) {
      refuse("distances must have indices from 0 to ", p.points - 1, ", got (", i, ", ", j, ")");
    }
    if (i == j) continue;
    const double d = p.pair_distances[k], w = p.pair_weights == nullptr ? 1.0 : double{p.pair_weights[k]};
    check_distance(d, i, j);
    check_weight(w, i, j);
    if (std::isnan(d) || !(w > 0)) continue;
    entries.push_back({static_cast<std::int32_t>(std::min(i, j)), static_cast<std::int32_t>(std::max(i, j)), d, w});
  }
  counting_sort(entries, p.points, [](const Entry& e) { return e.b; });
  counting_sort(entries, p.points, [](const Entry& e) { return e.a; });
  return entries;
}

// The weight of a pair of a matrix, whichever of its two distances are missing: as Pairs::pack() does.
template <class T>
double pair_weight(const MdsProblem<T>& p, std::ptrdiff_t i, std::ptrdiff_t j) {
  if (p.weights.data == nullptr) return 1;
  const double a = p.weights(i, j), b = p.weights(j, i);
  check_weight(a, i, j);
  check_weight(b, j, i);
  if (!p.symmetrize && a != b) refuse_weights(a, b, i, j);
  return (a + b) / 2;
}

template <class T>
std::vector<Entry> entries_of_matrix(const MdsProblem<T>& p) {
  std::vector<Entry> entries;
  constexpr std::ptrdiff_t kTile = 64;  // both triangles in cache-sized pieces
  for (std::ptrdiff_t i0 = 0; i0 < p.points; i0 += kTile) {
    check_interrupt();
    for (std::ptrdiff_t j0 = i0; j0 < p.points; j0 += kTile) {
      for (std::ptrdiff_t i = i0; i < std::min(i0 + kTile, p.points); i++) {
        for (std::ptrdiff_t j = std::max(j0, i + 1); j < std::min(j0 + kTile, p.points); j++) {
          const double w = pair_weight(p, i, j);
          for (const auto& [r, c] : {std::pair{i, j}, std::pair{j, i}}) {
            const double d = p.distances(r, c);
            if (std::isnan(d) || !(w > 0)) continue;
            check_distance(d, r, c);
            entries.push_back({static_cast<std::int32_t>(i), static_cast<std::int32_t>(j), d, w});
          }
        }
      }
    }
  }
  // Tiles of a row of tiles are in the order of j0: what is left to sort by is i.
  counting_sort(entries, p.points, [](const Entry& e) { return e.a; });
  return entries;
}

// Each pair once: the mean of its measurements, which must agree.
std::vector<Entry> merge(const std::vector<Entry>& entries, bool symmetrize) {
  double largest = 0;
  for (const Entry& e : entries) largest = std::max(largest, e.distance);
  const double unit = largest > 1e300 ? 0x1p-64 : 1;  // sums of distances stay finite
  std::vector<Entry> merged;
  merged.reserve(entries.size());
  for (std::size_t k = 0; k < entries.size();) {
    Entry sum = entries[k];
    double least = sum.distance, most = sum.distance, light = sum.weight, heavy = sum.weight;
    double distances = sum.distance * unit;
    std::size_t end = k + 1;
    for (; end < entries.size() && entries[end].a == sum.a && entries[end].b == sum.b; end++) {
      const Entry& e = entries[end];
      least = std::min(least, e.distance), most = std::max(most, e.distance);
      light = std::min(light, e.weight), heavy = std::max(heavy, e.weight);
      distances += e.distance * unit, sum.weight += e.weight;
    }
    if (!symmetrize && most - least > kAgree * largest) {
      refuse("distances must be symmetric to ", kAgree, " of the largest, ", largest, ", but are ", least, " and ",
             most, " for the pair (", sum.a, ", ", sum.b, "); symmetrize=True averages them");
    }
    if (!symmetrize && heavy > light) refuse_weights(light, heavy, sum.a, sum.b);
    const auto count = static_cast<double>(end - k);
    merged.push_back({sum.a, sum.b, distances / count / unit, sum.weight / count});
    k = end;
  }
  return merged;
}

// `number[i]`: what the problem's point i is called in the network.
template <class T>
std::vector<std::int32_t> number_points(const MdsProblem<T>& p, Network& network) {
  constexpr std::int32_t kAnchor = -2;
  std::vector<std::int32_t> number(p.points, -1);
  for (std::ptrdiff_t k = 0; k < p.anchors; k++) {
    const std::int64_t i = p.anchor_points[k];
    if (i < 0 || i >= p.points) refuse("anchors must have indices from 0 to ", p.points - 1, ", got ", i);
    if (number[i] == kAnchor) refuse("anchors must have distinct indices, got ", i, " twice");
    number[i] = kAnchor;
  }
  for (std::ptrdiff_t i = 0; i < p.points; i++) {
    if (number[i] == kAnchor) continue;
    number[i] = static_cast<std::int32_t>(network.original.size());
    network.original.push_back(static_cast<std::int32_t>(i));
  }
  network.free = static_cast<std::ptrdiff_t>(network.original.size());
  for (std::ptrdiff_t k = 0; k < p.anchors; k++) {
    number[p.anchor_points[k]] = static_cast<std::int32_t>(network.original.size());
    network.original.push_back(static_cast<std::int32_t>(p.anchor_points[k]));
  }
  return number;
}

template <class T>
void take_anchors(const MdsProblem<T>& p, Network& network) {
  const int d = network.dimensions;
  network.origin.assign(d, 0.0);
  for (std::ptrdiff_t k = 0; k < p.anchors * d; k++) {
    const double value = p.anchor_positions[k];
    if (!std::isfinite(value)) {
      refuse("anchors must have finite positions, got ", value, " for the point ", p.anchor_points[k / d]);
    }
    network.origin[k % d] += value / static_cast<double>(p.anchors);
  }
  for (std::ptrdiff_t k = 0; k < p.anchors * d; k++) {
    network.anchors.push_back(double{p.anchor_positions[k]} - network.origin[k % d]);
  }
}

}  // namespace

double Network::squares() const {
  double sum = 0;
  for (const Pair& p : pairs) sum += p.weight * p.distance * p.distance;
  return sum;
}

void Network::place_anchors(Positions& x) const {
  std::copy(anchors.begin(), anchors.end(), x.begin() + free * dimensions);
}

template <class T>
Network build_network(const MdsProblem<T>& problem, const MdsOptions<T>& options) {
  if (problem.points > std::numeric_limits<std::int32_t>::max()) {
    refuse("distances must be of fewer than 2^31 points, got ", problem.points);
  }
  Network network;
  network.points = problem.points;
  network.dimensions = options.dimensions;
  checked_mul(problem.points, options.dimensions, "mds: positions");
  const std::vector<std::int32_t> number = number_points(problem, network);
  take_anchors(problem, network);

  std::vector<Entry> entries = merge(
      problem.distances.data == nullptr ? entries_of_pairs(problem) : entries_of_matrix(problem), problem.symmetrize);
  if (static_cast<std::ptrdiff_t>(entries.size()) > std::numeric_limits<std::int32_t>::max()) {
    refuse("distances must be fewer than 2^31 pairs, got ", entries.size());
  }
  double largest = 0;
  for (const Entry& e : entries) largest = std::max(largest, e.distance);
  for (const double a : network.anchors) largest = std::max(largest, std::abs(a));
  if (largest > 0) network.scale = std::exp2(std::clamp(std::ilogb(largest), -1000, 1000));

  for (double& a : network.anchors) a /= network.scale;
  // With anchors the order of the pairs changes.
  for (Entry& e : entries) {
    const std::int32_t a = number[e.a], b = number[e.b];
    e = {std::min(a, b), std::max(a, b), e.distance / network.scale, e.weight};
  }
  if (problem.anchors > 0) {
    counting_sort(entries, problem.points, [](const Entry& e) { return e.b; });
    counting_sort(entries, problem.points, [](const Entry& e) { return e.a; });
  }
  network.pairs.reserve(entries.size());
  for (const Entry& e : entries) {
    (e.a < network.free ? network.pairs : network.known).push_back(e);
  }
  return network;
}

template Network build_network(const MdsProblem<float>&, const MdsOptions<float>&);
template Network build_network(const MdsProblem<double>&, const MdsOptions<double>&);

}  // namespace fastcv::mds
