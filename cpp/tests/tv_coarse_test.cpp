// The start of denoise_tv from the image at half its size, against its formulas.
#include "tv/denoise_coarse.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <span>
#include <vector>

#include "fastcv/runtime.hpp"
#include "simd_targets.hpp"
#include "tv/denoise_splitting.hpp"

namespace fastcv::tv {
namespace {

// Planes of channels in memory of their own.
template <class T>
struct Planes {
  PlaneShape shape;
  std::vector<T> values;

  static void read(const void* context, int c, std::ptrdiff_t y, std::ptrdiff_t x, std::ptrdiff_t count, T* to) {
    const Planes& p = *static_cast<const Planes*>(context);
    std::copy_n(p.values.data() + c * p.shape.pixels() + y * p.shape.columns + x, count, to);
  }
  static double write(const void* context, int c, std::ptrdiff_t y, std::ptrdiff_t x, std::ptrdiff_t count,
                      const T* from) {
    Planes& p = *static_cast<Planes*>(const_cast<void*>(context));
    std::copy_n(from, count, p.values.data() + c * p.shape.pixels() + y * p.shape.columns + x);
    return 0;
  }
  PlaneIo<T> io() { return {this, &read, &write}; }
  T at(int c, std::ptrdiff_t y, std::ptrdiff_t x) const {
    return values[c * shape.pixels() + std::min(y, shape.rows - 1) * shape.columns + std::min(x, shape.columns - 1)];
  }
};

template <class T>
Planes<T> make(std::ptrdiff_t rows, std::ptrdiff_t columns, int channels) {
  Planes<T> p;
  p.shape.rows = rows;
  p.shape.columns = columns;
  p.shape.channels = channels;
  std::mt19937 random(static_cast<unsigned>(rows * 100 + columns));
  std::normal_distribution<double> noise(0, 0.1);
  for (std::ptrdiff_t i = 0; i < p.shape.pixels() * channels; i++) {
    p.values.push_back(static_cast<T>(0.3 + 0.4 * static_cast<double>(i / 9 % 2) + noise(random)));
  }
  return p;
}

template <class T>
class TvCoarse : public ::testing::Test {};
using FloatTypes = ::testing::Types<float, double>;
TYPED_TEST_SUITE(TvCoarse, FloatTypes);

TYPED_TEST(TvCoarse, HalvesByMeansOfFour) {
  using T = TypeParam;
  for (const auto& [rows, columns] : {std::pair{16, 18}, std::pair{17, 33}, std::pair{300, 401}}) {
    Planes<T> f = make<T>(rows, columns, 3);
    for (const int threads : {1, 7}) {
      std::span<T> none;
      const CoarseStart<T> coarse(f.shape, f.io(), threads, &none);
      ASSERT_EQ(coarse.shape().rows, (rows + 1) / 2);
      ASSERT_EQ(coarse.shape().columns, (columns + 1) / 2);
      for (int c = 0; c < 3; c++)
        for (std::ptrdiff_t y = 0; y < coarse.shape().rows; y++)
          for (std::ptrdiff_t x = 0; x < coarse.shape().columns; x++) {
            const T sum = f.at(c, 2 * y, 2 * x) + f.at(c, 2 * y, 2 * x + 1) + f.at(c, 2 * y + 1, 2 * x) +
                          f.at(c, 2 * y + 1, 2 * x + 1);
            ASSERT_NEAR(coarse.image(c, y)[x], sum / 4, 1e-6) << y << " " << x;
          }
    }
  }
}

// Straight after the start, u is the coarse one, two by two pixels alike, and q is that of the formula.
TYPED_TEST(TvCoarse, StartsFromTheCoarseOptimum) {
  using T = TypeParam;
  constexpr double kWeight = 0.5;
  for (const std::string& target : simd_detected()) {
    const fastcv::testing::Forced forced(target);
    for (const int channels : {1, 3})
      for (const auto& [rows, columns] :
           {std::pair{16, 32}, std::pair{17, 33}, std::pair{64, 31}, std::pair{40, 3001}, std::pair{401, 96}}) {
        Planes<T> f = make<T>(rows, columns, channels);
        const PlaneShape& s = f.shape;
        std::span<T> none;
        CoarseStart<T> coarse(s, f.io(), 1, &none);
        coarse.solve(kWeight / 2, {});
        const PlaneDual<T> half = coarse.dual();
        const auto at = [&](int c, int axis, std::ptrdiff_t y, std::ptrdiff_t x) {
          return y < 0 || x < 0 ? 0.0 : static_cast<double>(half.row(c, axis, y)[x]);
        };
        for (const int threads : {1, 3}) {
          SplittingSolver<T> solver(s, 0, threads);
          solver.load(f.io());
          solver.start(coarse, kWeight);
          solver.set_weight(kWeight, 1, 0.2, 1.6);
          Planes<T> u = f;
          std::vector<T> values(2 * f.values.size());
          const PlaneDual<T> q{values.data(), s};
          solver.check(u.io(), &q);
          std::vector<double> low, high;
          for (int c = 0; c < channels; c++) {
            const auto [l, h] =
                std::minmax_element(f.values.begin() + c * s.pixels(), f.values.begin() + (c + 1) * s.pixels());
            low.push_back(static_cast<double>(*l));
            high.push_back(static_cast<double>(*h));
          }
          for (std::ptrdiff_t y = 0; y < s.rows; y++)
            for (std::ptrdiff_t x = 0; x < s.columns; x++) {
              const std::ptrdiff_t i = y / 2, j = x / 2;
              double square = 0;
              std::vector<double> expected;
              for (int c = 0; c < channels; c++) {
                expected.push_back(y + 1 == s.rows ? 0 : at(c, 0, i, j) + at(c, 0, y % 2 ? i : i - 1, j));
                expected.push_back(x + 1 == s.columns ? 0 : at(c, 1, i, j) + at(c, 1, i, x % 2 ? j : j - 1));
              }
              for (const double e : expected) square += e * e;
              const double feasible = 1 / std::max(1.0, std::sqrt(square) / kWeight);
              SCOPED_TRACE(::testing::Message() << target << " " << rows << " x " << columns << " x " << channels
                                                << " at " << y << " " << x);
              for (int c = 0; c < channels; c++) {
                const double level = static_cast<double>(coarse.image(c, i)[j]);
                ASSERT_EQ(u.at(c, y, x), static_cast<T>(std::clamp(level, low[c], high[c])));
                ASSERT_NEAR(q.row(c, 0, y)[x], feasible * expected[2 * c], 2e-6 * kWeight);
                ASSERT_NEAR(q.row(c, 1, y)[x], feasible * expected[2 * c + 1], 2e-6 * kWeight);
              }
            }
        }
      }
  }
}

// The fine level's memory is room enough for all coarser ones but the first one's planes; the result is the same.
TYPED_TEST(TvCoarse, WorksInTheFineLevelsMemory) {
  using T = TypeParam;
  constexpr double kWeight = 40;  // heavy on all levels
  for (const std::string& target : simd_detected()) {
    const fastcv::testing::Forced forced(target);
    for (const int channels : {1, 3})
      for (const auto& [rows, columns] : {std::pair{16, 16}, std::pair{17, 2001}, std::pair{4001, 17},
                                          std::pair{640, 700}, std::pair{1201, 300}, std::pair{70, 9001}})
        for (const int threads : {1, 7}) {
          SCOPED_TRACE(::testing::Message()
                       << target << " " << rows << " x " << columns << " x " << channels << " by " << threads);
          Planes<T> f = make<T>(rows, columns, channels);
          SplittingSolver<T> fine(f.shape, 0, threads);
          std::span<T> none;
          CoarseStart<T> alone(f.shape, f.io(), threads, &none), within(f.shape, f.io(), threads, &none);
          const std::span<T> room = fine.room();
          std::fill(room.begin(), room.end(), T(7));
          const SplittingSolver<T> half(alone.shape(), 0, threads, room);
          ASSERT_EQ(half.room().data(), room.data());
          alone.solve(kWeight, {});
          within.solve(kWeight, room);
          for (int c = 0; c < channels; c++) {
            for (std::ptrdiff_t y = 0; y < alone.shape().rows; y++) {
              for (std::ptrdiff_t x = 0; x < alone.shape().columns; x++) {
                ASSERT_EQ(alone.image(c, y)[x], within.image(c, y)[x]);
                ASSERT_EQ(alone.dual().row(c, 0, y)[x], within.dual().row(c, 0, y)[x]);
                ASSERT_EQ(alone.dual().row(c, 1, y)[x], within.dual().row(c, 1, y)[x]);
              }
            }
          }
        }
  }
}

TYPED_TEST(TvCoarse, SavesIterations) {
  using T = TypeParam;
  constexpr double kWeight = 1;
  Planes<T> f = make<T>(200, 256, 1);
  std::span<T> none;
  CoarseStart<T> coarse(f.shape, f.io(), 1, &none);
  coarse.solve(kWeight / 2, {});
  double gap[2];
  for (const bool cold : {false, true}) {
    SplittingSolver<T> solver(f.shape, 0, 1);
    solver.load(f.io());
    if (!cold) solver.start(coarse, kWeight);
    solver.set_weight(kWeight, 1, 0.2, 1.6);
    solver.run(30);
    Planes<T> u = f;
    gap[cold] = solver.check(u.io(), nullptr).gap;
  }
  EXPECT_LT(gap[false], 0.5 * gap[true]);
}

}  // namespace
}  // namespace fastcv::tv
