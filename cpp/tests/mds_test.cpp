// The solver of complete matrices: its minimiser, its classical start, its measure of fit, and all together.
#include "fastcv/mds.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <stdexcept>
#include <vector>

#include "fastcv/runtime.hpp"
#include "guard_pages.hpp"
#include "mds/classical.hpp"
#include "mds/fit.hpp"
#include "mds/minimise.hpp"
#include "simd_targets.hpp"

namespace fastcv::testing {
namespace {

using mds::Fit;
using mds::FitInput;
using mds::MinimiseOptions;
using mds::Minimum;
using mds::Stop;
using Real = long double;

template <class T>
struct Square {
  std::ptrdiff_t n;
  std::vector<T> values;

  T& operator()(std::ptrdiff_t i, std::ptrdiff_t j) { return values[i * n + j]; }
  T operator()(std::ptrdiff_t i, std::ptrdiff_t j) const { return values[i * n + j]; }
  MatrixView<T> view() const { return {values.data(), n * static_cast<std::ptrdiff_t>(sizeof(T)), sizeof(T)}; }
};

// Points uniform in a cube; row after row.
template <class T>
std::vector<T> cube(std::ptrdiff_t n, int dimensions, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> uniform(-1, 1);
  std::vector<T> x(n * dimensions);
  for (T& value : x) value = static_cast<T>(uniform(random));
  return x;
}

template <class T>
Square<T> distances_of(const std::vector<T>& x, std::ptrdiff_t n, int dimensions, double noise = 0) {
  std::mt19937 random(7);
  std::normal_distribution<double> normal(0, 1);
  Square<T> d{n, std::vector<T>(n * n)};
  for (std::ptrdiff_t i = 0; i < n; i++) {
    d(i, i) = std::numeric_limits<T>::quiet_NaN();  // ignored
    for (std::ptrdiff_t j = 0; j < i; j++) {
      Real sum = 0;
      for (int k = 0; k < dimensions; k++) sum += std::pow(Real(x[i * dimensions + k]) - x[j * dimensions + k], 2);
      d(i, j) = d(j, i) = static_cast<T>(std::fabs(std::sqrt(sum) * (1 + noise * normal(random))));
    }
  }
  return d;
}

// ---- minimise ------------------------------------------------------------------------------

// Any function of one long vector.
class Function : public mds::Objective<double> {
 public:
  std::function<double(const double*, double*)> f;
  std::ptrdiff_t size() const override { return 2; }
  std::ptrdiff_t stride() const override { return mds::kStride; }
  int dimensions() const override { return 1; }
  double evaluate(const double* x, double* g) override {
    std::fill_n(g, mds::kStride, 0.0);
    return f(x, g);
  }
};

double rosenbrock(const double* x, double* g) {
  const double a = 1 - x[0], b = x[1] - x[0] * x[0];
  g[0] = -2 * a - 400 * x[0] * b;
  g[1] = 200 * b;
  return a * a + 100 * b * b;
}

struct Trace {
  std::vector<double> values;
  std::int64_t stop_at = std::numeric_limits<std::int64_t>::max();
  static bool call(void* context, std::int64_t iteration, const double*, double value) {
    Trace& self = *static_cast<Trace*>(context);
    EXPECT_EQ(iteration, static_cast<std::int64_t>(self.values.size()));
    if (!self.values.empty()) {
      EXPECT_LE(value, self.values.back());
    }
    self.values.push_back(value);
    return iteration >= self.stop_at;
  }
};

Minimum run(Function& function, double* x, MinimiseOptions<double> o, Trace* trace) {
  o.callback = &Trace::call;
  o.context = trace;
  return mds::minimise(function, x, o);
}

TEST(Minimise, FindsTheValleyOfRosenbrock) {
  Function function;
  function.f = rosenbrock;
  for (const double first_step : {1e-9, 1e-3, 1.0, 1e9}) {
    double x[mds::kStride] = {-1.2, 1};
    Trace trace;
    const Minimum m = run(function, x, {.max_iter = 200, .tol = 1e-12, .first_step = first_step}, &trace);
    EXPECT_TRUE(m.converged()) << mds::reason(m.stop);
    EXPECT_NEAR(x[0], 1, 1e-8) << first_step;
    EXPECT_NEAR(x[1], 1, 1e-8) << first_step;
    EXPECT_EQ(m.iterations, static_cast<std::int64_t>(trace.values.size()) - 1);
    EXPECT_LE(m.evaluations, 150);
  }
}

TEST(Minimise, SaysWhyItStopped) {
  Function function;
  function.f = rosenbrock;
  const auto stop = [&](const MinimiseOptions<double>& o, std::int64_t at = 1 << 20) {
    double x[mds::kStride] = {-1.2, 1};
    Trace trace{{}, at};
    return run(function, x, o, &trace).stop;
  };
  EXPECT_EQ(stop({.max_iter = 3, .first_step = 1e-3}), Stop::kMaxIter);
  EXPECT_EQ(stop({.max_iter = 0, .first_step = 1e-3}), Stop::kMaxIter);
  EXPECT_EQ(stop({.floor = 1, .first_step = 1e-3}), Stop::kFloor);
  EXPECT_EQ(stop({.floor = 100, .first_step = 1e-3}), Stop::kFloor);
  EXPECT_EQ(stop({.first_step = 1e-3}, 2), Stop::kCallback);
  function.f = [](const double* x, double* g) {  // least value 1, known to rounding only
    const double value = rosenbrock(x, g) + 1;
    return value;
  };
  EXPECT_EQ(stop({.first_step = 1e-3}), Stop::kTolerance);
  const Stop last = stop({.max_iter = 10000, .tol = 0, .first_step = 1e-3});
  EXPECT_TRUE(last == Stop::kPrecision || last == Stop::kTolerance) << mds::reason(last);
}

TEST(Minimise, SurvivesInfinityAndNaN) {
  Function function;  // -log: infinite at 0, NaN beyond it; least at (1, 2)
  function.f = [](const double* x, double* g) {
    g[0] = 1 - 1 / x[0];
    g[1] = 1 - 2 / x[1];
    return x[0] - std::log(x[0]) + x[1] - 2 * std::log(x[1]);
  };
  double x[mds::kStride] = {1e-3, 50};
  Trace trace;
  const Minimum m = run(function, x, {.tol = 1e-12, .first_step = 1e6}, &trace);
  EXPECT_TRUE(m.converged());
  EXPECT_NEAR(x[0], 1, 1e-5);
  EXPECT_NEAR(x[1], 2, 1e-5);

  x[0] = -1;
  EXPECT_THROW(mds::minimise(function, x, MinimiseOptions<double>{.first_step = 1}), std::domain_error);
}

TEST(Minimise, LeavesWhatHasNoGradient) {
  Function function;
  function.f = [](const double* x, double* g) {
    g[0] = 2 * (x[0] - 3);
    return (x[0] - 3) * (x[0] - 3) + 1;
  };
  double x[mds::kStride] = {0, 0.1};
  const Minimum m = mds::minimise(function, x, MinimiseOptions<double>{.first_step = 0.1});
  EXPECT_TRUE(m.converged());
  EXPECT_NEAR(x[0], 3, 1e-6);
  EXPECT_EQ(x[1], 0.1);
  for (int i = 2; i < mds::kStride; i++) EXPECT_EQ(x[i], 0);
}

// ---- fit -----------------------------------------------------------------------------------

template <class T>
class FitTest : public ::testing::Test {};
using Floats = ::testing::Types<float, double>;
TYPED_TEST_SUITE(FitTest, Floats);

// By definition, in long double.
template <class T>
std::vector<Real> slow_fit(const Square<T>& d, const Square<T>* w, const std::vector<T>& x, int dimensions,
                           std::ptrdiff_t stride, bool average) {
  std::vector<Real> per_point(d.n, 0);
  for (std::ptrdiff_t i = 0; i < d.n; i++) {
    for (std::ptrdiff_t j = 0; j < d.n; j++) {
      if (i == j) continue;
      Real sum = 0;
      for (int k = 0; k < dimensions; k++) sum += std::pow(Real(x[k * stride + i]) - x[k * stride + j], 2);
      const Real measured = average ? (Real(d(i, j)) + d(j, i)) / 2 : Real(d(i, j));
      const Real weight = w == nullptr ? 1 : average ? (Real((*w)(i, j)) + (*w)(j, i)) / 2 : Real((*w)(i, j));
      per_point[i] += weight * std::pow(std::sqrt(sum) - measured, 2);
    }
  }
  return per_point;
}

TYPED_TEST(FitTest, IsTheDefinitionOnEveryTargetThreadCountAndLayout) {
  using T = TypeParam;
  std::mt19937 random(1);
  std::uniform_real_distribution<double> uniform(0, 2);
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    for (std::ptrdiff_t n = 1; n < 70; n += n < 36 ? 1 : 11) {
      for (const int dimensions : {1, 2, 3, 5}) {
        const std::ptrdiff_t stride = mds::padded(n);
        std::vector<T> x(stride * dimensions);
        for (int k = 0; k < dimensions; k++) {
          for (std::ptrdiff_t i = 0; i < n; i++) x[k * stride + i] = static_cast<T>(uniform(random));
        }
        Square<T> d{n, std::vector<T>(n * n)}, w = d;
        const bool average = n % 2 == 1;
        for (std::ptrdiff_t i = 0; i < n; i++) {
          for (std::ptrdiff_t j = 0; j < n; j++) {
            d(i, j) = static_cast<T>(uniform(random));
            w(i, j) = static_cast<T>(uniform(random));
            if (!average && j < i) d(i, j) = d(j, i), w(i, j) = w(j, i);
          }
          d(i, i) = w(i, i) = std::numeric_limits<T>::quiet_NaN();
        }
        // The matrix ends where readable memory ends; its mirror image in memory is read by negative strides.
        const GuardedMemory memory(n * n * sizeof(T)), mirror(n * n * sizeof(T));
        T* const guarded = reinterpret_cast<T*>(memory.back(n * n * sizeof(T)));
        T* const reversed = reinterpret_cast<T*>(mirror.front());
        std::copy(d.values.begin(), d.values.end(), guarded);
        std::reverse_copy(d.values.begin(), d.values.end(), reversed);
        constexpr auto kItem = static_cast<std::ptrdiff_t>(sizeof(T));
        const MatrixView<T> layouts[] = {
            {guarded, n * kItem, kItem}, {guarded, kItem, n * kItem}, {reversed + n * n - 1, -n * kItem, -kItem}};
        for (const bool weighted : {false, true}) {
          const std::vector<Real> expected = slow_fit(d, weighted ? &w : nullptr, x, dimensions, stride, average);
          const auto measure = [&](int layout, int threads, std::vector<double>* per_point) {
            per_point->assign(n, -1);
            return mds::fit(FitInput<T>{layouts[layout], weighted ? w.view() : MatrixView<T>{}, average, n, dimensions,
                                        x.data(), stride},
                            n, per_point->data(), threads);
          };
          std::vector<double> first, again;
          const Fit f = measure(0, 1, &first);
          Real stress = 0;
          for (std::ptrdiff_t i = 0; i < n; i++) {
            stress += expected[i] / 2;
            // The sum of two float32 is rounded where entries are averaged.
            ASSERT_NEAR(first[i], static_cast<double>(expected[i]), (average ? 1e-6 : 1e-13) * (1 + n))
                << target << " n " << n << " dimensions " << dimensions << " i " << i;
          }
          ASSERT_NEAR(f.stress, static_cast<double>(stress), (average ? 1e-6 : 1e-13) * (1 + n * n));
          for (const int threads : {2, 7}) {
            const Fit same = measure(0, threads, &again);
            ASSERT_EQ(std::memcmp(&f, &same, sizeof f), 0);
            ASSERT_EQ(first, again);
          }
          for (const int layout : {1, 2}) {
            if (layout == 1 && average) continue;  // another matrix where it is not symmetric
            const Fit same = measure(layout, 2, &again);
            ASSERT_EQ(std::memcmp(&f, &same, sizeof f), 0) << layout;
            ASSERT_EQ(first, again);
          }
        }
      }
    }
  }
}

// ---- landmarks -----------------------------------------------------------------------------

TYPED_TEST(FitTest, LandmarksReproduceExactDistances) {
  using T = TypeParam;
  for (const std::ptrdiff_t n : {1, 2, 3, 4, 5, 31, 32, 33, 64, 200}) {
    for (const int dimensions : {1, 2, 3}) {
      for (const int rank : {1, 2, 3}) {
        if (rank > dimensions) continue;  // coordinates to spare
        const Square<T> d = distances_of(cube<T>(n, rank, 3), n, rank);
        const std::ptrdiff_t stride = mds::padded(n);
        std::vector<T> x(stride * dimensions, T(9));
        ASSERT_TRUE(mds::landmark_scaling(d.view(), n, false, dimensions, x.data(), stride));
        std::vector<double> per_point(n);
        const Fit f =
            mds::fit(FitInput<T>{d.view(), {}, false, n, dimensions, x.data(), stride}, n, per_point.data(), 1);
        EXPECT_LE(f.stress, std::pow(sizeof(T) == 4 ? 1e-6 : 1e-14, 2) * f.squares)
            << n << " " << dimensions << " " << rank;
        for (int k = 0; k < dimensions; k++) {
          for (std::ptrdiff_t i = n; i < stride; i++) ASSERT_EQ(x[k * stride + i], 0);
        }
      }
    }
  }
}

// ---- solve_mds -----------------------------------------------------------------------------

template <class T>
struct Solved {
  MdsReport report;
  std::vector<T> x;
  std::vector<double> per_point;
};

template <class T>
Solved<T> solve(const Square<T>& d, MdsOptions<T> o, const Square<T>* w = nullptr, bool symmetrize = false) {
  MdsProblem<T> p;
  p.points = d.n;
  p.distances = d.view();
  if (w != nullptr) p.weights = w->view();
  p.symmetrize = symmetrize;
  Solved<T> s{{}, std::vector<T>(d.n * o.dimensions, T(77)), std::vector<double>(d.n, 77)};
  s.report = solve_mds(p, o, s.x.data(), s.per_point.data());
  return s;
}

template <class T>
class SolveTest : public ::testing::Test {};
TYPED_TEST_SUITE(SolveTest, Floats);

template <class T>
MdsOptions<T> in(int dimensions) {
  MdsOptions<T> o;
  o.dimensions = dimensions;
  return o;
}

TYPED_TEST(SolveTest, SameBytesForAnyThreadCountOnEveryTarget) {
  using T = TypeParam;
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    for (const std::ptrdiff_t n : {1, 2, 3, 4, 5, 17, 40, 300}) {
      for (const double noise : {0.0, 0.1}) {
        for (const MdsLoss loss : {MdsLoss::kStress, MdsLoss::kSstress}) {
          const Square<T> d = distances_of(cube<T>(n, 2, 5), n, 2, noise);
          MdsOptions<T> o = in<T>(2);
          o.loss = loss;
          o.num_threads = 1;
          const Solved<T> one = solve(d, o);
          for (const int threads : {2, 7}) {
            o.num_threads = threads;
            const Solved<T> more = solve(d, o);
            ASSERT_EQ(std::memcmp(one.x.data(), more.x.data(), one.x.size() * sizeof(T)), 0) << target << " n " << n;
            ASSERT_EQ(one.per_point, more.per_point);
            ASSERT_EQ(one.report.stress, more.report.stress);
            ASSERT_EQ(one.report.iterations, more.report.iterations);
          }
          EXPECT_TRUE(one.report.converged) << target << " n " << n << " " << one.report.reason;
          EXPECT_TRUE(one.report.unique);
          if (noise == 0) {
            EXPECT_LT(one.report.normalized_stress, sizeof(T) == 4 ? 1e-6 : 1e-14) << target << " n " << n;
          }
          double twice = 0;
          for (const double share : one.per_point) twice += share;
          EXPECT_NEAR(twice, 2 * one.report.stress, 1e-12 * twice);
        }
      }
    }
  }
}

