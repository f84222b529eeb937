// The robust loss: distances of which some are wrong, by graduated non-convexity.
#pragma once

#include <cstdint>
#include <vector>

#include "mds/graph.hpp"
#include "mds/minimise.hpp"
#include "mds/network_loss.hpp"

namespace fastcv::mds {

// Where the scale begins. Far: the largest residual, at which the loss is nearly least squares; for a start that the
// wrong distances bent as well. Near: the noise of the start itself; for one that did without them.
enum class Scale : std::uint8_t { kFar, kNear };

// Minimises Geman-McClure's loss, its scale falling from there to that of the noise, which is estimated from the
// smaller residuals. Moves x (planes); leaves the last scale in the loss and in `scale`.
Minimum minimise_robust(NetworkLoss& loss, const Network& network, Scale from, double* x,
                        const MinimiseOptions<double>& options, double* scale);

// Whether no residual lies beyond what noise of that scale explains.
bool all_explained(const Network& network, const double* x, double scale);

// The pairs that agree with the triangles they are in: most of the sides of a triangle with a wrong distance break its
// inequality by less than that one does.
std::vector<Pair> consistent_pairs(const Network& network, const Graph& graph);

}  // namespace fastcv::mds
