#include "mds/starts.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "fastcv/runtime.hpp"
#include "mds/dense_algebra.hpp"

namespace fastcv::mds {
namespace {

constexpr double kJitter = 1e-3;  // of the mean distance: points that start in one place would stay there

double mean_distance(const Network& network) {
  double sum = 0;
  for (const Pair& p : network.pairs) sum += p.distance;
  return network.pairs.empty() ? 0 : sum / static_cast<double>(network.pairs.size());
}

void jitter(const Network& network, Positions& x) {
  Draws draws(1);
  const double size = kJitter * mean_distance(network);
  for (std::ptrdiff_t i = 0; i < network.free * network.dimensions; i++) x[i] += size * draws.centred();
}

// Where a point was measured to most others, the shortest way over one more to each of the rest; false if there is
// none.
bool detours(const Graph& graph, std::int32_t source, const std::vector<std::int32_t>& members, double* lengths) {
  if (2 * graph.arcs(source).size() < members.size()) return false;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  std::fill_n(lengths, graph.size(), kInfinity);
  lengths[source] = 0;
  for (const Arc& arc : graph.arcs(source)) lengths[arc.to] = arc.length;
  std::vector<std::pair<std::int32_t, double>> found;
  for (const std::int32_t i : members) {
    if (lengths[i] < kInfinity) continue;
    double least = kInfinity;
    for (const Arc& arc : graph.arcs(i)) least = std::min(least, lengths[arc.to] + arc.length);
    if (least == kInfinity) return false;
    found.push_back({i, least});
  }
  for (const auto& [i, length] : found) lengths[i] = length;
  return true;
}

// Squared lengths from landmarks, each as far as possible from the ones before; columns are landmarks. The rows of
// points outside `members` say nothing.
Columns landmark_squares(const Graph& graph, const std::vector<std::int32_t>& members, std::ptrdiff_t landmarks,
                         bool measured, std::vector<std::int32_t>& chosen) {
  const auto count = std::min(landmarks, static_cast<std::ptrdiff_t>(members.size()));
  Columns squares(graph.size(), count);
  ShortestPaths paths(graph);
  std::vector<double> nearest(graph.size(), std::numeric_limits<double>::infinity());
  std::vector<char> taken(graph.size(), 0);
  std::int32_t next = members[0];
  paths.from(next, squares.column(0));
  for (const std::int32_t i : members) {
    if (squares(i, 0) > squares(next, 0)) next = i;  // an end of the network rather than any point
  }
  for (std::ptrdiff_t l = 0; l < count; l++) {
    check_interrupt();
    chosen.push_back(next);
    taken[next] = 1;
    double* lengths = squares.column(l);
    if (!measured || !detours(graph, next, members, lengths)) paths.from(next, lengths);
    if (measured) {
      for (const Arc& arc : graph.arcs(next)) lengths[arc.to] = arc.length;
    }
    std::int32_t farthest = -1;
    for (const std::int32_t i : members) {
      nearest[i] = std::min(nearest[i], lengths[i]);
      if (!taken[i] && (farthest < 0 || nearest[i] > nearest[farthest])) farthest = i;
      lengths[i] *= lengths[i];
    }
    next = farthest;
  }
  return squares;
}

// Classical scaling of the landmarks, and every member from its distances to them (de Silva and Tenenbaum).
void scale_landmarks(const Columns& squares, const std::vector<std::int32_t>& chosen,
                     const std::vector<std::int32_t>& members, int dimensions, Positions& x) {
  const auto k = static_cast<std::ptrdiff_t>(chosen.size());
  std::vector<double> mean(k, 0.0);
  double overall = 0;
  for (std::ptrdiff_t i = 0; i < k; i++) {
    for (std::ptrdiff_t j = 0; j < k; j++) mean[j] += squares(chosen[i], j) / static_cast<double>(k);
  }
  for (const double m : mean) overall += m / static_cast<double>(k);
  Columns b(k, k);
  for (std::ptrdiff_t i = 0; i < k; i++) {
    for (std::ptrdiff_t j = 0; j < k; j++) {
      b(i, j) = -0.5 * ((squares(chosen[i], j) + squares(chosen[j], i)) / 2 - mean[i] - mean[j] + overall);
    }
  }
  const Eigenpairs eigen = symmetric_eigen(b);
  const double least = std::max(1e-10 * eigen.values[k - 1], 0.0);
  for (int c = 0; c < std::min<std::ptrdiff_t>(dimensions, k) && eigen.values[k - 1 - c] > least; c++) {
    const double factor = -0.5 / std::sqrt(eigen.values[k - 1 - c]);
    for (std::ptrdiff_t j = 0; j < k; j++) {
      const double solve = factor * eigen.vectors(j, k - 1 - c);
      for (const std::int32_t i : members) x[i * dimensions + c] += solve * (squares(i, j) - mean[j]);
    }
  }
}

}  // namespace

void align_with_anchors(const Network& network, const std::vector<std::int32_t>& members, Positions& x) {
  const int d = network.dimensions;
  std::vector<double> from(d, 0.0), to(d, 0.0), moved(d);
  const auto known = [&](std::ptrdiff_t i) { return network.anchors.data() + (i - network.free) * d; };
  double count = 0;
  for (const std::int32_t i : members) {
    if (i < network.free) continue;
    for (int c = 0; c < d; c++) from[c] += x[i * d + c], to[c] += known(i)[c];
    count++;
  }
  if (count == 0) return;
  for (int c = 0; c < d; c++) from[c] /= count, to[c] /= count;
  Columns covariance(d, d);
  for (const std::int32_t i : members) {
    if (i < network.free) continue;
    for (int c = 0; c < d; c++) {
      for (int e = 0; e < d; e++) covariance(c, e) += (x[i * d + c] - from[c]) * (known(i)[e] - to[e]);
    }
  }
  const Columns turn = nearest_orthogonal(covariance);
  for (const std::int32_t i : members) {
    for (int e = 0; e < d; e++) {
      moved[e] = to[e];
      for (int c = 0; c < d; c++) moved[e] += (x[i * d + c] - from[c]) * turn(c, e);
    }
    std::copy(moved.begin(), moved.end(), x.begin() + i * d);
  }
}

Positions shortest_path_start(const Network& network, const Graph& graph, std::ptrdiff_t landmarks, bool measured) {
  Positions x = network.positions();
  for (const std::vector<std::int32_t>& part : graph.parts()) {
    if (part.size() > 1) {
      std::vector<std::int32_t> chosen;
      const Columns squares = landmark_squares(graph, part, landmarks, measured, chosen);
      scale_landmarks(squares, chosen, part, network.dimensions, x);
    }
    align_with_anchors(network, part, x);
  }
  jitter(network, x);
  network.place_anchors(x);
  return x;
}

Positions spectral_start(const Network& network, const Graph& graph) {
  const int d = network.dimensions;
  const std::ptrdiff_t n = network.points, columns = std::min<std::ptrdiff_t>(n, d + 4);
  const auto measured = static_cast<double>(network.pairs.size());
  double mean = 0;
  for (const Pair& p : network.pairs) mean += p.distance * p.distance / measured;
  const double fill = static_cast<double>(n) * static_cast<double>(n - 1) / (2 * measured);
  const auto centre = [&](Columns& v) {
    for (std::ptrdiff_t c = 0; c < columns; c++) {
      double sum = 0;
      for (std::ptrdiff_t i = 0; i < n; i++) sum += v(i, c);
      for (std::ptrdiff_t i = 0; i < n; i++) v(i, c) -= sum / static_cast<double>(n);
    }
  };
  // -1/2 J E J v, with E = mean off the diagonal + fill * (D^2 - mean) where measured.
  const auto product = [&](Columns v) {
    centre(v);
    Columns out = v;
    for (double& value : out.values) value *= mean / 2;
    for (std::ptrdiff_t i = 0; i < n; i++) {
      for (const Arc arc : graph.arcs(i)) {
        const double e = 0.5 * fill * (arc.length * arc.length - mean);
        for (std::ptrdiff_t c = 0; c < columns; c++) out(i, c) -= e * v(arc.to, c);
      }
    }
    centre(out);
    return out;
  };
  Draws draws(2);
  Columns v(n, columns);
  for (double& value : v.values) value = draws.centred();
  for (int pass = 0; pass < 12; pass++) {
    check_interrupt();
    v = product(v);
    orthonormalise(v);
  }
  const Columns image = product(v);
  Columns small(columns, columns);
  for (std::ptrdiff_t c = 0; c < columns; c++) {
    for (std::ptrdiff_t e = 0; e < columns; e++) small(c, e) = inner(v.column(c), image.column(e), n);
  }
  const Eigenpairs eigen = symmetric_eigen(small);
  Positions x = network.positions();
  for (int c = 0; c < std::min<std::ptrdiff_t>(d, columns); c++) {
    const double size = std::sqrt(std::max(eigen.values[columns - 1 - c], 0.0));
    for (std::ptrdiff_t e = 0; e < columns; e++) {
      const double share = size * eigen.vectors(e, columns - 1 - c);
      for (std::ptrdiff_t i = 0; i < n; i++) x[i * d + c] += share * v(i, e);
    }
  }
  std::vector<std::int32_t> all(n);
  std::iota(all.begin(), all.end(), 0);
  align_with_anchors(network, all, x);
  jitter(network, x);
  network.place_anchors(x);
  return x;
}

}  // namespace fastcv::mds
