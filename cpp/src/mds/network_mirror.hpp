// Points on the wrong side of their neighbours: the usual local minimum of a network.
#pragma once

#include <vector>

#include "mds/dense_algebra.hpp"
#include "mds/graph.hpp"
#include "mds/network_loss.hpp"

namespace fastcv::mds {

// Where points lie around their mean: sums of squares along axes, ascending, so that the first is the direction in
// which they are thinnest.
struct Spread {
  std::vector<double> mean, squares;
  Columns axes;
};
Spread spread_of(const std::vector<std::int32_t>& points, const Positions& x, int dimensions);

// The loss of a point's own pairs with the point at y, the others where x has them.
double own_loss(const Network& network, const Graph& graph, const Rho& rho, const Positions& x, std::ptrdiff_t point,
                const double* y);

// Steps of SMACOF for one point, from y on, with reweighting: its loss does not rise.
void fit_point(const Network& network, const Graph& graph, const Rho& rho, const Positions& x, std::ptrdiff_t point,
               double* y);

// Where the point fits best on the other side of the plane through its neighbours, into y; the loss of its pairs there.
double mirrored(const Network& network, const Graph& graph, const Rho& rho, const Positions& x, std::ptrdiff_t point,
                double* y);

// Free points whose mean loss a pair stands out from the others', worst first. The spread of chance is allowed for.
std::vector<std::int32_t> misfits(const Network& network, const Graph& graph, const Rho& rho, const Positions& x);

// Moves each of the points to its mirror place where it fits better there. How many were moved.
int mirror_points(const Network& network, const Graph& graph, const Rho& rho, const std::vector<std::int32_t>& points,
                  Positions& x);

}  // namespace fastcv::mds
