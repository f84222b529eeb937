// Chambolle's iteration as tv.hpp has it, value by value, in double. Slow and obvious.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "fastcv/tv.hpp"

namespace fastcv::reference {

// A dense grid: the last axis runs fastest.
struct Grid {
  std::vector<std::ptrdiff_t> shape;

  std::ptrdiff_t size() const {
    std::ptrdiff_t n = 1;
    for (const std::ptrdiff_t s : shape) n *= s;
    return n;
  }
  std::ptrdiff_t step(std::size_t axis) const {
    std::ptrdiff_t n = 1;
    for (std::size_t a = axis + 1; a < shape.size(); a++) n *= shape[a];
    return n;
  }
  std::ptrdiff_t position(std::ptrdiff_t i, std::size_t axis) const { return i / step(axis) % shape[axis]; }
};

struct ChambolleAnswer {
  std::vector<double> u;
  ChambolleReport report;
};

inline ChambolleAnswer chambolle(const Grid& grid, const std::vector<double>& image, const ChambolleOptions& o) {
  const std::size_t axes = grid.shape.size(), n = image.size();
  const double tau = o.tau > 0 ? o.tau : 1.0 / (2.0 * static_cast<double>(axes));
  std::vector<std::vector<double>> p(axes, std::vector<double>(n, 0.0)), gradient = p;
  ChambolleAnswer answer{image, {}};
  double first = 0;
  for (std::int64_t pass = 1; pass <= o.max_num_iter; pass++) {
    double squares = 0, norms = 0, largest = 0;
    for (std::size_t i = 0; i < n; i++) {
      double d = 0;
      for (std::size_t a = 0; a < axes; a++) {
        d -= p[a][i];
        if (grid.position(i, a) > 0) d += p[a][i - grid.step(a)];
      }
      answer.u[i] = image[i] + d;
      squares += d * d;
    }
    for (std::size_t i = 0; i < n; i++) {
      double sum = 0;
      for (std::size_t a = 0; a < axes; a++) {
        const bool border = grid.position(i, a) == grid.shape[a] - 1;
        gradient[a][i] = border ? 0.0 : answer.u[i + grid.step(a)] - answer.u[i];
        sum += gradient[a][i] * gradient[a][i];
      }
      const double norm = std::sqrt(sum);
      norms += norm;
      for (std::size_t a = 0; a < axes; a++) {
        const double after = (p[a][i] - tau * gradient[a][i]) / (1 + tau / o.weight * norm);
        largest = std::fmax(largest, std::fabs(after - p[a][i]));
        p[a][i] = after;
      }
    }
    const double before = answer.report.energy, energy = (squares + o.weight * norms) / static_cast<double>(n);
    answer.report.iterations = pass;
    answer.report.energy = energy;
    if (pass == 1) first = energy;
    double& change = answer.report.change;
    change = o.stop == ChambolleStop::kDual ? largest
             : pass == 1                    ? std::numeric_limits<double>::infinity()
                                            : std::fabs(before - energy) / first;
    if (change < o.eps) {
      answer.report.converged = true;
      break;
    }
  }
  return answer;
}

}  // namespace fastcv::reference
