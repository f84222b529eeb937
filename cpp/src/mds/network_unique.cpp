#include "mds/network_unique.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <sstream>

#include "fastcv/runtime.hpp"
#include "mds/dense_algebra.hpp"
#include "mds/network_mirror.hpp"
#include "mds/starts.hpp"

namespace fastcv::mds {
namespace {

constexpr double kFlat = 0.05;  // thickness to extent of neighbours in general position
constexpr double kFlatAnchors = 1e-6;
constexpr double kSingular = 1e-9;  // of a typical eigenvalue
constexpr double kChance = 3;       // standard deviations: a difference below is no evidence
constexpr std::size_t kSeeds = 8;
constexpr int kMostSteps = 300;

class Test {
 public:
  Test(const Network& network, const Graph& graph, const Positions& x)
      : network_(network), graph_(graph), x_(x), d_(network.dimensions), placed_(network.points, 0) {
    double sum = 0, count = 0;
    for (const Pair& p : network.pairs) {
      const double r = length_between(at(p.a), at(p.b), d_) - p.distance;
      sum += p.weight * r * r;
      count += 1;
      weights_ += p.weight;
      extent_ = std::max(extent_, p.distance);
    }
    const double spare = std::max(count - static_cast<double>(network.free * d_), count / 4);
    noise2_ = count > 0 ? sum / spare : 0;
  }

  std::string run() {
    std::string reasons;
    if (network_.free == 0) return reasons;
    if (const std::string frame = frame_reason(); !frame.empty()) reasons = frame;
    const std::ptrdiff_t n = network_.points;
    if (static_cast<std::ptrdiff_t>(network_.pairs.size() + network_.known.size()) == n * (n - 1) / 2) return reasons;
    place();
    std::vector<std::int32_t> rest;
    for (std::int32_t i = 0; i < network_.free; i++) {
      if (!placed_[i]) rest.push_back(i);
    }
    if (rest.empty()) return reasons;
    std::vector<std::int32_t> loose = too_few(rest), moving, twofold;
    if (loose.empty()) moving = movable(rest);
    if (loose.empty() && moving.empty()) twofold = mirrorable(rest);
    if (loose.empty() && moving.empty() && twofold.empty()) twofold = hinged(rest);
    for (const auto& [points, what] :
         {std::pair{&loose, "too few distances to "}, std::pair{&moving, "the distances leave room to move for "},
          std::pair{&twofold, "the mirror image in its neighbours fits too of "}}) {
      if (points->empty()) continue;
      reasons += (reasons.empty() ? "" : "; ") + std::string(what) + names(*points);
    }
    return reasons;
  }

 private:
  const double* at(std::ptrdiff_t i) const { return x_.data() + i * d_; }

  std::string names(const std::vector<std::int32_t>& points) const {
    constexpr std::size_t kShown = 5;
    std::vector<std::int32_t> original;
    for (const std::int32_t i : points) original.push_back(network_.original[i]);
    std::sort(original.begin(), original.end());
    std::ostringstream text;
    text << (points.size() == 1 ? "point " : "points ");
    for (std::size_t k = 0; k < std::min(kShown, original.size()); k++) text << (k > 0 ? ", " : "") << original[k];
    if (original.size() > kShown) text << " and " << original.size() - kShown << " more";
    return text.str();
  }

  // Thickness to extent of points, in the direction in which they are thinnest; 0 when they are too few.
  double thickness(const std::vector<std::int32_t>& points) const {
    if (static_cast<int>(points.size()) <= d_) return 0;
    const std::vector<double> squares = spread_of(points, x_, d_).squares;
    return squares[d_ - 1] > 0 ? std::sqrt(std::max(squares[0], 0.0) / squares[d_ - 1]) : 0;
  }

  // Anchors that lie in a line (in 2-D; in a plane in 3-D) do not tell a network from its mirror image.
  std::string frame_reason() const {
    if (network_.anchor_count() == 0) return {};
    std::vector<std::int32_t> anchors;
    for (std::ptrdiff_t i = network_.free; i < network_.points; i++) anchors.push_back(static_cast<std::int32_t>(i));
    if (thickness(anchors) > kFlatAnchors) return {};
    std::ostringstream text;
    if (network_.anchor_count() <= d_) {
      text << network_.anchor_count() << (network_.anchor_count() == 1 ? " anchor does" : " anchors do")
           << " not fix the frame in " << d_ << (d_ == 1 ? " dimension" : " dimensions");
    } else {
      text << "the anchors lie in one " << (d_ == 1 ? "point" : d_ == 2 ? "line" : d_ == 3 ? "plane" : "hyperplane");
    }
    text << ": a mirror image fits too";
    return text.str();
  }

