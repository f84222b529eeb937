// Points from some of their distances: what was measured as a list of pairs, and where the solver begins.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "fastcv/mds.hpp"

namespace fastcv::mds {

struct Pair {
  std::int32_t a, b;  // a < b
  double distance, weight;
};

// Positions of all points of a network, point after point (a pair is far apart in memory: each of its points should
// be one cache line).
using Positions = std::vector<double>;

// A problem as the solver sees it. Points are renumbered: free ones first, anchors behind them. Distances are divided
// by `scale`, a power of two, so that no square overflows; anchors are taken relative to `origin`, so that large
// coordinates cost no digits.
struct Network {
  std::ptrdiff_t points = 0, free = 0;
  int dimensions = 0;
  std::vector<std::int32_t> original;  // a point's number in the problem
  std::vector<Pair> pairs;             // each once, sorted, of positive weight; not between anchors
  std::vector<Pair> known;             // the same between anchors: their stress is part of the report
  Positions anchors;                   // (points - free) x dimensions
  double scale = 1;
  std::vector<double> origin;

  std::ptrdiff_t anchor_count() const { return points - free; }
  double squares() const;  // sum of w D^2 over `pairs`

  Positions positions() const { return Positions(points * dimensions, 0.0); }
  std::span<double> at(Positions& x, std::ptrdiff_t point) const {
    return {x.data() + point * dimensions, static_cast<std::size_t>(dimensions)};
  }
  void place_anchors(Positions& x) const;
};

// Checks everything: std::invalid_argument naming the argument.
template <class T>
Network build_network(const MdsProblem<T>& problem, const MdsOptions<T>& options);

}  // namespace fastcv::mds