TYPED_TEST(SolveTest, TheLossNeverRises) {
  using T = TypeParam;
  std::mt19937 random(3);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (const MdsLoss loss : {MdsLoss::kStress, MdsLoss::kSstress}) {
    for (const bool weighted : {false, true}) {
      for (unsigned seed = 0; seed < 8; seed++) {
        const std::ptrdiff_t n = 60;
        Square<T> d{n, std::vector<T>(n * n)}, w = d;  // not the distances of anything
        for (std::ptrdiff_t i = 0; i < n; i++) {
          for (std::ptrdiff_t j = 0; j < i; j++) {
            d(i, j) = d(j, i) = static_cast<T>(uniform(random));
            w(i, j) = w(j, i) = static_cast<T>(0.01 + uniform(random));
          }
        }
        MdsOptions<T> o = in<T>(2);
        const std::vector<T> start = cube<T>(n, 2, seed);
        if (seed > 0) {
          o.init = seed % 2 ? MdsInit::kRandom : MdsInit::kGiven;
          o.start = start.data();
        }
        o.loss = loss;
        std::vector<double> losses;
        o.context = &losses;
        o.callback = [](void* context, std::int64_t iteration, const T*, double value) {
          auto& seen = *static_cast<std::vector<double>*>(context);
          EXPECT_EQ(iteration, static_cast<std::int64_t>(seen.size()));
          if (!seen.empty()) {
            EXPECT_LE(value, seen.back());
          }
          seen.push_back(value);
          return false;
        };
        const Solved<T> s = solve(d, o, weighted ? &w : nullptr);
        EXPECT_EQ(s.report.iterations + 1, static_cast<std::int64_t>(losses.size()));
        EXPECT_LT(losses.back(), losses.front());
        if (loss == MdsLoss::kStress) {
          EXPECT_NEAR(s.report.stress, losses.back(), 1e-5 * losses.back());
        }
      }
    }
  }
}