  // Trilateration: from the anchors, or from a simplex, as far as it goes.
  void place() {
    const bool anchored = network_.anchor_count() > d_;
    if (anchored) {
      place_anchors();
      spread();
      if (all_placed()) return;
    }
    std::vector<std::int32_t> order(network_.points);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](auto a, auto b) { return graph_.arcs(a).size() > graph_.arcs(b).size(); });
    const std::vector<char> from_anchors = placed_;
    std::vector<char> best = placed_;
    for (std::size_t k = 0; k < kSeeds; k++) {
      const std::vector<std::int32_t> seed = simplex(order[k * order.size() / (2 * kSeeds)]);
      if (seed.empty()) continue;
      placed_.assign(network_.points, 0);
      for (const std::int32_t i : seed) placed_[i] = 1;
      spread();
      // Such a body is in the anchors' frame only if enough of them belong to it.
      if (anchored) {
        if (!(thickness(placed_anchors()) > kFlat)) continue;
        for (std::ptrdiff_t i = 0; i < network_.points; i++) placed_[i] |= from_anchors[i];
        spread();
      }
      if (std::count(placed_.begin(), placed_.end(), 1) > std::count(best.begin(), best.end(), 1)) best = placed_;
      if (all_placed()) break;
    }
    placed_ = best;
  }

  void place_anchors() { std::fill(placed_.begin() + network_.free, placed_.end(), 1); }
  bool all_placed() const {
    return std::find(placed_.begin(), placed_.begin() + network_.free, 0) == placed_.begin() + network_.free;
  }
  std::vector<std::int32_t> placed_anchors() const {
    std::vector<std::int32_t> found;
    for (std::ptrdiff_t i = network_.free; i < network_.points; i++) {
      if (placed_[i]) found.push_back(static_cast<std::int32_t>(i));
    }
    return found;
  }

  void spread() {
    std::vector<std::int32_t> queue;
    for (std::ptrdiff_t i = 0; i < network_.points; i++) {
      if (placed_[i]) queue.push_back(static_cast<std::int32_t>(i));
    }
    std::vector<int> count(network_.points, 0);
    std::vector<std::int32_t> neighbours;
    for (std::size_t k = 0; k < queue.size(); k++) {
      for (const Arc arc : graph_.arcs(queue[k])) {
        const std::int32_t i = arc.to;
        if (placed_[i] || ++count[i] <= d_) continue;
        neighbours.clear();
        for (const Arc other : graph_.arcs(i)) {
          if (placed_[other.to]) neighbours.push_back(other.to);
        }
        if (!(thickness(neighbours) > kFlat)) continue;
        placed_[i] = 1;
        queue.push_back(i);
      }
    }
  }

  // d + 1 points in general position, all measured by each other, one of them `centre`: found greedily, or none.
  std::vector<std::int32_t> simplex(std::int32_t centre) const {
    std::vector<std::int32_t> found{centre};
    for (const Arc arc : graph_.arcs(centre)) {
      bool all = true;
      for (std::size_t k = 1; k < found.size() && all; k++) all = adjacent(arc.to, found[k]);
      if (!all) continue;
      found.push_back(arc.to);
      if (static_cast<int>(found.size()) == d_ + 1 && !(thickness(found) > kFlat)) found.pop_back();
      if (static_cast<int>(found.size()) == d_ + 1) return found;
    }
    return {};
  }

  bool adjacent(std::int32_t a, std::int32_t b) const {
    const auto arcs = graph_.arcs(a);
    return std::any_of(arcs.begin(), arcs.end(), [&](Arc arc) { return arc.to == b; });
  }

  // A point of d neighbours has a mirror image, one of fewer can move. (Coincident with neighbours: neither.)
  std::vector<std::int32_t> too_few(const std::vector<std::int32_t>& rest) const {
    std::vector<std::int32_t> found;
    for (const std::int32_t i : rest) {
      const auto arcs = graph_.arcs(i);
      if (static_cast<int>(arcs.size()) > d_ || static_cast<std::ptrdiff_t>(arcs.size()) == network_.points - 1)
        continue;
      if (std::any_of(arcs.begin(), arcs.end(), [&](Arc arc) { return arc.length == 0; })) continue;
      found.push_back(i);
    }
    return found;
  }

  std::vector<std::int32_t> mirrorable(const std::vector<std::int32_t>& rest) const {
    std::vector<std::int32_t> found;
    std::vector<double> y(d_);
    for (const std::int32_t i : rest) {
      const double there = mirrored(network_, graph_, Rho{}, x_, i, y.data());
      const double here = own_loss(network_, graph_, Rho{}, x_, i, at(i));
      const double moved = length_between(y.data(), at(i), d_);
      if (there <= here + evidence() && moved * moved * mean_weight() > 100 * noise()) found.push_back(i);
    }
    return found;
  }

