// Distances of known points, and configurations moved onto each other.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "fastcv/mds.hpp"
#include "fastcv/runtime.hpp"
#include "simd_targets.hpp"

namespace fastcv {
namespace {

template <class T>
std::vector<T> random_points(std::ptrdiff_t n, std::ptrdiff_t k, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  std::vector<T> x(static_cast<std::size_t>(n * k));
  for (T& v : x) v = static_cast<T>(normal(random));
  return x;
}

template <class T>
PointsView<T> view(const std::vector<T>& x, std::ptrdiff_t n, std::ptrdiff_t k) {
  constexpr std::ptrdiff_t kSize = sizeof(T);
  return {reinterpret_cast<const char*>(x.data()), n, k, k * kSize, kSize};
}

template <class T>
long double distance(const T* x, const T* y, std::ptrdiff_t k) {
  long double sum = 0;
  for (std::ptrdiff_t c = 0; c < k; c++)
    sum += (static_cast<long double>(x[c]) - y[c]) * (static_cast<long double>(x[c]) - y[c]);
  return std::sqrt(sum);
}

template <class T>
void expect_distances(std::ptrdiff_t n, std::ptrdiff_t m, std::ptrdiff_t k) {
  const std::vector<T> x = random_points<T>(n, k, 1), y = random_points<T>(m, k, 2);
  const long double bound = (k / 2.0L + 2) * std::numeric_limits<T>::epsilon();
  for (const std::string& target : simd_detected()) {
    const fastcv::testing::Forced forced(target);
    std::vector<T> first;
    for (int threads : {1, 2, 7}) {
      constexpr T kCanary = -7;
      std::vector<T> out(static_cast<std::size_t>(n * m + 1), kCanary);
      pairwise_distances<T>(view(x, n, k), view(y, m, k), out.data(), threads);
      ASSERT_EQ(out.back(), kCanary);
      if (threads == 1) first = out;
      ASSERT_EQ(out, first);
    }
    for (std::ptrdiff_t i = 0; i < n; i++) {
      for (std::ptrdiff_t j = 0; j < m; j++) {
        const long double right = distance(&x[i * k], &y[j * k], k);
        ASSERT_LE(std::abs(first[i * m + j] - right), bound * right)
            << target << " " << n << "x" << m << " " << k << "-D";
      }
    }
  }
}

TEST(PairwiseDistances, EverySizeTargetAndThreadCount) {
  for (std::ptrdiff_t m = 1; m <= 70; m++) {
    for (std::ptrdiff_t k : {1, 2, 3, 4, 7}) {
      expect_distances<float>(3, m, k);
      expect_distances<double>(3, m, k);
    }
  }
  expect_distances<float>(311, 517, 3);
  expect_distances<double>(517, 311, 2);
}

TEST(PairwiseDistances, OfASetToItselfAreSymmetricWithZeros) {
  for (const std::string& target : simd_detected()) {
    const fastcv::testing::Forced forced(target);
    const std::ptrdiff_t n = 67, k = 5;
    const std::vector<float> x = random_points<float>(n, k, 3);
    std::vector<float> out(static_cast<std::size_t>(n * n));
    pairwise_distances<float>(view(x, n, k), view(x, n, k), out.data(), 1);
    for (std::ptrdiff_t i = 0; i < n; i++) {
      ASSERT_EQ(out[i * n + i], 0);
      for (std::ptrdiff_t j = 0; j < i; j++) ASSERT_EQ(out[i * n + j], out[j * n + i]);
    }
  }
}

TEST(PairwiseDistances, AnyStridesAndAddresses) {
  const std::ptrdiff_t n = 9, k = 3;
  const std::vector<double> x = random_points<double>(n, k, 4);
  std::vector<char> bytes(static_cast<std::size_t>(n * 40 + 200), 1);
  // Reversed rows 40 bytes apart, coordinates reversed too, one byte off alignment.
  const auto place = [&](std::ptrdiff_t i, std::ptrdiff_t c) { return bytes.data() + 101 + 40 * (n - 1 - i) - 8 * c; };
  for (std::ptrdiff_t i = 0; i < n; i++) {
    for (std::ptrdiff_t c = 0; c < k; c++) std::memcpy(place(i, c), &x[i * k + c], 8);
  }
  std::vector<double> plain(n * n), strided(n * n);
  pairwise_distances<double>(view(x, n, k), view(x, n, k), plain.data(), 1);
  const PointsView<double> odd{place(0, 0), n, k, -40, -8};
  pairwise_distances<double>(odd, odd, strided.data(), 1);
  EXPECT_EQ(plain, strided);
}

// x turned by a random orthogonal matrix (a product of reflections), scaled and shifted.
struct Moved {
  std::vector<double> y;
  bool mirrored;
};
Moved moved(const std::vector<double>& x, std::ptrdiff_t n, std::ptrdiff_t k, int reflections, double scale) {
  Moved m{x, reflections % 2 == 1};
  for (int r = 0; r < reflections; r++) {
    const std::vector<double> axis = random_points<double>(1, k, 100 + static_cast<unsigned>(r));
    double norm = 0;
    for (double a : axis) norm += a * a;
    for (std::ptrdiff_t i = 0; i < n; i++) {
      double along = 0;
      for (std::ptrdiff_t c = 0; c < k; c++) along += axis[c] * m.y[i * k + c];
      for (std::ptrdiff_t c = 0; c < k; c++) m.y[i * k + c] -= 2 * along / norm * axis[c];
    }
  }
  for (std::size_t i = 0; i < m.y.size(); i++) m.y[i] = scale * (m.y[i] + 3 + static_cast<double>(i % k));
  return m;
}

TEST(Procrustes, FindsTheTransform) {
  for (std::ptrdiff_t k : {1, 2, 3, 5}) {
    for (int reflections = 1; reflections <= 4; reflections++) {
      for (double scale : {1.0, 1e-200, 4e150}) {
        if (k == 1 && reflections > 1) continue;
        const std::ptrdiff_t n = 12;
        const std::vector<double> x = random_points<double>(n, k, 5);
        const Moved m = moved(x, n, k, reflections, scale);
        const Alignment a = procrustes(view(x, n, k), view(m.y, n, k), true, true);
        EXPECT_EQ(a.reflected, m.mirrored);
        EXPECT_NEAR(a.scale / scale, 1, 1e-12);
        EXPECT_LE(a.rmse, 1e-12 * scale);
        for (std::ptrdiff_t i = 0; i < n; i++) {
          for (std::ptrdiff_t c = 0; c < k; c++) {
            double at = a.translation[c];
            for (std::ptrdiff_t b = 0; b < k; b++) at += a.scale * x[i * k + b] * a.rotation[b * k + c];
            EXPECT_NEAR(at, m.y[i * k + c], 1e-12 * scale);
          }
        }
      }
    }
  }
}

// Without reflections nothing beats the returned rotation, among many.
TEST(Procrustes, ProperRotationsAreTheBestOfThem) {
  const std::ptrdiff_t n = 8;
  const std::vector<double> x = random_points<double>(n, 2, 6), y = random_points<double>(n, 2, 7);
  const Alignment a = procrustes(view(x, n, 2), view(y, n, 2), false, false);
  EXPECT_FALSE(a.reflected);
  EXPECT_NEAR(a.rotation[0] * a.rotation[3] - a.rotation[1] * a.rotation[2], 1, 1e-14);
  double mx[2] = {}, my[2] = {};
  for (std::ptrdiff_t i = 0; i < 2 * n; i++) {
    mx[i % 2] += x[i] / n;
    my[i % 2] += y[i] / n;
  }
  double best = 1e300;
  for (int step = 0; step < 100000; step++) {
    const double angle = 2 * M_PI * step / 100000, c = std::cos(angle), s = std::sin(angle);
    double sum = 0;
    for (std::ptrdiff_t i = 0; i < n; i++) {
      const double px = x[2 * i] - mx[0], py = x[2 * i + 1] - mx[1];
      sum += std::pow(c * px - s * py + my[0] - y[2 * i], 2) + std::pow(s * px + c * py + my[1] - y[2 * i + 1], 2);
    }
    best = std::min(best, std::sqrt(sum / n));
  }
  EXPECT_LE(a.rmse, best + 1e-12);
  EXPECT_NEAR(a.rmse, best, 1e-8);
}

TEST(Procrustes, OnePointAndCoincidentPointsAreShifted) {
  for (std::ptrdiff_t n : {1, 4}) {
    const std::vector<double> x(static_cast<std::size_t>(3 * n), 2.0), y(static_cast<std::size_t>(3 * n), -1.0);
    for (bool scale : {false, true}) {
      const Alignment a = procrustes(view(x, n, 3), view(y, n, 3), true, scale);
      EXPECT_EQ(a.rmse, 0);
      EXPECT_EQ(a.scale, 1);
    }
  }
}

// A negative scale would be the reflection that was refused.
TEST(Procrustes, OnALineNothingIsMirroredByItsScale) {
  const std::vector<double> x{0, 1, 3}, y{0, -1, -3};
  const Alignment a = procrustes(view(x, 3, 1), view(y, 3, 1), false, true);
  EXPECT_FALSE(a.reflected);
  EXPECT_EQ(a.scale, 0);
  EXPECT_NEAR(a.rmse, std::sqrt(14.0 / 9), 1e-15);
}

}  // namespace
}  // namespace fastcv
