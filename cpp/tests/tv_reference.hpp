// What denoise_tv should return: the objective and the certificate as they are defined, and an optimum found slowly.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace fastcv::testing::tv {

// Joint channels; a problem of one channel has C = 1. Values lie in [channel][z][y][x], dual values in
// [channel][axis][z][y][x] with three axes z, y, x.
struct Problem {
  std::ptrdiff_t depth = 1, rows = 1, columns = 1, channels = 1;
  bool isotropic = true;
  std::vector<double> f;       // NaN: missing
  std::vector<double> weight;  // one a pixel

  std::ptrdiff_t pixels() const { return depth * rows * columns; }
  std::ptrdiff_t stride(int axis) const { return axis == 0 ? rows * columns : axis == 1 ? columns : 1; }
  std::ptrdiff_t length(int axis) const { return axis == 0 ? depth : axis == 1 ? rows : columns; }
  std::ptrdiff_t coordinate(std::ptrdiff_t pixel, int axis) const { return pixel / stride(axis) % length(axis); }
  std::size_t dual_index(std::ptrdiff_t c, int axis, std::ptrdiff_t pixel) const {
    return static_cast<std::size_t>((c * 3 + axis) * pixels() + pixel);
  }
  double low(std::ptrdiff_t c) const {
    return extreme(c, [](double a, double b) { return a < b; });
  }
  double high(std::ptrdiff_t c) const {
    return extreme(c, [](double a, double b) { return a > b; });
  }

 private:
  template <class Better>
  double extreme(std::ptrdiff_t c, Better better) const {
    double best = std::nan("");
    for (std::ptrdiff_t i = 0; i < pixels(); i++) {
      const double v = f[c * pixels() + i];
      if (!std::isnan(v) && (std::isnan(best) || better(v, best))) best = v;
    }
    return best;
  }
};

inline double difference(const Problem& p, const std::vector<double>& u, std::ptrdiff_t c, int axis, std::ptrdiff_t i) {
  if (p.coordinate(i, axis) + 1 == p.length(axis)) return 0;
  return u[c * p.pixels() + i + p.stride(axis)] - u[c * p.pixels() + i];
}

inline double divergence(const Problem& p, const std::vector<double>& q, std::ptrdiff_t c, std::ptrdiff_t i) {
  double sum = 0;
  for (int axis = 0; axis < 3; axis++) {
    if (p.coordinate(i, axis) + 1 < p.length(axis)) sum += q[p.dual_index(c, axis, i)];
    if (p.coordinate(i, axis) > 0) sum -= q[p.dual_index(c, axis, i - p.stride(axis))];
  }
  return sum;
}

// The norm of one pixel's values by channel and axis: of differences, or (dual) the one that `weight` bounds.
template <class Value>
double norm(const Problem& p, bool dual, const Value& value) {
  double all = 0, sum = 0, most = 0;
  for (int axis = 0; axis < 3; axis++) {
    double square = 0;
    for (std::ptrdiff_t c = 0; c < p.channels; c++) {
      const double v = value(c, axis);
      square += v * v;
    }
    all += square;
    sum += std::sqrt(square);
    most = std::max(most, std::sqrt(square));
  }
  return p.isotropic ? std::sqrt(all) : dual ? most : sum;
}

inline double objective(const Problem& p, const std::vector<double>& u) {
  double sum = 0;
  for (std::ptrdiff_t i = 0; i < p.pixels(); i++) {
    sum += p.weight[i] * norm(p, false, [&](std::ptrdiff_t c, int axis) { return difference(p, u, c, axis, i); });
    for (std::ptrdiff_t c = 0; c < p.channels; c++) {
      const double f = p.f[c * p.pixels() + i], e = u[c * p.pixels() + i] - f;
      if (!std::isnan(f)) sum += 0.5 * e * e;
    }
  }
  return sum;
}