TYPED_TEST(SolveTest, AnyUnit) {
  using T = TypeParam;
  const std::ptrdiff_t n = 50;
  for (const double noise : {0.0, 0.1}) {
    const Square<T> d = distances_of(cube<T>(n, 2, 5), n, 2, noise);
    const Solved<T> one = solve(d, in<T>(2));
    const int most = sizeof(T) == 4 ? 120 : 1000;
    for (const int exponent : {-most, -60, -20, 20, 60, most}) {
      Square<T> scaled = d;
      for (T& value : scaled.values) value = std::ldexp(value, exponent);
      const Solved<T> s = solve(scaled, in<T>(2));
      EXPECT_NEAR(s.report.normalized_stress, one.report.normalized_stress, sizeof(T) == 4 ? 1e-6 : 1e-9) << exponent;
      EXPECT_TRUE(s.report.converged);
      for (const T value : s.x) ASSERT_TRUE(std::isfinite(value));
    }
  }
}

TYPED_TEST(SolveTest, StartsThatNoGradientParts) {
  using T = TypeParam;
  const std::ptrdiff_t n = 60;
  Square<T> equal{n, std::vector<T>(n * n, T(1))};  // all landmarks are as far from everything
  const Solved<T> simplex = solve(equal, in<T>(2));
  EXPECT_LT(simplex.report.normalized_stress, 0.42);  // in a plane 0.39 or so; in one place 1
  std::vector<std::pair<T, T>> places;
  for (std::ptrdiff_t i = 0; i < n; i++) places.emplace_back(simplex.x[2 * i], simplex.x[2 * i + 1]);
  std::sort(places.begin(), places.end());
  EXPECT_EQ(std::adjacent_find(places.begin(), places.end()), places.end());

  const Square<T> d = distances_of(cube<T>(n, 2, 5), n, 2);
  std::vector<T> start(2 * n, T(0.25));  // all in one place
  MdsOptions<T> o = in<T>(2);
  o.init = MdsInit::kGiven;
  o.start = start.data();
  EXPECT_LT(solve(d, o).report.normalized_stress, 0.5);
  for (std::ptrdiff_t i = 0; i < n; i++) start[2 * i] = static_cast<T>(i);  // on a line
  EXPECT_LT(solve(d, o).report.normalized_stress, 0.35);
}

