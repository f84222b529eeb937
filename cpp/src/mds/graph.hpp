// The pairs of a network as a graph: who was measured by whom, and how far it is along measured ways.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "mds/network.hpp"

namespace fastcv::mds {

struct Arc {
  double length;  // here too: paths read arcs by the million
  std::int32_t to, pair;
};

class Graph {
 public:
  explicit Graph(const Network& network);

  std::ptrdiff_t size() const { return static_cast<std::ptrdiff_t>(first_.size()) - 1; }
  std::span<const Arc> arcs(std::ptrdiff_t point) const {
    return {arcs_.data() + first_[point], arcs_.data() + first_[point + 1]};
  }
  double weight(Arc arc) const { return (*pairs_)[arc.pair].weight; }

  // The points of each connected part, ascending; parts in the order of their first points.
  std::vector<std::vector<std::int32_t>> parts() const;

 private:
  const std::vector<Pair>* pairs_;
  std::vector<std::int64_t> first_;
  std::vector<Arc> arcs_;
};

// Lengths of the shortest ways from one point (Dijkstra), infinite where there is none. `out` has graph.size() values.
// Keeps its queue from call to call.
class ShortestPaths {
 public:
  explicit ShortestPaths(const Graph& graph) : graph_(graph) {}
  void from(std::int32_t source, double* out);

 private:
  struct Entry {
    double length;
    std::int32_t point;
    bool operator<(const Entry& other) const { return length > other.length; }  // of a heap: the shortest first
  };
  const Graph& graph_;
  std::vector<Entry> queue_;
};

}  // namespace fastcv::mds
