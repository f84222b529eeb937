// Gradient descent against its definition: every awkward number of points x every SIMD target x threads.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "fastcv/mds.hpp"
#include "fastcv/runtime.hpp"
#include "guard_pages.hpp"
#include "mds_reference.hpp"
#include "simd_targets.hpp"

namespace fastcv::testing {
namespace {

using reference::Real;

constexpr DescentLoss kLosses[] = {DescentLoss::kSstress, DescentLoss::kStress};

// Points [point][coordinate] and distances [row][column], contiguous.
template <class T>
struct Problem {
  std::ptrdiff_t n;
  int k;
  std::vector<T> x, distances;

  // Noisy distances of other points; `asymmetric`: with noise of each direction's own.
  Problem(std::ptrdiff_t n, int k, bool asymmetric, unsigned seed = 1) : n(n), k(k), x(n * k), distances(n * n) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> unit(0, 1);
    reference::Configuration other{n, k, std::vector<Real>(n * k)};
    for (T& v : x) v = static_cast<T>(unit(random));
    for (Real& v : other.x) v = unit(random);
    for (std::ptrdiff_t i = 0; i < n; i++)
      for (std::ptrdiff_t j = 0; j < n; j++)
        distances[i * n + j] = static_cast<T>(other.distance(i, j) * (asymmetric ? 0.9 + 0.2 * unit(random) : 1));
  }
  PointsView<T> points() const {
    return {reinterpret_cast<const char*>(x.data()), n, k, static_cast<std::ptrdiff_t>(k * sizeof(T)), sizeof(T)};
  }
  DistancesView view() const {
    return {distances.data(), sizeof(T) == 8, static_cast<std::ptrdiff_t>(n * sizeof(T)), sizeof(T)};
  }
  std::vector<T> descend(const DescentOptions<T>& options, DescentReport* report = nullptr) const {
    return descend(view(), options, report);
  }
  std::vector<T> descend(const DistancesView& table, const DescentOptions<T>& options,
                         DescentReport* report = nullptr) const {
    std::vector<T> out(n * k, T(7));
    const DescentReport r = gradient_descent<T>(points(), table, options, reinterpret_cast<char*>(out.data()),
                                                k * static_cast<std::ptrdiff_t>(sizeof(T)), sizeof(T));
    if (report) *report = r;
    return out;
  }
  std::vector<Real> expected(DescentLoss loss, Real rate, int steps, std::vector<Real>* losses = nullptr) const {
    reference::Configuration at{n, k, {x.begin(), x.end()}};
    reference::descend(at, {distances.begin(), distances.end()}, loss, rate, steps, losses);
    return at.x;
  }
};

template <class T>
DescentOptions<T> options(DescentLoss loss, double rate, std::int64_t iterations, int threads = 1) {
  DescentOptions<T> o;
  o.loss = loss;
  o.learning_rate = rate;
  o.iterations = iterations;
  o.num_threads = threads;
  return o;
}

template <class T>
struct Trace {
  std::vector<std::int64_t> steps;
  std::vector<double> losses;
  std::vector<std::vector<T>> x;
  std::ptrdiff_t n;
  int k;
  std::int64_t stop_at = -1;

