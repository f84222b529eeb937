// The kernels of pairs against the definitions: every awkward number of points x every SIMD target x threads.
#include "mds/pairs.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "fastcv/runtime.hpp"
#include "guard_pages.hpp"
#include "mds/objective.hpp"
#include "mds_reference.hpp"
#include "simd_targets.hpp"

namespace fastcv::testing {
namespace {

using mds::PairLoss;
using mds::PairReport;
using mds::Pairs;
using mds::PairTable;
using reference::Configuration;
using reference::PairsOracle;
using reference::Real;

template <class T>
struct Swarm {
  Configuration at;
  std::vector<T> x;          // coordinate after coordinate, padded
  std::vector<T> distances;  // n x n, noisy distances of other points
  std::ptrdiff_t stride;

  Swarm(std::ptrdiff_t n, int k, unsigned seed) : stride(mds::padded(n)) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> unit(0, 1);
    at.n = n;
    at.k = k;
    x.assign(k * stride, 0);
    for (std::ptrdiff_t i = 0; i < n; i++)
      for (int c = 0; c < k; c++) {
        x[c * stride + i] = static_cast<T>(unit(random));
        at.x.push_back(x[c * stride + i]);
      }
    Configuration other = at;
    for (Real& v : other.x) v = unit(random);
    distances.assign(n * n, 0);
    for (std::ptrdiff_t i = 0; i < n; i++)
      for (std::ptrdiff_t j = 0; j < i; j++)
        distances[i * n + j] = distances[j * n + i] = static_cast<T>(other.distance(i, j));
  }
  PairTable table() const { return table_of(distances, at.n); }
  static PairTable table_of(const std::vector<T>& values, std::ptrdiff_t n) {
    return {values.data(), sizeof(T) == 8, n * static_cast<std::ptrdiff_t>(sizeof(T)), sizeof(T)};
  }
  PairsOracle oracle(PairLoss loss, double scale) const {
    PairsOracle o{{distances.begin(), distances.end()}, {}, loss, static_cast<Real>(static_cast<T>(scale))};
    return o;
  }
};

// What one term of a sum may be wrong by, relative to its size: for float32 the Newton step's 4e-7 with the rounding
// around it; the sums' own rounding with it.
template <class T>
double tolerance(std::ptrdiff_t n) {
  return sizeof(T) == 4 ? 6e-7 + 6e-8 * std::sqrt(static_cast<double>(n)) : 4e-15;
}

template <class T>
std::string describe(const Swarm<T>& s, PairLoss loss, const std::string& target, int threads) {
  std::ostringstream text;
  text << (sizeof(T) == 4 ? "float32" : "float64") << " n " << s.at.n << " k " << s.at.k << " loss "
       << static_cast<int>(loss) << ' ' << target << " threads " << threads;
  return text.str();
}

template <class T>
void expect_gradient(const Swarm<T>& s, Pairs<T>& pairs, const PairsOracle& oracle, const std::string& where,
                     int threads, std::vector<T>* first) {
  const std::ptrdiff_t n = s.at.n;
  std::vector<Real> sizes;
  const std::vector<Real> expected = oracle.gradient(s.at, &sizes);
  for (const bool want_value : {true, false}) {
    std::vector<T> g(s.x.size(), T(7));
    const double value = pairs.gradient(oracle.loss, static_cast<double>(oracle.scale), s.at.k, s.x.data(), g.data(),
                                        want_value, threads);
    if (want_value) {
      const Real exact = oracle.value(s.at);
      ASSERT_NEAR(value, static_cast<double>(exact),
                  (sizeof(T) == 4 ? 3e-6 : 1e-13) * static_cast<double>(exact) + 1e-25)
          << where;
    }
    for (int c = 0; c < s.at.k; c++) {
      for (std::ptrdiff_t i = 0; i < n; i++) {
        const Real e = expected[i * s.at.k + c], bound = tolerance<T>(n) * sizes[i * s.at.k + c] + 1e-30L;
        ASSERT_LE(std::fabs(g[c * s.stride + i] - e), bound) << where << " point " << i << " coordinate " << c;
      }
      for (std::ptrdiff_t i = n; i < s.stride; i++) ASSERT_EQ(g[c * s.stride + i], T(0)) << where << " padding " << i;
    }
    if (first->empty()) *first = g;
    ASSERT_EQ(std::memcmp(first->data(), g.data(), g.size() * sizeof(T)), 0) << where << ": bytes differ";
  }
}

template <class T>
void check_all(std::ptrdiff_t n, int k, bool weighted) {
  Swarm<T> s(n, k, static_cast<unsigned>(31 * n + k));
  std::vector<T> weights;
  if (weighted) {
    std::mt19937 random(5);
    weights.assign(n * n, 0);
    for (std::ptrdiff_t i = 0; i < n; i++)
      for (std::ptrdiff_t j = 0; j < i; j++) weights[i * n + j] = weights[j * n + i] = static_cast<T>(random() % 4) / 2;
    for (std::ptrdiff_t i = 0; i + 3 < n; i += 5)
      s.distances[i * n + i + 2] = s.distances[(i + 2) * n + i] = std::numeric_limits<T>::quiet_NaN();
  }
  const PairTable table = s.table(), weight_table = Swarm<T>::table_of(weights, n);
  for (const PairLoss loss : {PairLoss::kStress, PairLoss::kSstress, PairLoss::kGemanMcClure}) {
    PairsOracle oracle = s.oracle(loss, 0.3);
    oracle.weights.assign(weights.begin(), weights.end());
    for (const std::string& target : simd_detected()) {
      const Forced forced(target);
      std::vector<T> first;
      for (const int threads : {1, 2, 7}) {
        Pairs<T> pairs(n, weighted);
        pairs.pack(table, weighted ? &weight_table : nullptr, threads);
        expect_gradient(s, pairs, oracle, describe(s, loss, target, threads), threads, &first);
        if (::testing::Test::HasFatalFailure()) return;
      }
      if (loss != PairLoss::kSstress) continue;
      first.clear();
      for (const int threads : {1, 7}) {
        Pairs<T> squares(n, weighted, mds::PairForm::kNegatedSquares);
        squares.pack(table, weighted ? &weight_table : nullptr, threads);
        expect_gradient(s, squares, oracle, describe(s, loss, target, threads) + " squares", threads, &first);
        if (::testing::Test::HasFatalFailure()) return;
      }
    }
  }
}

TEST(MdsPairs, GradientIsTheOraclesForEverySize) {
  for (std::ptrdiff_t n : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 19, 31, 32, 33, 47, 65, 100})
    for (int k : {1, 2, 3, 5})
      for (bool weighted : {false, true}) {
        check_all<float>(n, k, weighted);
        check_all<double>(n, k, weighted);
        if (HasFatalFailure()) return;
      }
}

