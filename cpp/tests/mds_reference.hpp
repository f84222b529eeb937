// The definitions of losses of pairs and of gradient descent, walked literally, in long double.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "fastcv/mds.hpp"
#include "mds/pairs.hpp"

namespace fastcv::reference {

using Real = long double;

// n points of k coordinates, [point][coordinate]; n x n tables, [row][column].
struct Configuration {
  std::ptrdiff_t n = 0;
  int k = 0;
  std::vector<Real> x;
  Real distance(std::ptrdiff_t i, std::ptrdiff_t j) const {
    Real sum = 0;
    for (int c = 0; c < k; c++) sum += (x[i * k + c] - x[j * k + c]) * (x[i * k + c] - x[j * k + c]);
    return std::sqrt(sum);
  }
};

inline Real rho(mds::PairLoss loss, Real d, Real measured, Real scale) {
  const Real r = loss == mds::PairLoss::kSstress ? d * d - measured * measured : d - measured;
  return loss == mds::PairLoss::kGemanMcClure ? scale * r * r / (scale + r * r) : r * r;
}

// d rho / d distance, divided by the distance: what x_i - x_j is multiplied with.
inline Real slope(mds::PairLoss loss, Real d, Real measured, Real scale) {
  if (loss == mds::PairLoss::kSstress) return 4 * (d * d - measured * measured);
  if (d == 0) return 0;  // times x_i - x_j = 0
  const Real r = d - measured, q = loss == mds::PairLoss::kGemanMcClure ? scale / (scale + r * r) : 1;
  return 2 * r * q * q / d;
}

// Sum over i < j of w rho, w and D being the means of the two triangles; NaN: no such pair.
struct PairsOracle {
  std::vector<Real> distances, weights;  // weights may be empty
  mds::PairLoss loss = mds::PairLoss::kStress;
  Real scale = 1;

  Real weight(std::ptrdiff_t i, std::ptrdiff_t j, std::ptrdiff_t n) const {
    if (std::isnan(measured(i, j, n))) return 0;
    return weights.empty() ? 1 : (weights[i * n + j] + weights[j * n + i]) / 2;
  }
  Real measured(std::ptrdiff_t i, std::ptrdiff_t j, std::ptrdiff_t n) const {
    const Real a = distances[i * n + j], b = distances[j * n + i];
    return std::isnan(a) ? b : std::isnan(b) ? a : (a + b) / 2;
  }
  Real value(const Configuration& at) const {
    Real sum = 0;
    for (std::ptrdiff_t i = 0; i < at.n; i++)
      for (std::ptrdiff_t j = i + 1; j < at.n; j++)
        if (const Real w = weight(i, j, at.n); w != 0)
          sum += w * rho(loss, at.distance(i, j), measured(i, j, at.n), scale);
    return sum;
  }
  // `sizes`: of the terms each entry is a sum of, to which its rounding errors are proportional.
  std::vector<Real> gradient(const Configuration& at, std::vector<Real>* sizes = nullptr) const {
    std::vector<Real> g(at.x.size(), 0);
    if (sizes) sizes->assign(at.x.size(), 0);
    for (std::ptrdiff_t i = 0; i < at.n; i++)
      for (std::ptrdiff_t j = 0; j < at.n; j++) {
        const Real w = i == j ? 0 : weight(i, j, at.n);
        if (w == 0) continue;
        const Real d = at.distance(i, j), m = measured(i, j, at.n), s = w * slope(loss, d, m, scale);
        const Real size = w * (loss == mds::PairLoss::kSstress ? 4 * (d * d + m * m) : d == 0 ? 0 : 2 * (d + m) / d);
        for (int c = 0; c < at.k; c++) {
          const Real delta = at.x[i * at.k + c] - at.x[j * at.k + c];
          g[i * at.k + c] += s * delta;
          if (sizes) (*sizes)[i * at.k + c] += size * std::fabs(delta);
        }
      }
    return g;
  }
};

// Gradient descent as published. `losses`: before every step, and after the last.
inline void descend(Configuration& at, const std::vector<Real>& distances, DescentLoss loss, Real rate, int steps,
                    std::vector<Real>* losses = nullptr) {
  const bool quartic = loss == DescentLoss::kSstress;
  for (int step = 0; step <= steps; step++) {
    std::vector<Real> g(at.x.size(), 0);
    Real value = 0;
    for (std::ptrdiff_t i = 0; i < at.n; i++)
      for (std::ptrdiff_t j = 0; j < at.n; j++) {
        if (i == j) continue;
        const Real d = at.distance(i, j), measured = distances[i * at.n + j];
        value += quartic ? (d * d - measured * measured) * (d * d - measured * measured)
                         : (d - measured) * (d - measured) / 2;
        const Real w = quartic ? 4 * (d * d - measured * measured) : d == 0 ? 0 : 2 * (1 - measured / d);
        for (int c = 0; c < at.k; c++) g[i * at.k + c] += w * (at.x[i * at.k + c] - at.x[j * at.k + c]);
      }
    if (losses) losses->push_back(value);
    if (step == steps) return;
    for (std::size_t i = 0; i < g.size(); i++) at.x[i] -= rate * g[i];
  }
}

}  // namespace fastcv::reference
