#include "mds/network_mirror.hpp"

#include <algorithm>
#include <utility>

namespace fastcv::mds {
namespace {

constexpr int kFits = 12;         // steps of majorisation for one point: enough to compare, not to converge
constexpr double kBetter = 1e-3;  // relative: a smaller gain is not another place
// Mean squares of a point's residuals to those of a typical point. Errors may grow with the distance, so that the rim
// of a network has larger ones than its middle, and squares vary by three times their squared mean.
constexpr double kRim = 2.5;
constexpr double kDeviations = 5;
constexpr double kSpread = 3;

}  // namespace

Spread spread_of(const std::vector<std::int32_t>& points, const Positions& x, int dimensions) {
  const int d = dimensions;
  std::vector<double> mean(d, 0.0);
  for (const std::int32_t i : points) {
    for (int c = 0; c < d; c++) mean[c] += x[std::ptrdiff_t{i} * d + c] / static_cast<double>(points.size());
  }
  Columns scatter(d, d);
  for (const std::int32_t i : points) {
    for (int c = 0; c < d; c++) {
      for (int e = 0; e < d; e++) {
        scatter(c, e) += (x[std::ptrdiff_t{i} * d + c] - mean[c]) * (x[std::ptrdiff_t{i} * d + e] - mean[e]);
      }
    }
  }
  Eigenpairs eigen = symmetric_eigen(scatter);
  return {std::move(mean), std::move(eigen.values), std::move(eigen.vectors)};
}

double own_loss(const Network& network, const Graph& graph, const Rho& rho, const Positions& x, std::ptrdiff_t point,
                const double* y) {
  const int d = network.dimensions;
  double sum = 0;
  for (const Arc arc : graph.arcs(point)) {
    const double length = length_between(y, x.data() + static_cast<std::ptrdiff_t>(arc.to) * d, d);
    sum += graph.weight(arc) * rho(length, arc.length);
  }
  return sum;
}

void fit_point(const Network& network, const Graph& graph, const Rho& rho, const Positions& x, std::ptrdiff_t point,
               double* y) {
  const int d = network.dimensions;
  std::vector<double> sum(d);
  for (int step = 0; step < kFits; step++) {
    std::fill(sum.begin(), sum.end(), 0.0);
    double total = 0;
    for (const Arc arc : graph.arcs(point)) {
      const double* p = x.data() + static_cast<std::ptrdiff_t>(arc.to) * d;
      const double length = length_between(y, p, d), distance = arc.length;
      const double w = graph.weight(arc) * rho.weight(length, distance);
      const double share = length > 0 ? distance / length : 0;
      for (int c = 0; c < d; c++) sum[c] += w * (p[c] + share * (y[c] - p[c]));
      total += w;
    }
    if (!(total > 0)) return;
    for (int c = 0; c < d; c++) y[c] = sum[c] / total;
  }
}

double mirrored(const Network& network, const Graph& graph, const Rho& rho, const Positions& x, std::ptrdiff_t point,
                double* y) {
  const int d = network.dimensions;
  std::vector<std::int32_t> neighbours;
  for (const Arc arc : graph.arcs(point)) neighbours.push_back(arc.to);
  const Spread spread = spread_of(neighbours, x, d);
  const double *here = x.data() + point * d, *normal = spread.axes.column(0);
  double height = 0;
  for (int c = 0; c < d; c++) height += normal[c] * (here[c] - spread.mean[c]);
  for (int c = 0; c < d; c++) y[c] = here[c] - 2 * height * normal[c];
  fit_point(network, graph, rho, x, point, y);
  return own_loss(network, graph, rho, x, point, y);
}

std::vector<std::int32_t> misfits(const Network& network, const Graph& graph, const Rho& rho, const Positions& x) {
  std::vector<double> mean(network.free);
  for (std::ptrdiff_t i = 0; i < network.free; i++) {
    double weight = 0;
    for (const Arc arc : graph.arcs(i)) weight += graph.weight(arc);
    mean[i] = weight > 0 ? own_loss(network, graph, rho, x, i, x.data() + i * network.dimensions) / weight : 0;
  }
  std::vector<double> sorted = mean;
  std::nth_element(sorted.begin(), sorted.begin() + sorted.size() / 2, sorted.end());
  const double typical = sorted.empty() ? 0 : sorted[sorted.size() / 2];
  std::vector<std::int32_t> points;
  for (std::int32_t i = 0; i < network.free; i++) {
    const auto degree = static_cast<double>(graph.arcs(i).size());
    if (!(degree > 0)) continue;
    if (mean[i] > typical * std::max(kRim, 1 + kDeviations * std::sqrt(kSpread / degree))) points.push_back(i);
  }
  std::stable_sort(points.begin(), points.end(), [&](auto a, auto b) { return mean[a] > mean[b]; });
  return points;
}

int mirror_points(const Network& network, const Graph& graph, const Rho& rho, const std::vector<std::int32_t>& points,
                  Positions& x) {
  const int d = network.dimensions;
  std::vector<double> y(d);
  int moved = 0;
  for (const std::int32_t i : points) {
    double* here = x.data() + static_cast<std::ptrdiff_t>(i) * d;
    const double before = own_loss(network, graph, rho, x, i, here);
    if (!(mirrored(network, graph, rho, x, i, y.data()) < (1 - kBetter) * before)) continue;
    std::copy(y.begin(), y.end(), here);
    moved++;
  }
  return moved;
}

}  // namespace fastcv::mds
