// Points from some of their distances: the loss of a network, its graph, its starts, what is unique, the robust loss,
// and all together.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>

#include "fastcv/mds.hpp"
#include "fastcv/runtime.hpp"
#include "mds/dense_algebra.hpp"
#include "mds/graph.hpp"
#include "mds/network.hpp"
#include "mds/network_loss.hpp"
#include "mds/network_mirror.hpp"
#include "mds/network_unique.hpp"
#include "mds/robust.hpp"
#include "mds/starts.hpp"
#include "simd_targets.hpp"

namespace fastcv::testing {
namespace {

using mds::Columns;
using mds::Graph;
using mds::Network;
using mds::NetworkLoss;
using mds::Pair;
using mds::Positions;
using Real = long double;

// Points uniform in the unit cube, and their distances up to `range`; the last `anchors` are known.
struct Field {
  std::ptrdiff_t n, anchors;
  int d;
  std::vector<double> x;  // row after row
  std::vector<std::int64_t> first, second, anchor_points;
  std::vector<double> distances, weights;

  Field(std::ptrdiff_t points, std::ptrdiff_t known, int dimensions, double range, unsigned seed, double noise = 0)
      : n(points), anchors(known), d(dimensions), x(points * dimensions) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> uniform(0, 1);
    std::normal_distribution<double> normal(0, 1);
    for (double& value : x) value = uniform(random);
    for (std::ptrdiff_t i = 0; i < n; i++) {
      for (std::ptrdiff_t j = i + 1; j < n; j++) {
        const double length = distance(x.data(), i, j);
        if (length > range) continue;
        add(i, j, std::fabs(length * (1 + noise * normal(random))));
      }
    }
    for (std::ptrdiff_t i = n - anchors; i < n; i++) anchor_points.push_back(i);
  }
  // Given points and pairs.
  Field(int dimensions, std::vector<double> points, const std::vector<std::pair<int, int>>& pairs,
        std::vector<std::int64_t> known = {})
      : n(static_cast<std::ptrdiff_t>(points.size()) / dimensions),
        anchors(static_cast<std::ptrdiff_t>(known.size())),
        d(dimensions),
        x(std::move(points)),
        anchor_points(std::move(known)) {
    for (const auto& [i, j] : pairs) add(i, j, distance(x.data(), i, j));
  }

  void add(std::ptrdiff_t i, std::ptrdiff_t j, double length) {
    first.push_back(i);
    second.push_back(j);
    distances.push_back(length);
  }

  double distance(const double* at, std::ptrdiff_t i, std::ptrdiff_t j) const {
    Real sum = 0;
    for (int c = 0; c < d; c++) sum += (Real(at[i * d + c]) - at[j * d + c]) * (Real(at[i * d + c]) - at[j * d + c]);
    return static_cast<double>(std::sqrt(sum));
  }

  std::vector<double> anchor_positions() const {
    std::vector<double> positions;
    for (const std::int64_t i : anchor_points)
      positions.insert(positions.end(), x.data() + i * d, x.data() + (i + 1) * d);
    return positions;
  }
};

struct Result {
  std::vector<double> x, per_point;
  MdsReport report;
};

Result solve(const Field& f, MdsOptions<double> o = {}) {
  const std::vector<double> positions = f.anchor_positions();
  MdsProblem<double> p;
  p.points = f.n;
  p.pairs = static_cast<std::ptrdiff_t>(f.first.size());
  p.first = f.first.data();
  p.second = f.second.data();
  p.pair_distances = f.distances.data();
  if (!f.weights.empty()) p.pair_weights = f.weights.data();
  p.anchors = f.anchors;
  p.anchor_points = f.anchor_points.data();
  p.anchor_positions = positions.data();
  o.dimensions = f.d;
  Result r{std::vector<double>(f.n * f.d, 7), std::vector<double>(f.n, 7), {}};
  r.report = solve_mds(p, o, r.x.data(), r.per_point.data());
  return r;
}

double rmse(const Field& f, const std::vector<double>& x) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); i++) sum += (x[i] - f.x[i]) * (x[i] - f.x[i]);
  return std::sqrt(sum / static_cast<double>(f.n));
}