  void attach(DescentOptions<T>* o, std::int64_t every) {
    o->record_every = every;
    o->context = this;
    o->record = [](void* context, std::int64_t step, const T* x, std::ptrdiff_t stride, double loss) {
      Trace& self = *static_cast<Trace*>(context);
      self.steps.push_back(step);
      self.losses.push_back(loss);
      self.x.emplace_back();
      for (std::ptrdiff_t i = 0; i < self.n; i++)
        for (int c = 0; c < self.k; c++) self.x.back().push_back(x[c * stride + i]);
      return step == self.stop_at;
    };
  }
};

template <class T>
double tolerance() {
  return sizeof(T) == 4 ? 2e-5 : 1e-13;
}

template <class T>
void check(std::ptrdiff_t n, int k, bool asymmetric) {
  const Problem<T> p(n, k, asymmetric);
  for (const DescentLoss loss : kLosses) {
    const double rate = static_cast<float>((loss == DescentLoss::kSstress ? 0.03 : 0.3) / static_cast<double>(n));
    constexpr int kSteps = 7;
    std::vector<Real> losses;
    const std::vector<Real> expected = p.expected(loss, rate, kSteps, &losses);
    for (const std::string& target : simd_detected()) {
      const Forced forced(target);
      std::vector<T> first;
      for (const int threads : {1, 2, 7})
        for (const std::int64_t every : {0, 1, 3}) {
          DescentOptions<T> o = options<T>(loss, rate, kSteps, threads);
          Trace<T> trace{{}, {}, {}, n, k};
          if (every) trace.attach(&o, every);
          DescentReport report;
          const std::vector<T> got = p.descend(o, &report);
          std::ostringstream where;
          where << (sizeof(T) == 4 ? "float32" : "float64") << " n " << n << " k " << k << " loss "
                << static_cast<int>(loss) << (asymmetric ? " asymmetric " : " ") << target << " threads " << threads
                << " every " << every;
          ASSERT_EQ(report.iterations, kSteps);
          ASSERT_FALSE(report.diverged || report.stopped);
          for (std::size_t i = 0; i < got.size(); i++)
            ASSERT_NEAR(got[i], static_cast<double>(expected[i]), tolerance<T>()) << where.str() << " value " << i;
          if (first.empty()) first = got;
          ASSERT_EQ(std::memcmp(first.data(), got.data(), got.size() * sizeof(T)), 0) << where.str();
          if (!every) continue;
          for (std::size_t e = 0; e < trace.steps.size(); e++) {
            ASSERT_EQ(trace.steps[e], std::min<std::int64_t>(static_cast<std::int64_t>(e) * every, kSteps));
            const double exact = static_cast<double>(losses[trace.steps[e]]);
            ASSERT_NEAR(trace.losses[e], exact, 1e3 * tolerance<T>() * exact + 1e-25) << where.str();
          }
          ASSERT_EQ(trace.steps.back(), kSteps);
          ASSERT_EQ(trace.x.back(), got);
        }
    }
  }
}

TEST(MdsDescent, IsTheDefinitionForEverySize) {
  for (const std::ptrdiff_t n : {1, 2, 3, 4, 5, 8, 9, 10, 15, 16, 17, 31, 32, 33, 48, 65, 100})
    for (const int k : {1, 2, 3, 4})
      for (const bool asymmetric : {false, true}) {
        check<float>(n, k, asymmetric);
        check<double>(n, k, asymmetric);
        if (HasFatalFailure()) return;
      }
}

// What an earlier call left in scratch memory, here NaN, does not look like divergence.
TEST(MdsDescent, OldMemoryDoesNotMatter) {
  for (const std::ptrdiff_t n : {3, 8, 20, 24, 40, 72, 130})
    for (const int k : {1, 2, 3, 5}) {
      const Problem<double> p(n, k, false);
      const Problem<float> q(n, k, false);
      for (const std::string& target : simd_detected()) {
        const Forced forced(target);
        const auto soil = [] {
          const Scratch scratch(1 << 20);
          std::memset(scratch.data(), 0xFF, 1 << 20);
        };
        DescentReport report;
        soil();
        p.descend(options<double>(DescentLoss::kSstress, 0.001, 5), &report);
        EXPECT_FALSE(report.diverged) << target << " n " << n << " k " << k;
        soil();
        q.descend(options<float>(DescentLoss::kSstress, 0.001, 5), &report);
        EXPECT_FALSE(report.diverged) << target << " n " << n << " k " << k;
      }
    }
}

TEST(MdsDescent, IsTheDefinitionForManyPoints) {
  for (const int k : {2, 3, 5})
    for (const bool asymmetric : {false, true}) {
      check<float>(131, k, asymmetric);
      check<double>(200, k, asymmetric);
      if (k == 5) continue;
      check<float>(275, k, asymmetric);
      check<double>(259, k, asymmetric);
      if (HasFatalFailure()) return;
    }
}

TEST(MdsDescent, ManyThreadsGiveTheSameBytes) {
  for (const bool asymmetric : {false, true}) {
    const Problem<float> p(900, 3, asymmetric);
    const Problem<double> q(700, 2, asymmetric);
    for (const DescentLoss loss : kLosses) {
      const auto one = p.descend(options<float>(loss, 0, 33, 1)), same = p.descend(options<float>(loss, 0, 33, 7));
      EXPECT_EQ(std::memcmp(one.data(), same.data(), one.size() * sizeof(float)), 0);
      const auto a = q.descend(options<double>(loss, 1e-5, 20, 2)), b = q.descend(options<double>(loss, 1e-5, 20, 5));
      EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size() * sizeof(double)), 0);
    }
  }
}

