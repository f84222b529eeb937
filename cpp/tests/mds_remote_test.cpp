// Points from a matrix that lies elsewhere: the steps of solve_mds.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <stdexcept>
#include <vector>

#include "fastcv/mds.hpp"

namespace fastcv::testing {
namespace {

// By the formulas, in another order than the kernels'.
class Elsewhere final : public RemoteDistances {
 public:
  std::vector<double> values;
  int dimensions, slopes = 0, stop_after = 1 << 30;

  Elsewhere(std::ptrdiff_t n, int dims, double noise) : values(n * n), dimensions(dims) {
    points = n;
    std::mt19937 random(static_cast<unsigned>(n));
    std::normal_distribution<double> normal;
    std::vector<double> x(n * dims);
    for (double& value : x) value = normal(random);
    for (std::ptrdiff_t i = 0; i < n; i++) {
      for (std::ptrdiff_t j = 0; j < i; j++) {
        double square = 0;
        for (int c = 0; c < dims; c++) square += std::pow(x[i * dims + c] - x[j * dims + c], 2);
        const double d = std::fabs(std::sqrt(square) * (1 + noise * normal(random)));
        values[i * n + j] = values[j * n + i] = d;
        largest = std::max(largest, d);
        sum_squares += d * d;
      }
    }
  }

  void rows(const std::vector<std::ptrdiff_t>& which, double* out) override {
    for (const std::ptrdiff_t i : which) out = std::copy_n(values.data() + i * points, points, out);
  }

  double slope(const double* x, double* g, double* per_point) override {
    if (++slopes > stop_after) throw std::runtime_error("gone");
    double most = 0;
    for (std::ptrdiff_t i = 0; i < points; i++) {
      per_point[i] = 0;
      std::fill_n(g + i * dimensions, dimensions, 0.0);
      for (std::ptrdiff_t j = points; j-- > 0;) {
        if (i == j) continue;
        double square = 0;
        for (int c = 0; c < dimensions; c++) square += std::pow(x[i * dimensions + c] - x[j * dimensions + c], 2);
        const double d = std::sqrt(square), off = d - values[i * points + j];
        per_point[i] += off * off;
        most = std::max(most, std::fabs(off));
        for (int c = 0; c < dimensions && d > 0; c++) {
          g[i * dimensions + c] += 2 * off / d * (x[i * dimensions + c] - x[j * dimensions + c]);
        }
      }
    }
    return most;
  }
};

struct Solved {
  std::vector<double> x, per_point;
  MdsReport report;
};

// Without `elsewhere` from the matrix itself, with a callback: then nothing is done in float32.
Solved solve(Elsewhere& distances, MdsOptions<double> o, bool elsewhere) {
  o.dimensions = distances.dimensions;
  Solved s{std::vector<double>(distances.points * o.dimensions), std::vector<double>(distances.points), {}};
  if (elsewhere) {
    s.report = solve_mds(distances, o, s.x.data(), s.per_point.data());
    return s;
  }
  MdsProblem<double> problem;
  problem.points = distances.points;
  problem.distances = {distances.values.data(), distances.points * 8, 8};
  o.callback = [](void*, std::int64_t, const double*, double) { return false; };
  s.report = solve_mds(problem, o, s.x.data(), s.per_point.data());
  return s;
}

void expect_same(const Solved& a, const Solved& b) {
  EXPECT_EQ(a.report.iterations, b.report.iterations);
  EXPECT_EQ(a.report.reason, b.report.reason);
  EXPECT_EQ(a.report.converged, b.report.converged);
  EXPECT_NEAR(a.report.stress, b.report.stress, 1e-10 * b.report.stress + 1e-24);
  EXPECT_NEAR(a.report.normalized_stress, b.report.normalized_stress, 1e-10);
  for (std::size_t i = 0; i < a.x.size(); i++) ASSERT_NEAR(a.x[i], b.x[i], 1e-8) << i;
  for (std::size_t i = 0; i < a.per_point.size(); i++) ASSERT_NEAR(a.per_point[i], b.per_point[i], 1e-8) << i;
}

TEST(RemoteDistances, TakesTheStepsOfOneMachine) {
  for (const int dimensions : {1, 2, 3, 5}) {
    for (const std::ptrdiff_t n : {2, 3, 17, 40, 130}) {
      for (const double noise : {0.0, 0.1}) {
        if (dimensions == 1 && noise > 0 && n > 3) continue;  // many minima: which one, rounding decides
        Elsewhere distances(n, dimensions, noise);
        SCOPED_TRACE(::testing::Message() << n << " points, " << dimensions << " dimensions, noise " << noise);
        expect_same(solve(distances, {}, true), solve(distances, {}, false));
      }
    }
  }
}

TEST(RemoteDistances, FromAGivenStart) {
  Elsewhere distances(40, 2, 0.05);
  std::vector<double> start(80);
  for (std::size_t i = 0; i < start.size(); i++) start[i] = std::sin(static_cast<double>(i));
  MdsOptions<double> o;
  o.init = MdsInit::kGiven;
  o.start = start.data();
  expect_same(solve(distances, o, true), solve(distances, o, false));
  std::fill(start.begin(), start.end(), 3.0);  // all in one place
  expect_same(solve(distances, o, true), solve(distances, o, false));
}

TEST(RemoteDistances, StopsAndThrows) {
  Elsewhere distances(40, 2, 0.1);
  MdsOptions<double> o;
  o.max_iter = 2;
  expect_same(solve(distances, o, true), solve(distances, o, false));
  EXPECT_EQ(solve(distances, o, true).report.reason, "max_iter");
  distances.slopes = 0;
  distances.stop_after = 3;
  EXPECT_THROW(solve(distances, {}, true), std::runtime_error);
  Elsewhere one(1, 2, 0), nowhere(5, 2, 0);
  EXPECT_TRUE(solve(one, {}, true).report.converged);
  std::fill(nowhere.values.begin(), nowhere.values.end(), 0.0);
  nowhere.largest = nowhere.sum_squares = 0;
  const Solved s = solve(nowhere, {}, true);
  EXPECT_EQ(s.report.stress, 0);
  EXPECT_EQ(s.x, std::vector<double>(10));
}

}  // namespace
}  // namespace fastcv::testing