TEST(MdsPairs, GradientOfManyPartsIsTheSameBytesForAnyThreads) {
  for (int k : {2, 3, 4}) {
    check_all<float>(523, k, false);
    check_all<double>(389, k, true);
    if (HasFatalFailure()) return;
  }
}

// Two points in one place, all points in one place, all distances zero: finite, and nothing along the line between.
TEST(MdsPairs, CoincidentPointsGiveFiniteGradients) {
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    for (std::ptrdiff_t n : {2, 20}) {
      Swarm<float> s(n, 3, 1);
      std::fill(s.x.begin(), s.x.end(), 0.0f);
      for (const PairLoss loss : {PairLoss::kStress, PairLoss::kSstress, PairLoss::kGemanMcClure}) {
        Pairs<float> pairs(n, false);
        pairs.pack(s.table(), nullptr, 1);
        std::vector<float> g(s.x.size(), 9);
        const double value = pairs.gradient(loss, 0.5, 3, s.x.data(), g.data(), true, 1);
        Configuration origin{n, 3, std::vector<Real>(3 * n, 0)};
        EXPECT_NEAR(value, static_cast<double>(s.oracle(loss, 0.5).value(origin)), 1e-5 * value) << target;
        for (const float v : g) EXPECT_EQ(v, 0.0f) << target;
      }
    }
  }
}

TEST(MdsPairs, ReportSeesEverything) {
  const std::ptrdiff_t n = 37;
  const Swarm<double> s(n, 3, 2);
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    for (const int threads : {1, 7}) {
      Pairs<double> pairs(n, false);
      PairReport clean = pairs.pack(s.table(), nullptr, threads);
      Real sum = 0, squares = 0, largest = 0;
      for (std::ptrdiff_t i = 0; i < n; i++)
        for (std::ptrdiff_t j = i + 1; j < n; j++) {
          const Real v = s.distances[i * n + j];
          sum += v, squares += v * v, largest = std::max(largest, v);
        }
      EXPECT_NEAR(clean.sum, static_cast<double>(sum), 1e-11);
      EXPECT_NEAR(clean.sum_squares, static_cast<double>(squares), 1e-11);
      EXPECT_EQ(clean.largest, static_cast<double>(largest));
      EXPECT_EQ(clean.pairs, n * (n - 1) / 2);
      EXPECT_EQ(clean.sum_weights, n * (n - 1) / 2);
      EXPECT_FALSE(clean.negative || clean.infinite || clean.bad_weight);
      EXPECT_EQ(clean.asymmetry, 0);
      EXPECT_EQ(clean.missing + clean.one_sided, 0);

      for (const std::ptrdiff_t i : {0, 15, 16, 36})
        for (const std::ptrdiff_t j : {0, 1, 17, 35}) {
          if (i == j) continue;
          const auto with = [&](double value) {
            Swarm<double> changed = s;
            changed.distances[i * n + j] = value;
            return pairs.pack(changed.table(), nullptr, threads);
          };
          EXPECT_TRUE(with(-1e-3).negative);
          EXPECT_FALSE(with(-1e-3).infinite);
          EXPECT_TRUE(with(std::numeric_limits<double>::infinity()).infinite);
          EXPECT_EQ(with(std::numeric_limits<double>::quiet_NaN()).one_sided, 1);
          EXPECT_EQ(with(std::numeric_limits<double>::quiet_NaN()).missing, 0);
          EXPECT_NEAR(with(s.distances[i * n + j] + 0.25).asymmetry, 0.25, 1e-15);
        }
      Swarm<double> changed = s;
      for (std::ptrdiff_t i = 0; i < n; i++) changed.distances[i * n + i] = -1;  // the diagonal plays no part
      const PairReport diagonal = pairs.pack(changed.table(), nullptr, threads);
      EXPECT_FALSE(diagonal.negative);
      EXPECT_EQ(diagonal.sum, clean.sum);
    }
  }
}