// The gradient that a step follows, against differences of the loss in float64.
TEST(MdsDescent, StepFollowsFiniteDifferencesOfTheLoss) {
  for (const std::ptrdiff_t n : {3, 17, 40, 150})
    for (const DescentLoss loss : kLosses) {
      const Problem<double> p(n, 3, false, 5);
      const auto loss_at = [&](const std::vector<double>& x) {
        Problem<double> q = p;
        q.x = x;
        DescentOptions<double> o = options<double>(loss, 1, 0);
        Trace<double> trace{{}, {}, {}, n, 3};
        trace.attach(&o, 1);
        q.descend(o);
        return trace.losses.at(0);
      };
      const double rate = 1e-3, h = 1e-5, factor = loss == DescentLoss::kSstress ? 2 : 1;
      const std::vector<double> moved = p.descend(options<double>(loss, rate, 1));
      for (std::size_t i = 0; i < p.x.size(); i += 7) {
        std::vector<double> ahead = p.x, behind = p.x;
        ahead[i] += h, behind[i] -= h;
        const double slope = (loss_at(ahead) - loss_at(behind)) / (2 * h), g = (p.x[i] - moved[i]) / rate;
        EXPECT_NEAR(factor * g, slope, 1e-6 * (1 + std::fabs(slope))) << n << ' ' << i;
      }
    }
}

TEST(MdsDescent, ReadsAnyLayoutBetweenGuardPages) {
  for (const std::ptrdiff_t n : {1, 5, 16, 23, 140})
    for (const bool asymmetric : {false, true}) {
      const Problem<float> p(n, 2, asymmetric);
      const DescentOptions<float> o = options<float>(DescentLoss::kStress, 1e-3, 3, 2);
      const std::vector<float> expected = p.descend(o);
      for (const bool wide : {false, true})
        for (const std::ptrdiff_t padding : {0, 3})
          for (const bool upside_down : {false, true})
            for (const bool fortran : {false, true}) {
              const std::ptrdiff_t item = wide ? 8 : 4, pitch = (n + padding) * item;
              const std::size_t bytes = static_cast<std::size_t>((n - 1) * pitch + n * item);
              GuardedMemory memory(bytes);
              for (const bool at_front : {false, true}) {
                std::byte* base = at_front ? memory.front() : memory.back(bytes);
                DistancesView v{upside_down ? base + (n - 1) * pitch : base, wide, upside_down ? -pitch : pitch, item};
                if (fortran) std::swap(v.row_stride, v.column_stride);
                for (std::ptrdiff_t i = 0; i < n; i++)
                  for (std::ptrdiff_t j = 0; j < n; j++) {
                    std::byte* to = const_cast<std::byte*>(static_cast<const std::byte*>(v.data)) + i * v.row_stride +
                                    j * v.column_stride;
                    const float value = p.distances[i * n + j];
                    const double doubled = value;
                    std::memcpy(to, wide ? static_cast<const void*>(&doubled) : &value, item);
                  }
                ASSERT_EQ(p.descend(v, o), expected) << n << ' ' << wide << padding << upside_down << fortran;
              }
            }
    }
}

