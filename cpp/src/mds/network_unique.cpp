#include "mds/network_unique.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <sstream>

#include "mds/network_mirror.hpp"
#include "mds/network_motion.hpp"

namespace fastcv::mds {
namespace {

constexpr double kFlat = 0.05;  // thickness to extent of neighbours in general position
constexpr double kFlatAnchors = 1e-6;
constexpr double kChance = 3;  // standard deviations: a difference below is no evidence
constexpr std::size_t kSeeds = 8;

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
    if (loose.empty()) moving = movable_points(network_, graph_, x_, rest);
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

  const Network& network_;
  const Graph& graph_;
  const Positions& x_;
  int d_;
  std::vector<char> placed_;
  double noise2_ = 0, extent_ = 0, weights_ = 0;
};

}  // namespace

std::string why_not_unique(const Network& network, const Graph& graph, const Positions& x) {
  return Test(network, graph, x).run();
}

}  // namespace fastcv::mds