// A distance that stands in one direction only is that of the pair, whichever direction it is.
TYPED_TEST(SolveTest, OneDirectionIsEnough) {
  using T = TypeParam;
  for (const std::ptrdiff_t n : {2, 10, 40}) {
    for (const double noise : {0.0, 0.1}) {
      const Square<T> full = distances_of(cube<T>(n, 2, 5), n, 2, noise);
      const Solved<T> expected = solve(full, in<T>(2));
      for (const bool symmetrize : {false, true}) {
        for (const int which : {0, 1, 2}) {  // one of them, above or below the diagonal
          Square<T> d = full;
          for (std::ptrdiff_t i = 0; i < n; i++) {
            for (std::ptrdiff_t j = 0; j < n; j++) {
              if (which == 0 ? i == 0 && j == 1 : which == 1 ? j > i : j < i) d(i, j) = std::nan("");
            }
          }
          const Solved<T> s = solve<T>(d, in<T>(2), nullptr, symmetrize);
          EXPECT_NEAR(s.report.normalized_stress, expected.report.normalized_stress, 1e-5) << n << " " << which;
          for (const T value : s.x) ASSERT_TRUE(std::isfinite(value));
          for (const double share : s.per_point) ASSERT_TRUE(std::isfinite(share));
        }
      }
    }
  }
}