  // Points that hang together and touch the placed ones only along a plane (a line in 2-D): mirrored in it, their own
  // distances stay, and those to the plane too.
  std::vector<std::int32_t> hinged(const std::vector<std::int32_t>& rest) const {
    std::vector<std::int32_t> found;
    std::vector<char> seen(network_.points, 0);
    for (const std::int32_t start : rest) {
      if (seen[start]) continue;
      std::vector<std::int32_t> group{start}, hinge;
      seen[start] = 1;
      for (std::size_t k = 0; k < group.size(); k++) {
        for (const Arc arc : graph_.arcs(group[k])) {
          if (!seen[arc.to]) (placed_[arc.to] ? hinge : group).push_back(arc.to);
          seen[arc.to] = 1;
        }
      }
      for (const std::int32_t i : hinge) seen[i] = 0;  // may be another group's too
      if (!hinge.empty() && mirror_fits(group, spread_of(hinge, x_, d_))) {
        found.insert(found.end(), group.begin(), group.end());
      }
    }
    return found;
  }

  bool mirror_fits(const std::vector<std::int32_t>& group, const Spread& hinge) const {
    Positions image = x_;
    const double* normal = hinge.axes.column(0);
    double most = 0;
    for (const std::int32_t i : group) {
      double height = 0;
      for (int c = 0; c < d_; c++) height += normal[c] * (at(i)[c] - hinge.mean[c]);
      for (int c = 0; c < d_; c++) image[std::ptrdiff_t{i} * d_ + c] -= 2 * height * normal[c];
      most = std::max(most, std::abs(2 * height));
    }
    double here = 0, there = 0;
    for (const std::int32_t i : group) {
      here += own_loss(network_, graph_, Rho{}, x_, i, at(i));
      there += own_loss(network_, graph_, Rho{}, image, i, image.data() + std::ptrdiff_t{i} * d_);
    }
    return there <= here + evidence() && most * most * mean_weight() > 100 * noise();
  }

  double mean_weight() const { return weights_ / static_cast<double>(network_.pairs.size()); }
  double noise() const { return std::max(noise2_, 1e-20 * extent_ * extent_ * mean_weight()); }
  double evidence() const { return kChance * kChance * noise(); }

  std::vector<std::int32_t> movable(const std::vector<std::int32_t>& rest) const;

  const Network& network_;
  const Graph& graph_;
  const Positions& x_;
  int d_;
  std::vector<char> placed_;
  double noise2_ = 0, extent_ = 0, weights_ = 0;
};

// The Fisher information of the points of `rest`, all else fixed: J v = sum over pairs of w u u^T (v_a - v_b), with u
// the pair's direction. Unknowns are scaled so that its diagonal is 1. A matrix is never built: its factor could be
// dense.
class Fisher {
 public:
  Fisher(const Network& network, const Graph& graph, const Positions& x, const std::vector<std::int32_t>& rest)
      : d_(network.dimensions), rest_(rest), scale_(rest.size() * d_, 0.0) {
    std::vector<std::int32_t> number(network.points, -1);
    for (std::size_t k = 0; k < rest.size(); k++) number[rest[k]] = static_cast<std::int32_t>(k);
    for (const std::int32_t i : rest) {
      for (const Arc arc : graph.arcs(i)) {
        const double *a = x.data() + std::ptrdiff_t{i} * d_, *b = x.data() + std::ptrdiff_t{arc.to} * d_;
        const double length = length_between(a, b, d_);
        if (!(length > 0)) continue;
        rows_.push_back({number[i], number[arc.to]});
        if (number[arc.to] < 0) held_ = true;
        for (int c = 0; c < d_; c++) {
          const double u = std::sqrt(graph.weight(arc)) * (a[c] - b[c]) / length;
          directions_.push_back(u);
          scale_[number[i] * d_ + c] += u * u;
        }
      }
    }
    for (double& s : scale_) s = s > 0 ? 1 / std::sqrt(s) : 1;
  }

  std::ptrdiff_t size() const { return static_cast<std::ptrdiff_t>(scale_.size()); }
  const std::vector<double>& scale() const { return scale_; }

  void product(const double* v, double* out) const {
    std::fill_n(out, size(), 0.0);
    const double* u = directions_.data();
    for (const Row& row : rows_) {
      const std::ptrdiff_t a = std::ptrdiff_t{row.a} * d_, b = std::ptrdiff_t{row.b} * d_;
      double change = 0;
      for (int c = 0; c < d_; c++) change += u[c] * scale_[a + c] * v[a + c];
      if (row.b >= 0) {
        for (int c = 0; c < d_; c++) change -= u[c] * scale_[b + c] * v[b + c];
      }
      for (int c = 0; c < d_; c++) out[a + c] += scale_[a + c] * u[c] * change;
      u += d_;
    }
  }

