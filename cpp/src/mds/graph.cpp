#include "mds/graph.hpp"

#include <algorithm>
#include <limits>

namespace fastcv::mds {

Graph::Graph(const Network& network) : pairs_(&network.pairs), first_(network.points + 1, 0) {
  for (const Pair& pair : *pairs_) {
    first_[pair.a + 1]++;
    first_[pair.b + 1]++;
  }
  for (std::size_t i = 1; i < first_.size(); i++) first_[i] += first_[i - 1];
  arcs_.resize(first_.back());
  std::vector<std::int64_t> next(first_.begin(), first_.end() - 1);
  for (std::size_t k = 0; k < pairs_->size(); k++) {
    const Pair& pair = (*pairs_)[k];
    arcs_[next[pair.a]++] = {pair.distance, pair.b, static_cast<std::int32_t>(k)};
    arcs_[next[pair.b]++] = {pair.distance, pair.a, static_cast<std::int32_t>(k)};
  }
}

std::vector<std::vector<std::int32_t>> Graph::parts() const {
  std::vector<std::vector<std::int32_t>> parts;
  std::vector<char> seen(size(), 0);
  for (std::int32_t start = 0; start < size(); start++) {
    if (seen[start]) continue;
    std::vector<std::int32_t> part{start};
    seen[start] = 1;
    for (std::size_t k = 0; k < part.size(); k++) {
      for (const Arc arc : arcs(part[k])) {
        if (!seen[arc.to]) part.push_back(arc.to);
        seen[arc.to] = 1;
      }
    }
    std::sort(part.begin(), part.end());
    parts.push_back(std::move(part));
  }
  return parts;
}

void ShortestPaths::from(std::int32_t source, double* out) {
  std::fill_n(out, graph_.size(), std::numeric_limits<double>::infinity());
  out[source] = 0;
  queue_.assign(1, {0.0, source});
  while (!queue_.empty()) {
    std::pop_heap(queue_.begin(), queue_.end());
    const Entry nearest = queue_.back();
    queue_.pop_back();
    if (nearest.length > out[nearest.point]) continue;  // a longer way, found before the shortest
    for (const Arc& arc : graph_.arcs(nearest.point)) {
      const double length = nearest.length + arc.length;
      if (!(length < out[arc.to])) continue;
      out[arc.to] = length;
      queue_.push_back({length, arc.to});
      std::push_heap(queue_.begin(), queue_.end());
    }
  }
}

}  // namespace fastcv::mds