TYPED_TEST(SolveTest, Refusals) {
  using T = TypeParam;
  const std::ptrdiff_t n = 40;
  const Square<T> good = distances_of(cube<T>(n, 2, 5), n, 2);
  const T infinity = std::numeric_limits<T>::infinity();
  const auto message = [&](const Square<T>& d, MdsOptions<T> o, const Square<T>* w = nullptr) -> std::string {
    try {
      const Solved<T> s = solve(d, o, w);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  const auto changed = [&](T value, bool both = true) {
    Square<T> d = good;
    d(7, 33) = value;
    if (both) d(33, 7) = value;
    return d;
  };
  EXPECT_EQ(message(good, in<T>(2)), "");
  EXPECT_NE(message(changed(-1), in<T>(2)).find("mds: distances must be at least 0"), std::string::npos);
  EXPECT_NE(message(changed(infinity), in<T>(2)).find("mds: distances must be finite"), std::string::npos);
  EXPECT_NE(message(changed(good(7, 33) * T(1.1), false), in<T>(2)).find("mds: distances must be symmetric"),
            std::string::npos);
  EXPECT_EQ(message(changed(good(7, 33) * T(1 + 2e-6), false), in<T>(2)), "");
  EXPECT_NE(message(good, in<T>(0)).find("mds: n_components must be at least 1, got 0"), std::string::npos);
  Square<T> w{n, std::vector<T>(n * n, T(1))};
  w(3, 4) = w(4, 3) = -1;
  EXPECT_NE(message(good, in<T>(2), &w).find("mds: weights must be finite and at least 0"), std::string::npos);
  w(3, 4) = w(4, 3) = infinity;
  EXPECT_NE(message(good, in<T>(2), &w).find("mds: weights must be finite and at least 0"), std::string::npos);
  w(3, 4) = 1, w(4, 3) = 2;
  EXPECT_NE(message(good, in<T>(2), &w).find("mds: weights must be symmetric"), std::string::npos);
}

}  // namespace
}  // namespace fastcv::testing
