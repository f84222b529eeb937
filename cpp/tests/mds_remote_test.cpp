// Points from a matrix that lies elsewhere: the steps of solve_mds.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "fastcv/mds.hpp"
#include "simd_targets.hpp"

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

  double gradient(const double* x, double* g) override {
    if (++slopes > stop_after) throw std::runtime_error("gone");
    double stress = 0;
    std::fill_n(g, points * dimensions, 0.0);
    for (std::ptrdiff_t i = 0; i < points; i++) {
      for (std::ptrdiff_t j = points; j-- > 0;) {
        if (i == j) continue;
        const double d = distance(x, i, j), off = d - values[i * points + j];
        stress += off * off / 2;
        for (int c = 0; c < dimensions && d > 0; c++) {
          g[i * dimensions + c] += 2 * off / d * (x[i * dimensions + c] - x[j * dimensions + c]);
        }
      }
    }
    return stress;
  }

  double residuals(const double* x, double* per_point) override {
    double most = 0;
    for (std::ptrdiff_t i = 0; i < points; i++) {
      per_point[i] = 0;
      for (std::ptrdiff_t j = points; j-- > 0;) {
        const double off = i == j ? 0 : distance(x, i, j) - values[i * points + j];
        per_point[i] += off * off;
        most = std::max(most, std::fabs(off));
      }
    }
    return most;
  }

 private:
  double distance(const double* x, std::ptrdiff_t i, std::ptrdiff_t j) const {
    double square = 0;
    for (int c = 0; c < dimensions; c++) square += std::pow(x[i * dimensions + c] - x[j * dimensions + c], 2);
    return std::sqrt(square);
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

// ---- some rows -----------------------------------------------------------------------------

template <class T>
void check_rows(Elsewhere& distances, DescentLoss loss, std::ptrdiff_t first, std::ptrdiff_t rows, bool mirrored) {
  const std::ptrdiff_t n = distances.points;
  const int dims = distances.dimensions;
  std::vector<T> values(rows * n);
  for (std::ptrdiff_t r = 0; r < rows; r++) {
    for (std::ptrdiff_t j = 0; j < n; j++) {
      values[r * n + j] = static_cast<T>(distances.values[(first + r) * n + j]);
      if (first + r == j) values[r * n + j] = 7;              // plays no part
      if (mirrored && j < first + r) values[r * n + j] *= 2;  // differs by direction
    }
  }
  std::vector<double> x(n * dims);
  for (std::size_t i = 0; i < x.size(); i++) x[i] = std::cos(static_cast<double>(i * i));
  std::vector<double> expected(rows * dims), sums(rows);
  double value = 0, largest = 0;
  for (std::ptrdiff_t r = 0; r < rows; r++) {
    for (std::ptrdiff_t j = 0; j < n; j++) {
      const std::ptrdiff_t i = first + r;
      if (i == j) continue;
      double square = 0;
      for (int c = 0; c < dims; c++) square += std::pow(x[i * dims + c] - x[j * dims + c], 2);
      const double d = std::sqrt(square), wanted = values[r * n + j], off = d - wanted;
      const double off2 = square - wanted * wanted;
      value += loss == DescentLoss::kSstress ? off2 * off2 : off * off / 2;
      sums[r] += off * off;
      largest = std::max(largest, std::fabs(off));
      for (int c = 0; c < dims; c++) {
        const double step = x[i * dims + c] - x[j * dims + c];
        expected[r * dims + c] += loss == DescentLoss::kSstress ? 4 * off2 * step : 2 * off / d * step;
      }
    }
  }
  const DistanceRows part{values.data(), sizeof(T) == 8, n * static_cast<std::ptrdiff_t>(sizeof(T)), rows, first, n};
  std::vector<double> g(rows * dims), per_point(rows), again(rows * dims);
  EXPECT_NEAR(rows_gradient(part, loss, dims, x.data(), g.data(), 1), value, 1e-12 * value);
  for (std::size_t i = 0; i < g.size(); i++) ASSERT_NEAR(g[i], expected[i], 1e-11 * static_cast<double>(n)) << i;
  EXPECT_NEAR(rows_residuals(part, dims, x.data(), per_point.data(), 1), largest, 1e-13 * largest);
  for (std::ptrdiff_t r = 0; r < rows; r++) ASSERT_NEAR(per_point[r], sums[r], 1e-12 * sums[r]) << r;
  rows_gradient(part, loss, dims, x.data(), again.data(), 3);
  EXPECT_EQ(g, again);
}

TEST(DistanceRows, AreThoseOfTheFormulas) {
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    for (const int dims : {1, 2, 3, 5}) {
      for (const std::ptrdiff_t n : {2, 15, 16, 17, 40, 1030}) {
        if (n == 1030 && dims != 2) continue;
        Elsewhere distances(n, dims, 0.1);
        for (const DescentLoss loss : {DescentLoss::kStress, DescentLoss::kSstress}) {
          for (const std::ptrdiff_t first : {std::ptrdiff_t{0}, n / 2, n - 1}) {
            for (const std::ptrdiff_t rows : {std::ptrdiff_t{1}, (n - first + 1) / 2, n - first}) {
              SCOPED_TRACE(::testing::Message()
                           << n << " points, " << dims << " dimensions, rows " << first << " + " << rows);
              check_rows<double>(distances, loss, first, rows, false);
              check_rows<float>(distances, loss, first, rows, true);
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace fastcv::testing
