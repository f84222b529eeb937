#include "mds/network_consensus.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>

#include "fastcv/runtime.hpp"
#include "mds/network_mirror.hpp"
#include "mds/starts.hpp"

namespace fastcv::mds {
namespace {

constexpr int kDraws = 60;        // with 30 % wrong distances, 20 of them are right in the plane
constexpr double kFlat = 1e-2;    // of the neighbours' distance: a pivot below tells nothing of a point out of line
constexpr double kBetter = 1e-3;  // relative: a smaller gain is not another place

// Where a point is that has these distances to d + 1 others: differences of two squared distances are linear.
class Meeting {
 public:
  explicit Meeting(int dimensions) : d_(dimensions), rows_(dimensions * (dimensions + 1)) {}

  // False where the others lie in one plane.
  bool solve(const Positions& x, std::span<const Arc> others, double* y) {
    const double* origin = at(x, others[0]);
    double size = 0;
    for (int k = 0; k < d_; k++) {
      const double* p = at(x, others[k + 1]);
      double square = 0;
      for (int c = 0; c < d_; c++) {
        row(k)[c] = p[c] - origin[c];
        square += row(k)[c] * row(k)[c];
      }
      row(k)[d_] = (square - others[k + 1].length * others[k + 1].length + others[0].length * others[0].length) / 2;
      size = std::max(size, square);
    }
    if (!eliminate(kFlat * std::sqrt(size))) return false;
    for (int c = d_ - 1; c >= 0; c--) {
      double value = row(c)[d_];
      for (int e = c + 1; e < d_; e++) value -= row(c)[e] * y[e];
      y[c] = value / row(c)[c];
    }
    for (int c = 0; c < d_; c++) y[c] += origin[c];
    return true;
  }

 private:
  double* row(int k) { return rows_.data() + k * (d_ + 1); }
  const double* at(const Positions& x, const Arc& arc) const { return x.data() + std::ptrdiff_t{arc.to} * d_; }

  bool eliminate(double least) {
    for (int c = 0; c < d_; c++) {
      int pivot = c;
      for (int k = c + 1; k < d_; k++) {
        if (std::abs(row(k)[c]) > std::abs(row(pivot)[c])) pivot = k;
      }
      if (!(std::abs(row(pivot)[c]) > least)) return false;
      if (pivot != c) std::swap_ranges(row(c), row(c) + d_ + 1, row(pivot));
      for (int k = c + 1; k < d_; k++) {
        const double factor = row(k)[c] / row(c)[c];
        for (int e = c; e <= d_; e++) row(k)[e] -= factor * row(c)[e];
      }
    }
    return true;
  }

  int d_;
  std::vector<double> rows_;
};

}  // namespace

int move_to_consensus(const Network& network, const Graph& graph, const Rho& rho, Positions& x) {
  const int d = network.dimensions;
  std::vector<double> share(network.free, 0.0), y(d), best(d);
  for (std::ptrdiff_t i = 0; i < network.free; i++) {
    const auto degree = static_cast<double>(graph.arcs(i).size());
    if (degree > 0) share[i] = own_loss(network, graph, rho, x, i, x.data() + i * d) / degree;
  }
  // The best first: what they say of the others is right.
  std::vector<std::int32_t> order(network.free);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return share[a] < share[b]; });
  Meeting meeting(d);
  Draws draws(5);
  int moved = 0;
  std::vector<Arc> arcs;
  for (const std::int32_t i : order) {
    check_interrupt();
    arcs.assign(graph.arcs(i).begin(), graph.arcs(i).end());
    const auto count = static_cast<std::ptrdiff_t>(arcs.size());
    if (count <= d + 1) continue;
    double* here = x.data() + std::ptrdiff_t{i} * d;
    const double before = own_loss(network, graph, rho, x, i, here);
    double least = before;
    for (int draw = 0; draw < kDraws; draw++) {
      for (int k = 0; k <= d; k++) {
        const auto other = k + static_cast<std::ptrdiff_t>(draws.uniform() * static_cast<double>(count - k));
        std::swap(arcs[k], arcs[other]);
      }
      if (!meeting.solve(x, std::span(arcs).first(d + 1), y.data())) continue;
      const double there = own_loss(network, graph, rho, x, i, y.data());
      if (!(there < least)) continue;
      least = there;
      best = y;
    }
    if (!(least < (1 - kBetter) * before)) continue;
    fit_point(network, graph, rho, x, i, best.data());
    std::copy(best.begin(), best.end(), here);
    moved++;
  }
  return moved;
}

}  // namespace fastcv::mds