// The largest |q| / weight.
inline double dual_norm(const Problem& p, const std::vector<double>& q) {
  double most = 0;
  for (std::ptrdiff_t i = 0; i < p.pixels(); i++) {
    const double n = norm(p, true, [&](std::ptrdiff_t c, int axis) { return q[p.dual_index(c, axis, i)]; });
    if (n > 0) most = std::max(most, n / p.weight[i]);
  }
  return most;
}

inline double gap(const Problem& p, const std::vector<double>& u, const std::vector<double>& q) {
  double sum = 0;
  for (std::ptrdiff_t i = 0; i < p.pixels(); i++) {
    double product = 0;
    const double slope = norm(p, false, [&](std::ptrdiff_t c, int axis) {
      product += q[p.dual_index(c, axis, i)] * difference(p, u, c, axis, i);
      return difference(p, u, c, axis, i);
    });
    sum += p.weight[i] * slope - product;
    for (std::ptrdiff_t c = 0; c < p.channels; c++) {
      const double f = p.f[c * p.pixels() + i], v = u[c * p.pixels() + i], div = divergence(p, q, c, i);
      sum +=
          std::isnan(f) ? std::max((p.low(c) - v) * div, (p.high(c) - v) * div) : 0.5 * (v - f - div) * (v - f - div);
    }
  }
  return sum;
}

struct Optimum {
  std::vector<double> u, q;
  double objective, gap;
};

// Chambolle and Pock's primal-dual method, to a relative gap of `tol`.
inline Optimum optimum(const Problem& p, double tol = 1e-9, int max_iter = 200000) {
  const std::ptrdiff_t n = p.pixels();
  Optimum o;
  bool missing = false;
  std::vector<double> low, high;
  for (std::ptrdiff_t c = 0; c < p.channels; c++) {
    low.push_back(p.low(c));
    high.push_back(p.high(c));
  }
  o.u = p.f;
  for (std::size_t i = 0; i < o.u.size(); i++) {
    if (!std::isnan(o.u[i])) continue;
    missing = true;
    o.u[i] = (low[i / n] + high[i / n]) / 2;
  }
  o.q.assign(static_cast<std::size_t>(3 * n * p.channels), 0.0);
  std::vector<double> bar = o.u;
  double tau = 0.5, sigma = 1 / (12 * tau);
  for (int k = 1; k <= max_iter; k++) {
    const double gamma = missing ? 0 : 0.9, theta = 1 / std::sqrt(1 + 2 * gamma * tau);
    for (std::ptrdiff_t i = 0; i < n; i++) {
      for (std::ptrdiff_t c = 0; c < p.channels; c++) {
        for (int axis = 0; axis < 3; axis++) o.q[p.dual_index(c, axis, i)] += sigma * difference(p, bar, c, axis, i);
      }
      for (int axis = 0; axis < 3; axis++) {
        const double size = norm(p, true, [&](std::ptrdiff_t c, int a) {
          return p.isotropic || a == axis ? o.q[p.dual_index(c, a, i)] : 0;
        });
        if (size <= p.weight[i]) continue;
        for (std::ptrdiff_t c = 0; c < p.channels; c++) {
          for (int a = 0; a < 3; a++) {
            if (p.isotropic || a == axis) o.q[p.dual_index(c, a, i)] *= p.weight[i] / size;
          }
        }
      }
    }
    for (std::ptrdiff_t c = 0; c < p.channels; c++) {
      for (std::ptrdiff_t i = 0; i < n; i++) {
        double& u = o.u[c * n + i];
        const double f = p.f[c * n + i], before = u, div = divergence(p, o.q, c, i);
        u = std::isnan(f) ? u + tau * div : (u + tau * (f + div)) / (1 + tau);
        u = std::clamp(u, low[c], high[c]);
        bar[c * n + i] = u + theta * (u - before);
      }
    }
    tau *= theta;
    sigma /= theta;
    if (k % 50 != 0) continue;
    o.objective = objective(p, o.u);
    o.gap = gap(p, o.u, o.q);
    if (o.gap <= tol * o.objective || o.gap < 1e-300) break;
  }
  return o;
}

}  // namespace fastcv::testing::tv