  // Motions that nothing forbids: the rigid ones, unless other points hold these.
  Columns rigid(const Positions& x) const {
    if (held_) return Columns(size(), 0);
    Columns motions(size(), d_ + d_ * (d_ - 1) / 2);
    std::ptrdiff_t column = 0;
    const std::vector<double> mean = spread_of(rest_, x, d_).mean;
    for (int c = 0; c < d_; c++, column++) {
      for (std::size_t k = 0; k < rest_.size(); k++) motions(k * d_ + c, column) = 1;
    }
    for (int c = 0; c < d_; c++) {
      for (int e = 0; e < c; e++, column++) {
        for (std::size_t k = 0; k < rest_.size(); k++) {
          motions(k * d_ + c, column) = x[std::ptrdiff_t{rest_[k]} * d_ + e] - mean[e];
          motions(k * d_ + e, column) = mean[c] - x[std::ptrdiff_t{rest_[k]} * d_ + c];
        }
      }
    }
    for (std::ptrdiff_t k = 0; k < motions.columns; k++) {
      for (std::ptrdiff_t i = 0; i < size(); i++) motions(i, k) /= scale_[i];
    }
    orthonormalise(motions);
    return motions;
  }

 private:
  struct Row {
    std::int32_t a, b;  // b < 0: held
  };
  int d_;
  const std::vector<std::int32_t>& rest_;
  std::vector<double> scale_, directions_;
  std::vector<Row> rows_;
  bool held_ = false;
};

// The smallest eigenvalue by LOBPCG with one vector: the least Rayleigh quotient over v, its residual, and the last
// direction.
std::vector<std::int32_t> Test::movable(const std::vector<std::int32_t>& rest) const {
  const Fisher fisher(network_, graph_, x_, rest);
  const std::ptrdiff_t n = fisher.size();
  const Columns rigid = fisher.rigid(x_);
  const auto clean = [&](double* v) {
    for (std::ptrdiff_t k = 0; k < rigid.columns; k++) {
      const double share = inner(v, rigid.column(k), n);
      for (std::ptrdiff_t i = 0; i < n; i++) v[i] -= share * rigid(i, k);
    }
  };
  Draws draws(3);
  Columns basis(n, 3), image(n, 3);
  for (std::ptrdiff_t i = 0; i < n; i++) basis(i, 0) = draws.centred();
  clean(basis.column(0));
  double value = 1;
  std::vector<double> direction(n);
  for (int step = 0; step < kMostSteps; step++) {
    check_interrupt();
    orthonormalise(basis);
    for (std::ptrdiff_t k = 0; k < 3; k++) fisher.product(basis.column(k), image.column(k));
    Columns small(3, 3);
    for (std::ptrdiff_t k = 0; k < 3; k++) {
      for (std::ptrdiff_t l = 0; l < 3; l++) small(k, l) = inner(basis.column(k), image.column(l), n);
      if (inner(basis.column(k), basis.column(k), n) == 0) small(k, k) = 1e3;  // no such direction
    }
    const Eigenpairs eigen = symmetric_eigen(small);
    value = eigen.values[0];
    const double *c = eigen.vectors.column(0), *v = basis.column(0);
    double residual = 0;
    for (std::ptrdiff_t i = 0; i < n; i++) {
      direction[i] = c[1] * basis(i, 1) + c[2] * basis(i, 2);
      basis(i, 0) = c[0] * v[i] + direction[i];
      basis(i, 1) = c[0] * image(i, 0) + c[1] * image(i, 1) + c[2] * image(i, 2) - value * basis(i, 0);
      basis(i, 2) = direction[i];
    }
    clean(basis.column(1));
    residual = std::sqrt(inner(basis.column(1), basis.column(1), n));
    // Either 0, or an eigenvalue that is not: one lies within the residual of the value.
    if (value < kSingular || residual < 1e-3 * value) break;
  }
  std::vector<std::int32_t> found;
  if (!(value < kSingular)) return found;
  std::vector<double> size(rest.size(), 0.0);
  for (std::ptrdiff_t i = 0; i < n; i++) size[i / d_] += std::pow(basis(i, 0) * fisher.scale()[i], 2);
  const double most = *std::max_element(size.begin(), size.end());
  for (std::size_t k = 0; k < rest.size(); k++) {
    if (size[k] > 0.01 * most) found.push_back(rest[k]);
  }
  return found;
}

}  // namespace

std::string why_not_unique(const Network& network, const Graph& graph, const Positions& x) {
  return Test(network, graph, x).run();
}

}  // namespace fastcv::mds