TEST(MdsDescent, PointsOfAnyStridesAndInPlace) {
  const std::ptrdiff_t n = 21;
  const Problem<double> p(n, 3, false);
  const DescentOptions<double> o = options<double>(DescentLoss::kSstress, 1e-3, 5);
  const std::vector<double> expected = p.descend(o);
  std::vector<double> memory(n * 8, -1);
  const std::ptrdiff_t point_stride = -8 * 8, coordinate_stride = 2 * 8;
  double* first = memory.data() + (n - 1) * 8;
  for (std::ptrdiff_t i = 0; i < n; i++)
    for (int c = 0; c < 3; c++) first[-8 * i + 2 * c] = p.x[i * 3 + c];
  gradient_descent<double>({reinterpret_cast<char*>(first), n, 3, point_stride, coordinate_stride}, p.view(), o,
                           reinterpret_cast<char*>(first), point_stride, coordinate_stride);
  for (std::ptrdiff_t i = 0; i < n; i++)
    for (int c = 0; c < 8; c++) ASSERT_EQ(first[-8 * i + c], c % 2 == 0 && c < 6 ? expected[i * 3 + c / 2] : -1);
}

// Collinear, coincident, all in one place, distances of nothing but zeros: finite, and never a rise of the loss.
TEST(MdsDescent, DegeneratePointsStayFinite) {
  for (const std::ptrdiff_t n : {2, 3, 4, 20, 150})
    for (const DescentLoss loss : kLosses)
      for (int kind = 0; kind < 4; kind++) {
        Problem<double> p(n, 3, false);
        for (std::ptrdiff_t i = 0; i < n; i++)
          for (int c = 0; c < 3; c++) {
            if (kind == 0) p.x[i * 3 + c] = static_cast<double>(i * (c + 1));  // collinear
            if (kind == 1) p.x[i * 3 + c] = p.x[i / 2 * 2 * 3 + c];            // in pairs
            if (kind == 2) p.x[i * 3 + c] = 0.25;                              // in one place
          }
        if (kind == 3) std::fill(p.distances.begin(), p.distances.end(), 0);
        DescentOptions<double> o = options<double>(loss, 0, 200);
        Trace<double> trace{{}, {}, {}, n, 3};
        trace.attach(&o, 16);
        DescentReport report;
        const std::vector<double> x = p.descend(o, &report);
        EXPECT_FALSE(report.diverged) << n << ' ' << kind;
        for (const double v : x) ASSERT_TRUE(std::isfinite(v)) << n << ' ' << kind;
        for (std::size_t e = 1; e < trace.losses.size(); e++)
          ASSERT_LE(trace.losses[e], trace.losses[e - 1] * 1.001 + 1e-25) << n << ' ' << kind << ' ' << e;
        if (kind == 2) {
          EXPECT_EQ(x, p.x);
        }
      }
}

// Any scale of distances and of start, far from each other too.
TEST(MdsDescent, AutomaticRateIsSafeForAnyScale) {
  for (const std::ptrdiff_t n : {4, 40, 150, 400})
    for (const DescentLoss loss : kLosses)
      for (const double scale : {1e-9, 1e-3, 1.0, 1e6})
        for (const double start : {1e-3, 1.0, 1e3}) {
          Problem<float> p(n, 2, false, 3);
          for (float& v : p.distances) v *= static_cast<float>(scale);
          for (float& v : p.x) v *= static_cast<float>(scale * start);
          DescentOptions<float> o = options<float>(loss, 0, 320);
          Trace<float> trace{{}, {}, {}, n, 2};
          trace.attach(&o, 16);
          DescentReport report;
          p.descend(o, &report);
          ASSERT_FALSE(report.diverged) << n << ' ' << scale << ' ' << start;
          double rounding = 0;  // of all terms of the loss
          for (const double d : p.distances) rounding += 1e-11 * std::pow(d, loss == DescentLoss::kSstress ? 4 : 2);
          for (std::size_t e = 1; e < trace.losses.size(); e++)
            ASSERT_LE(trace.losses[e], trace.losses[e - 1] * 1.002 + rounding)
                << n << ' ' << scale << ' ' << start << ' ' << e;
          ASSERT_LT(trace.losses.back(), trace.losses.front()) << n << ' ' << scale << ' ' << start;
        }
}

