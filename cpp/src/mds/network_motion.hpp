// Points of a network that can move without changing a distance.
#pragma once

#include <cstdint>
#include <vector>

#include "mds/graph.hpp"
#include "mds/network.hpp"

namespace fastcv::mds {

// Of the points of `rest`, all others fixed: those that take part in a motion, other than that of a rigid body, which
// to first order changes no distance.
std::vector<std::int32_t> movable_points(const Network& network, const Graph& graph, const Positions& x,
                                         const std::vector<std::int32_t>& rest);

}  // namespace fastcv::mds
