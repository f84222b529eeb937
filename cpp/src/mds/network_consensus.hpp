// Points in a wrong place among wrong distances: others than those on the wrong side of their neighbours.
#pragma once

#include "mds/graph.hpp"
#include "mds/network_loss.hpp"

namespace fastcv::mds {

// Moves each free point to where most of its distances meet, if it fits better there: d + 1 of its neighbours, drawn at
// random again and again, say where that might be (RANSAC, Fischler and Bolles 1981). How many were moved. `rho` is the
// robust loss, at the scale of the noise.
int move_to_consensus(const Network& network, const Graph& graph, const Rho& rho, Positions& x);

}  // namespace fastcv::mds