// The worst relative error of all distances, measured or not: 0 up to rigid motions only for the right points.
double shape_error(const Field& f, const std::vector<double>& x) {
  double worst = 0;
  for (std::ptrdiff_t i = 0; i < f.n; i++) {
    for (std::ptrdiff_t j = 0; j < i; j++) {
      worst = std::max(worst, std::fabs(f.distance(x.data(), i, j) - f.distance(f.x.data(), i, j)));
    }
  }
  return worst;
}

Network network_of(const Field& f) {
  const std::vector<double> positions = f.anchor_positions();
  MdsProblem<double> p;
  p.points = f.n;
  p.pairs = static_cast<std::ptrdiff_t>(f.first.size());
  p.first = f.first.data();
  p.second = f.second.data();
  p.pair_distances = f.distances.data();
  if (!f.weights.empty()) p.pair_weights = f.weights.data();
  p.anchors = f.anchors;
  p.anchor_points = f.anchor_points.data();
  p.anchor_positions = positions.data();
  MdsOptions<double> o;
  o.dimensions = f.d;
  return mds::build_network(p, o);
}

std::string refusal(const Field& f, MdsOptions<double> o = {}) {
  try {
    solve(f, o);
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "";
}

// ---- dense algebra -------------------------------------------------------------------------

TEST(DenseAlgebra, NearestOrthogonalRecoversARotation) {
  std::mt19937 random(3);
  std::normal_distribution<double> normal(0, 1);
  for (int d = 1; d <= 5; d++) {
    for (int rank = 0; rank <= d; rank++) {
      Columns turn(d, d);
      for (double& v : turn.values) v = normal(random);
      mds::orthonormalise(turn);
      // A of that rank, B = A turn: the covariance A^T B, and R must do to A what `turn` does.
      Columns a(7, d), covariance(d, d);
      for (int c = 0; c < rank; c++) {
        for (int i = 0; i < 7; i++) a(i, c) = normal(random);
      }
      const auto times = [&](const Columns& r, int i, int e) {
        double sum = 0;
        for (int c = 0; c < d; c++) sum += a(i, c) * r(c, e);
        return sum;
      };
      for (int c = 0; c < d; c++) {
        for (int e = 0; e < d; e++) {
          for (int i = 0; i < 7; i++) covariance(c, e) += a(i, c) * times(turn, i, e);
        }
      }
      const Columns r = mds::nearest_orthogonal(covariance);
      for (int e = 0; e < d; e++) {
        for (int i = 0; i < 7; i++) EXPECT_NEAR(times(r, i, e), times(turn, i, e), 1e-7) << d << " " << rank;
        for (int c = 0; c < d; c++) EXPECT_NEAR(mds::inner(r.column(c), r.column(e), d), c == e, 1e-12);
      }
    }
  }
}

// ---- the loss ------------------------------------------------------------------------------

// The definition, in long double.
Real loss_by_definition(const Network& network, MdsLoss loss, Real mu2, int dims, Real penalty, const Positions& x) {
  Real sum = 0;
  for (const Pair& p : network.pairs) {
    Real squared = 0;
    for (int c = 0; c < dims; c++) {
      const Real gap = Real(x[p.a * dims + c]) - x[p.b * dims + c];
      squared += gap * gap;
    }
    const Real length = std::sqrt(squared), r = length - p.distance, s = squared - Real(p.distance) * p.distance;
    sum += p.weight * (loss == MdsLoss::kStress    ? r * r
                       : loss == MdsLoss::kSstress ? s * s
                                                   : mu2 * r * r / (mu2 + r * r));
    for (int c = network.dimensions; c < dims; c++) {
      for (const std::int32_t i : {p.a, p.b}) {
        if (i < network.free) sum += penalty * p.weight * Real(x[i * dims + c]) * x[i * dims + c];
      }
    }
  }
  return sum;
}

TEST(NetworkLoss, ValueAndGradientAreTheDefinitions) {
  for (const std::ptrdiff_t anchors : {0, 5}) {
    for (int d = 1; d <= 4; d++) {
      Field f(30, anchors, d, 0.8, 4 + d);
      for (std::size_t k = 0; k < f.first.size(); k++) f.weights.push_back(0.25 * static_cast<double>(k % 5));
      const Network network = network_of(f);
      for (const int extra : {0, 2}) {
        const int dims = d + extra;
        Positions x(network.points * dims, 0.0);
        std::mt19937 random(9);
        std::normal_distribution<double> normal(0, 1);
        for (std::ptrdiff_t i = 0; i < network.free * dims; i++) x[i] = normal(random);
        for (std::ptrdiff_t k = 0; k < anchors; k++) {
          for (int c = 0; c < d; c++) x[(network.free + k) * dims + c] = network.anchors[k * d + c];
        }
        for (const MdsLoss kind : {MdsLoss::kStress, MdsLoss::kSstress, MdsLoss::kRobust}) {
          const double mu2 = 0.3, penalty = extra > 0 ? 0.5 : 0;
          NetworkLoss loss(network, kind, dims, 1);
          loss.set_mu2(mu2);
          loss.set_penalty(penalty);
          const std::ptrdiff_t stride = loss.stride();
          ASSERT_EQ(loss.size(), f.n - anchors);
          std::vector<double> planes = mds::to_planes(x, dims, network.free, dims), g(dims * stride, 7);
          const double value = loss.evaluate(planes.data(), g.data());
          const Real truth = loss_by_definition(network, kind, mu2, dims, penalty, x);
          EXPECT_NEAR(value, static_cast<double>(truth), 1e-13 * static_cast<double>(truth));
          for (int c = 0; c < dims; c++) {
            for (std::ptrdiff_t i = 0; i < stride; i++) {
              if (i >= network.free) {
                EXPECT_EQ(g[c * stride + i], 0);
                continue;
              }
              constexpr double kStep = 1e-5;
              Positions up = x, down = x;
              up[i * dims + c] += kStep;
              down[i * dims + c] -= kStep;
              const Real slope = (loss_by_definition(network, kind, mu2, dims, penalty, up) -
                                  loss_by_definition(network, kind, mu2, dims, penalty, down)) /
                                 (Real(up[i * dims + c]) - down[i * dims + c]);
              EXPECT_NEAR(g[c * stride + i], static_cast<double>(slope),
                          1e-6 * (1 + std::fabs(static_cast<double>(slope))));
            }
          }
        }
      }
    }
  }
}

TEST(NetworkLoss, SameBytesForAnyThreads) {
  const Field f(700, 10, 2, 2, 5);  // all pairs: several blocks
  const Network network = network_of(f);
  ASSERT_GT(network.pairs.size(), 200000u);
  Positions x = network.positions();
  std::mt19937 random(9);
  for (double& value : x) value = static_cast<double>(random() % 1000) / 1000;
  std::vector<double> planes = mds::to_planes(x, 2, network.free, 2), expected(planes.size()), g(planes.size());
  NetworkLoss one(network, MdsLoss::kStress, 2, 1);
  const double value = one.evaluate(planes.data(), expected.data());
  for (const int threads : {2, 7}) {
    NetworkLoss many(network, MdsLoss::kStress, 2, threads);
    EXPECT_EQ(many.evaluate(planes.data(), g.data()), value);
    EXPECT_EQ(g, expected);
  }
}

TEST(NetworkLoss, CoincidentPointsHaveNoGradient) {
  const Field f(2, {0.5, 0.5, 0.5, 0.5, 1, 1}, {{0, 1}, {1, 2}});
  Network network = network_of(f);
  network.pairs[0].distance = 1;
  NetworkLoss loss(network, MdsLoss::kStress, 2, 1);
  Positions x = f.x;
  for (double& value : x) value /= network.scale;
  std::vector<double> planes = mds::to_planes(x, 2, 3, 2), g(planes.size());
  EXPECT_NEAR(loss.evaluate(planes.data(), g.data()), 1, 1e-12);
  for (const double value : g) EXPECT_NEAR(value, 0, 1e-12);
}

// ---- graph ---------------------------------------------------------------------------------

TEST(Graph, ShortestPathsAreThoseOfFloydAndWarshall) {
  const Field f(60, 0, 2, 0.22, 6);
  const Network network = network_of(f);
  const Graph graph(network);
  const double inf = std::numeric_limits<double>::infinity();
  std::vector<double> all(60 * 60, inf);
  for (int i = 0; i < 60; i++) all[i * 61] = 0;
  for (const Pair& p : network.pairs) all[p.a * 60 + p.b] = all[p.b * 60 + p.a] = p.distance;
  for (int k = 0; k < 60; k++) {
    for (int i = 0; i < 60; i++) {
      for (int j = 0; j < 60; j++) all[i * 60 + j] = std::min(all[i * 60 + j], all[i * 60 + k] + all[k * 60 + j]);
    }
  }
  mds::ShortestPaths paths(graph);
  std::vector<double> out(60);
  for (int i = 0; i < 60; i++) {
    paths.from(i, out.data());
    for (int j = 0; j < 60; j++) {
      if (all[i * 60 + j] == inf) {
        EXPECT_EQ(out[j], inf);
      } else {
        EXPECT_NEAR(out[j], all[i * 60 + j], 1e-12);
      }
    }
  }
  std::size_t points = 0;
  for (const auto& part : graph.parts()) {
    points += part.size();
    for (std::int32_t j = 0; j < 60; j++) {
      EXPECT_EQ(std::count(part.begin(), part.end(), j), all[part[0] * 60 + j] < inf ? 1 : 0);
    }
  }
  EXPECT_EQ(points, 60u);
}

// ---- building ------------------------------------------------------------------------------

TEST(BuildNetwork, EachPairOnceAndAnchorsLast) {
  const Field f(2, {0, 0, 3, 4, 6, 8, 9, 12}, {{2, 0}, {0, 2}, {1, 1}, {3, 1}, {0, 1}, {3, 0}}, {1, 3});
  const Network network = network_of(f);
  EXPECT_EQ(network.free, 2);
  EXPECT_EQ(network.original, (std::vector<std::int32_t>{0, 2, 1, 3}));
  ASSERT_EQ(network.pairs.size(), 3u);  // 0-2, 0-1 and 0-3, by their new numbers 0-1, 0-2 and 0-3
  ASSERT_EQ(network.known.size(), 1u);  // 1-3
  const double expected[] = {10, 5, 15};
  for (int k = 0; k < 3; k++) {
    EXPECT_EQ(network.pairs[k].a, 0);
    EXPECT_EQ(network.pairs[k].b, k + 1);
    EXPECT_DOUBLE_EQ(network.pairs[k].distance * network.scale, expected[k]);
  }
  EXPECT_EQ(network.origin, (std::vector<double>{6, 8}));
}

TEST(BuildNetwork, MatrixAndListAreTheSameNetwork) {
  Field f(150, 3, 3, 0.5, 8);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> matrix(150 * 150, nan);
  for (std::size_t k = 0; k < f.first.size(); k++) {
    const std::ptrdiff_t i = f.first[k], j = f.second[k];
    matrix[i * 150 + j] = f.distances[k];
    if (k % 3 != 0) matrix[j * 150 + i] = f.distances[k];  // the other direction may be missing
  }
  const std::vector<double> positions = f.anchor_positions();
  MdsProblem<double> p;
  p.points = 150;
  p.distances = {matrix.data(), 150 * 8, 8};
  p.anchors = 3;
  p.anchor_points = f.anchor_points.data();
  p.anchor_positions = positions.data();
  MdsOptions<double> o;
  o.dimensions = 3;
  const Network a = network_of(f), b = mds::build_network(p, o);
  const auto same = [](const Pair& l, const Pair& r) {
    return l.a == r.a && l.b == r.b && l.distance == r.distance && l.weight == r.weight;
  };
  EXPECT_TRUE(std::equal(a.pairs.begin(), a.pairs.end(), b.pairs.begin(), b.pairs.end(), same));
  EXPECT_TRUE(std::equal(a.known.begin(), a.known.end(), b.known.begin(), b.known.end(), same));
}

TEST(BuildNetwork, Refuses) {
  Field f(2, {0, 0, 1, 0, 0, 1}, {{0, 1}, {1, 2}, {2, 0}});
  Field twice = f;
  twice.add(1, 0, 1.5);
  EXPECT_NE(refusal(twice).find("distances must be symmetric"), std::string::npos) << refusal(twice);
  EXPECT_NE(refusal(twice).find("(0, 1)"), std::string::npos) << refusal(twice);
  Field negative = f;
  negative.distances[1] = -1;
  EXPECT_NE(refusal(negative).find("distances must be at least 0"), std::string::npos) << refusal(negative);
  Field heavy = f;
  heavy.weights = {1, -1, 1};
  EXPECT_NE(refusal(heavy).find("weights must be"), std::string::npos) << refusal(heavy);
}

TEST(BuildNetwork, NamesUnconnectedParts) {
  const Field parts(2, {0, 0, 1, 0, 0, 1, 5, 5, 6, 5, 9, 9}, {{0, 1}, {1, 2}, {2, 0}, {3, 4}});
  EXPECT_EQ(refusal(parts), "mds: distances must connect all points, got 3 parts: {0, 1, 2}, {3, 4}, {5}");
  Field anchored = parts;
  anchored.anchors = 1;
  anchored.anchor_points = {0};
  EXPECT_EQ(refusal(anchored), "mds: distances must connect all points with anchors, got 2 without: {3, 4}, {5}");
}

// ---- all together --------------------------------------------------------------------------

TEST(SolveNetwork, SensorsFromExactRanges) {
  for (unsigned seed = 0; seed < 20; seed++) {
    const Field f(550, 50, 2, 0.15, seed);
    const Result r = solve(f);
    EXPECT_LT(rmse(f, r.x), 1e-6) << seed << " " << r.report.reason;
    EXPECT_TRUE(r.report.converged);
    EXPECT_LT(r.report.normalized_stress, 1e-11);
    for (const std::int64_t i : f.anchor_points) {
      for (int c = 0; c < 2; c++) EXPECT_EQ(r.x[i * 2 + c], f.x[i * 2 + c]);
    }
  }
}

TEST(SolveNetwork, OtherNetworks) {
  struct Case {
    std::ptrdiff_t n, anchors;
    int d;
    double range;
  };
  for (const Case& c : {Case{
                            550,
                            50,
                            3,
                            0.3,
                        },
                        Case{504, 4, 2, 0.15}, Case{55, 5, 2, 0.4}, Case{120, 0, 2, 0.3}, Case{200, 0, 3, 0.5},
                        Case{40, 0, 1, 0.3}, Case{60, 12, 4, 0.9}}) {
    const Field f(c.n, c.anchors, c.d, c.range, 5);
    const Result r = solve(f);
    EXPECT_LT(shape_error(f, r.x), 1e-6) << c.n << " in " << c.d << "-D: " << r.report.reason;
    if (c.anchors == 0) continue;
    EXPECT_LT(rmse(f, r.x), 1e-6) << c.n << " in " << c.d << "-D: " << r.report.reason;
  }
}

TEST(SolveNetwork, RandomPairsOfASphere) {  // no pair is a neighbour: the spectral start, or the lift
  std::mt19937 random(1);
  std::normal_distribution<double> normal(0, 1);
  for (const int degree : {30, 20}) {
    Field f(3, {}, {});
    f.n = 400;
    for (int i = 0; i < 400; i++) {
      double p[3], size = 0;
      for (double& c : p) c = normal(random), size += c * c;
      for (const double c : p) f.x.push_back(c / std::sqrt(size));
    }
    for (int i = 0; i < 400; i++) {
      for (int j = i + 1; j < 400; j++) {
        if (static_cast<int>(random() % 400) < degree) f.add(i, j, f.distance(f.x.data(), i, j));
      }
    }
    const Result r = solve(f);
    EXPECT_LT(shape_error(f, r.x), 1e-6) << degree << ": " << r.report.reason;
  }
}

TEST(SolveNetwork, NoiseIsFittedAsWellAsFromTheTruth) {
  for (const double noise : {0.02, 0.1}) {
    for (unsigned seed = 0; seed < 3; seed++) {
      const Field f(330, 30, 2, 0.2, seed, noise);
      MdsOptions<double> o;
      const Result ours = solve(f, o);
      o.init = MdsInit::kGiven;
      o.start = f.x.data();
      const Result best = solve(f, o);
      EXPECT_LT(ours.report.stress, best.report.stress * 1.01) << noise << " " << seed;
    }
  }
}

TEST(SolveNetwork, StressIsThatOfTheResult) {
  Field f(80, 6, 2, 0.4, 3, 0.05);
  for (std::size_t k = 0; k < f.first.size(); k++) f.weights.push_back(1 + static_cast<double>(k % 3));
  for (const MdsLoss loss : {MdsLoss::kStress, MdsLoss::kSstress, MdsLoss::kRobust}) {
    MdsOptions<double> o;
    o.loss = loss;
    const Result r = solve(f, o);
    Real stress = 0, squares = 0;
    std::vector<Real> per_point(f.n);
    for (std::size_t k = 0; k < f.first.size(); k++) {
      const Real gap = f.distance(r.x.data(), f.first[k], f.second[k]) - f.distances[k],
                 term = f.weights[k] * gap * gap;
      stress += term;
      squares += f.weights[k] * Real(f.distances[k]) * f.distances[k];
      per_point[f.first[k]] += term;
      per_point[f.second[k]] += term;
    }
    EXPECT_NEAR(r.report.stress, static_cast<double>(stress), 1e-12 * static_cast<double>(stress));
    EXPECT_NEAR(r.report.normalized_stress, static_cast<double>(std::sqrt(stress / squares)), 1e-12);
    for (std::ptrdiff_t i = 0; i < f.n; i++) {
      EXPECT_NEAR(r.per_point[i], static_cast<double>(per_point[i]), 1e-12 * static_cast<double>(stress));
    }
  }
}

TEST(SolveNetwork, UnitsAndPlacesDoNotMatter) {
  const Field f(150, 10, 2, 0.25, 4);
  for (const double unit : {1e-200, 1e-6, 1e5, 1e160}) {
    Field g = f;
    for (double& v : g.x) v = unit * (v + 100);
    for (double& v : g.distances) v *= unit;
    const Result r = solve(g);
    EXPECT_LT(rmse(g, r.x) / unit, 1e-6) << unit;
  }
}

TEST(SolveNetwork, SameBytesForAnyThreads) {
  const Field f(500, 0, 2, 1.0, 4, 0.05);
  ASSERT_GT(f.first.size(), 70000u);
  for (const MdsLoss loss : {MdsLoss::kStress, MdsLoss::kRobust}) {
    MdsOptions<double> o;
    o.loss = loss;
    o.max_iter = 30;
    o.num_threads = 1;
    const Result one = solve(f, o);
    for (const int threads : {2, 7}) {
      o.num_threads = threads;
      const Result many = solve(f, o);
      EXPECT_EQ(many.x, one.x);
      EXPECT_EQ(many.per_point, one.per_point);
      EXPECT_EQ(many.report.stress, one.report.stress);
    }
  }
}

TEST(SolveNetwork, SmallestProblems) {
  const Field one(2, {3, 4}, {});
  EXPECT_EQ(solve(one).x, (std::vector<double>{0, 0}));
  const Field known(2, {3, 4, 5, 6}, {}, {0, 1});
  EXPECT_EQ(solve(known).x, known.x);
  EXPECT_TRUE(solve(known).report.unique);
  const Field two(2, {0, 0, 3, 4}, {{0, 1}});
  EXPECT_LT(shape_error(two, solve(two).x), 1e-12);
  EXPECT_TRUE(solve(two).report.unique);
  const Field triangle(2, {0, 0, 3, 4, 1, 0}, {{0, 1}, {1, 2}, {0, 2}});
  EXPECT_LT(shape_error(triangle, solve(triangle).x), 1e-10);
  EXPECT_TRUE(solve(triangle).report.unique);
  const Field together(2, {1, 1, 1, 1, 1, 1}, {{0, 1}, {1, 2}});
  EXPECT_LT(shape_error(together, solve(together).x), 1e-10);
  const Field space(3, {0, 0, 0, 1, 0, 0, 0, 1, 0}, {{0, 1}, {1, 2}, {0, 2}});  // a plane is enough
  EXPECT_LT(shape_error(space, solve(space).x), 1e-10);
}

TEST(SolveNetwork, NotCaughtBetweenTwoPlaces) {
  // A point at equal distances from two anchors starts on the line between them: a saddle.
  const Field f(2, {0, 0, 1, 0, 1, 1, 0, 1}, {{0, 3}, {2, 3}}, {0, 1, 2});
  const Result r = solve(f);
  EXPECT_LT(r.report.normalized_stress, 1e-10) << r.report.reason;
  EXPECT_FALSE(r.report.unique);
}

// ---- unique --------------------------------------------------------------------------------

std::string doubt(const Field& f) {
  const Network network = network_of(f);
  const Graph graph(network);
  Positions x = network.positions();
  for (std::ptrdiff_t i = 0; i < network.free; i++) {
    for (int c = 0; c < f.d; c++) {
      x[i * f.d + c] = (f.x[network.original[i] * f.d + c] - network.origin[c]) / network.scale;
    }
  }
  network.place_anchors(x);
  return mds::why_not_unique(network, graph, x);
}

TEST(Unique, AnchorsFixTheFrameOrDoNot) {
  const std::vector<double> square{0, 0, 1, 0, 1, 1, 0, 1.2, 0.4, 0.3};
  const std::vector<std::pair<int, int>> all{{0, 1}, {0, 2}, {0, 3}, {0, 4}, {1, 2},
                                             {1, 3}, {1, 4}, {2, 3}, {2, 4}, {3, 4}};
  EXPECT_EQ(doubt(Field(2, square, all)), "");
  EXPECT_EQ(doubt(Field(2, square, all, {0, 1, 2})), "");
  EXPECT_EQ(doubt(Field(2, square, all, {0, 1})),
            "2 anchors do not fix the frame in 2 dimensions: a mirror image fits too");
  EXPECT_EQ(doubt(Field(2, square, all, {2})),
            "1 anchor does not fix the frame in 2 dimensions: a mirror image fits too");
  const Field line(2, {0, 0, 1, 0, 2, 0, 0.3, 1}, {{0, 3}, {1, 3}, {2, 3}}, {0, 1, 2});
  EXPECT_NE(doubt(line).find("the anchors lie in one line: a mirror image fits too"), std::string::npos) << doubt(line);
}

TEST(Unique, FindsWhatIsLoose) {
  // A quadrilateral and its diagonals; a fifth point on one, two, and three distances; and hinges.
  std::vector<double> x{0, 0, 1, 0, 1, 1.1, 0, 1, 0.4, 0.3};
  std::vector<std::pair<int, int>> pairs{{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}, {4, 0}};
  EXPECT_EQ(doubt(Field(2, x, pairs)), "too few distances to point 4");
  pairs.push_back({4, 1});
  EXPECT_EQ(doubt(Field(2, x, pairs)), "too few distances to point 4");
  pairs.push_back({4, 2});
  EXPECT_EQ(doubt(Field(2, x, pairs)), "");
  // Its three neighbours in a line: mirrored in it.
  const Field mirrored(2, {0, 0, 1, 0, 2, 0, 0.5, 1, 1.2, 0.8},
                       {{0, 1}, {1, 2}, {0, 3}, {1, 3}, {2, 3}, {0, 4}, {1, 4}, {2, 4}});
  EXPECT_NE(doubt(mirrored).find("mirror image"), std::string::npos) << doubt(mirrored);
  // Two rigid bodies that share one point turn against each other.
  const Field pivot(2, {0, 0, 1, 0, 1, 1.1, 0, 1, 2, 1.3, 2.1, 2.2, 1.2, 2},
                    {{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}, {2, 4}, {2, 5}, {2, 6}, {4, 5}, {4, 6}, {5, 6}});
  EXPECT_NE(doubt(pivot).find("room to move"), std::string::npos) << doubt(pivot);
  // Two that share two points fold.
  const Field hinge(2, {0, 0, 1, 0, 1, 1.1, 0, 1, 2, 0.2, 1.9, 1.2},
                    {{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}, {1, 4}, {1, 5}, {2, 4}, {2, 5}, {4, 5}});
  EXPECT_NE(doubt(hinge).find("mirror image"), std::string::npos) << doubt(hinge);
}

TEST(Unique, SensorsAreAndSparseOnesAreNot) {
  const Field dense(220, 20, 2, 0.3, 1);
  EXPECT_EQ(doubt(dense), "");
  const Field space(220, 20, 3, 0.5, 1);
  EXPECT_EQ(doubt(space), "");
  const Field free(220, 0, 2, 0.3, 1);
  EXPECT_EQ(doubt(free), "");
  const Field grid = [] {  // a lattice of squares shears
    std::vector<double> x;
    std::vector<std::pair<int, int>> pairs;
    for (int i = 0; i < 25; i++) {
      x.insert(x.end(), {double(i % 5), double(i / 5)});
      if (i % 5 < 4) pairs.push_back({i, i + 1});
      if (i / 5 < 4) pairs.push_back({i, i + 5});
    }
    return Field(2, x, pairs);
  }();
  EXPECT_NE(doubt(grid), "");
}

// ---- robust --------------------------------------------------------------------------------

TEST(Robust, DropsPairsThatBreakTriangles) {
  Field f(100, 0, 2, 0.4, 2);
  EXPECT_EQ(mds::consistent_pairs(network_of(f), Graph(network_of(f))).size(), f.first.size());
  std::vector<std::size_t> wrong;
  for (std::size_t k = 5; k < f.first.size(); k += 12) {
    f.distances[k] *= k % 2 == 0 ? 3 : 0.1;
    wrong.push_back(k);
  }
  const Network network = network_of(f);
  const Graph graph(network);
  const std::vector<Pair> kept = mds::consistent_pairs(network, graph);
  std::size_t wrong_kept = 0;
  for (const Pair& p : kept) {
    const double length = f.distance(f.x.data(), p.a, p.b) / network.scale;
    wrong_kept += std::fabs(p.distance - length) > 1e-9;
  }
  EXPECT_LT(wrong_kept, wrong.size() / 10);
  EXPECT_GT(kept.size() - wrong_kept, 0.97 * static_cast<double>(f.first.size() - wrong.size()));
}

TEST(Robust, ExactOnesStayExact) {
  Field f(100, 0, 2, 2, 2);
  std::mt19937 random(4);
  for (double& d : f.distances) {
    if (random() % 10 < 3) d += static_cast<double>(random() % 1000) / 1000;
  }
  MdsOptions<double> o;
  o.loss = MdsLoss::kRobust;
  const Result r = solve(f, o);
  EXPECT_LT(shape_error(f, r.x), 1e-6) << r.report.reason;
}

// ---- calls ---------------------------------------------------------------------------------

TEST(Calls, CallbackSeesFallingLossesAndStops) {
  const Field f(120, 8, 2, 0.25, 1, 0.05);
  struct Log {
    std::vector<double> losses;
    std::int64_t stop = -1;
  };
  const auto record = [](void* context, std::int64_t iteration, const double* x, double loss) {
    Log& log = *static_cast<Log*>(context);
    EXPECT_EQ(iteration, static_cast<std::int64_t>(log.losses.size()));
    EXPECT_TRUE(std::isfinite(x[0]));
    log.losses.push_back(loss);
    return iteration == log.stop;
  };
  for (const MdsLoss loss : {MdsLoss::kStress, MdsLoss::kSstress, MdsLoss::kRobust}) {
    Log log;
    MdsOptions<double> o;
    o.loss = loss;
    o.callback = record;
    o.context = &log;
    const Result r = solve(f, o);
    ASSERT_GT(log.losses.size(), 3u);
    EXPECT_TRUE(std::is_sorted(log.losses.rbegin(), log.losses.rend()));
    if (loss == MdsLoss::kStress) {
      // Distances between anchors are part of the stress, but not of what can be changed.
      EXPECT_LE(log.losses.back(), r.report.stress * (1 + 1e-9));
    }
    Log stopped;
    stopped.stop = 2;
    o.context = &stopped;
    const Result early = solve(f, o);
    EXPECT_EQ(stopped.losses.size(), 3u);
    EXPECT_EQ(early.report.reason.substr(0, 8), "callback");
    EXPECT_FALSE(early.report.converged);
  }
}

TEST(Calls, InterruptIsSeen) {
  const Field f(1500, 0, 2, 0.3, 1, 0.05);
  set_interrupt_poll([] { return true; });
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THROW(solve(f), Interrupted);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  set_interrupt_poll(nullptr);
}

TEST(Calls, FloatIsComputedInDouble) {
  const Field f(150, 10, 2, 0.25, 4);
  const std::vector<float> distances(f.distances.begin(), f.distances.end());
  const std::vector<double> positions = f.anchor_positions();
  const std::vector<float> anchors(positions.begin(), positions.end());
  MdsProblem<float> p;
  p.points = f.n;
  p.pairs = static_cast<std::ptrdiff_t>(distances.size());
  p.first = f.first.data();
  p.second = f.second.data();
  p.pair_distances = distances.data();
  p.anchors = f.anchors;
  p.anchor_points = f.anchor_points.data();
  p.anchor_positions = anchors.data();
  std::vector<float> x(f.n * 2);
  std::vector<double> per_point(f.n);
  const MdsReport r = solve_mds<float>(p, {}, x.data(), per_point.data());
  EXPECT_TRUE(r.converged) << r.reason;
  EXPECT_LT(r.normalized_stress, 1e-6);
  for (std::size_t i = 0; i < x.size(); i++) EXPECT_NEAR(x[i], f.x[i], 3e-6);
}

}  // namespace
}  // namespace fastcv::testing
