// Whether the distances leave a choice.
#pragma once

#include <string>

#include "mds/graph.hpp"

namespace fastcv::mds {

// Empty, or why another arrangement fits as well as x (beyond rigid motions and mirroring, where there are no anchors).
// Points that can be placed one after the other, each from d + 1 placed neighbours in general position, are proven
// unique. Of the others it is tested whether they can move (the smallest eigenvalue of the Fisher information) and
// whether one of them fits as well on the other side of its neighbours.
std::string why_not_unique(const Network& network, const Graph& graph, const Positions& x);

}  // namespace fastcv::mds