TEST(MdsPairs, WeightsOfZeroHideWhatTheyWeigh) {
  const std::ptrdiff_t n = 21;
  Swarm<float> s(n, 2, 2);
  std::vector<float> weights(n * n, 2.0f);
  s.distances[3 * n + 5] = -4, s.distances[5 * n + 3] = std::numeric_limits<float>::infinity();
  weights[3 * n + 5] = weights[5 * n + 3] = 0;
  const PairTable table = Swarm<float>::table_of(weights, n);
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    Pairs<float> pairs(n, true);
    PairReport report = pairs.pack(s.table(), &table, 1);
    EXPECT_FALSE(report.negative || report.infinite || report.bad_weight);
    EXPECT_EQ(report.pairs, n * (n - 1) / 2 - 1);
    EXPECT_EQ(report.sum_weights, 2.0 * static_cast<double>(report.pairs));
    for (const float bad : {-1.0f, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      std::vector<float> wrong = weights;
      wrong[7 * n + 18] = bad;
      const PairTable wrong_table = Swarm<float>::table_of(wrong, n);
      EXPECT_TRUE(pairs.pack(s.table(), &wrong_table, 1).bad_weight) << bad;
    }
    std::vector<float> wrong = weights;
    wrong[7 * n + 18] = 3;
    const PairTable wrong_table = Swarm<float>::table_of(wrong, n);
    EXPECT_EQ(pairs.pack(s.table(), &wrong_table, 1).weight_asymmetry, 1);
  }
}

// Any strides, either type, and not a byte beyond.
TEST(MdsPairs, ReadsTablesOfAnyLayoutBetweenGuardPages) {
  for (const std::ptrdiff_t n : {1, 3, 16, 23, 50}) {
    const Swarm<float> s(n, 3, 8);
    const auto gradient = [&](const PairTable& table) {
      Pairs<float> pairs(n, false);
      pairs.pack(table, nullptr, 2);
      std::vector<float> g(s.x.size());
      pairs.gradient(PairLoss::kStress, 0, 3, s.x.data(), g.data(), false, 2);
      return g;
    };
    const std::vector<float> expected = gradient(s.table());
    for (const std::string& target : simd_detected()) {
      const Forced forced(target);
      const std::vector<float> here = gradient(s.table());
      for (const bool wide : {false, true})
        for (const std::ptrdiff_t padding : {0, 1, 5})
          for (const bool upside_down : {false, true})
            for (const bool fortran : {false, true}) {
              const std::ptrdiff_t item = wide ? 8 : 4, pitch = (n + padding) * item;
              const std::size_t bytes = static_cast<std::size_t>((n - 1) * pitch + n * item);
              GuardedMemory memory(bytes);
              for (const bool at_front : {false, true}) {
                std::byte* base = at_front ? memory.front() : memory.back(bytes);
                PairTable table{upside_down ? base + (n - 1) * pitch : base, wide, upside_down ? -pitch : pitch, item};
                for (std::ptrdiff_t i = 0; i < n; i++)
                  for (std::ptrdiff_t j = 0; j < n; j++) {
                    std::byte* to = const_cast<std::byte*>(static_cast<const std::byte*>(table.data)) +
                                    i * table.row_stride + j * table.column_stride;
                    const float value = s.distances[i * n + j];
                    const double doubled = value;
                    std::memcpy(to, wide ? static_cast<const void*>(&doubled) : &value, item);
                  }
                if (fortran) std::swap(table.row_stride, table.column_stride);
                const std::vector<float> got = gradient(table);
                ASSERT_EQ(std::memcmp(got.data(), here.data(), got.size() * sizeof(float)), 0) << n << ' ' << target;
              }
            }
      for (std::size_t i = 0; i < here.size(); i++) EXPECT_NEAR(here[i], expected[i], 1e-4);
    }
  }
}

TEST(MdsPairs, MemoryThatCannotBeIsRefused) {
  EXPECT_THROW(Pairs<float>(std::ptrdiff_t{1} << 33, false), std::length_error);
}

}  // namespace
}  // namespace fastcv::testing