TEST(MdsDescent, GivenRateThatDivergesReturnsTheLastFinitePoints) {
  for (const std::ptrdiff_t n : {5, 60, 200}) {
    const Problem<float> p(n, 3, false);
    DescentReport report;
    const std::vector<float> x = p.descend(options<float>(DescentLoss::kSstress, 1, 1000), &report);
    EXPECT_TRUE(report.diverged);
    EXPECT_LT(report.iterations, 20);
    for (const float v : x) ASSERT_TRUE(std::isfinite(v));
    EXPECT_EQ(x, p.descend(options<float>(DescentLoss::kSstress, 1, report.iterations)));
    DescentReport further;
    p.descend(options<float>(DescentLoss::kSstress, 1, report.iterations + 1), &further);
    EXPECT_TRUE(further.diverged);
    EXPECT_EQ(further.iterations, report.iterations);

    DescentOptions<float> o = options<float>(DescentLoss::kSstress, 1, 1000);
    Trace<float> trace{{}, {}, {}, n, 3};
    trace.attach(&o, 1);
    EXPECT_EQ(p.descend(o), x);
    EXPECT_EQ(trace.x.back(), x);
    EXPECT_EQ(trace.steps.back(), report.iterations);
    for (const double loss : trace.losses) EXPECT_FALSE(std::isnan(loss));
  }
}

TEST(MdsDescent, RecordStopsWhereItSaysSo) {
  for (const double rate : {0.0, 1e-3})
    for (const std::int64_t at : {0, 5, 16, 31, 40}) {
      const Problem<double> p(12, 2, false);
      DescentOptions<double> o = options<double>(DescentLoss::kSstress, rate, 40);
      Trace<double> trace{{}, {}, {}, 12, 2, at};
      trace.attach(&o, 1);
      DescentReport report;
      const std::vector<double> x = p.descend(o, &report);
      EXPECT_TRUE(report.stopped);
      EXPECT_EQ(report.iterations, at);
      EXPECT_EQ(trace.steps.size(), static_cast<std::size_t>(at + 1));
      EXPECT_EQ(trace.x.back(), x);
    }
}

TEST(MdsDescent, RefusedDistancesLeaveOutUntouched) {
  for (const std::ptrdiff_t n : {3, 150})
    for (const double bad : {-1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
      Problem<double> p(n, 2, false);
      p.distances[(n - 1) * n + 1] = bad;
      std::vector<double> out(n * 2, 7);
      const auto run = [&] {
        gradient_descent<double>(p.points(), p.view(), options<double>(DescentLoss::kStress, 0, 3),
                                 reinterpret_cast<char*>(out.data()), 16, 8);
      };
      EXPECT_THROW(run(), std::invalid_argument) << n << ' ' << bad;
      p = Problem<double>(n, 2, false);
      p.distances[(n - 1) * n + n - 1] = bad;  // on the diagonal
      EXPECT_NO_THROW(run()) << n << ' ' << bad;
      std::fill(out.begin(), out.end(), 7);
      p.x[1] = bad < 0 ? std::numeric_limits<double>::quiet_NaN() : bad;
      EXPECT_THROW(run(), std::invalid_argument);
      for (const double v : out) EXPECT_EQ(v, 7);
    }
}

}  // namespace
}  // namespace fastcv::testing
