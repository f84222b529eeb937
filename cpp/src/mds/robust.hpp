// The robust loss: distances of which some are wrong, by graduated non-convexity.
#pragma once

#include "mds/minimise.hpp"
#include "mds/network_loss.hpp"

namespace fastcv::mds {

// Minimises Geman-McClure's loss from a scale at which it is convex in effect, the largest residual, down to the scale
// of the noise, which is estimated from the smaller residuals. Moves x (planes), leaves that scale in the loss and in
// `scale`.
Minimum minimise_robust(NetworkLoss& loss, const Network& network, double* x, const MinimiseOptions<double>& options,
                        double* scale);

}  // namespace fastcv::mds
