// denoise_tv_chambolle against its definition: small grids of one to four axes, every SIMD target, threads and blocks;
// and nothing read or written beyond the values.
#include "fastcv/tv.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "fastcv/runtime.hpp"
#include "guard_pages.hpp"
#include "tv_chambolle_reference.hpp"
#include "simd_targets.hpp"

namespace fastcv::testing {
namespace {

using reference::Grid;

// Two trailing axes of every small size, and sizes around one and two vectors.
std::vector<Grid> grids() {
  std::vector<Grid> all;
  for (std::ptrdiff_t h = 1; h <= 5; h++)
    for (std::ptrdiff_t w = 1; w <= 5; w++) all.push_back({{h, w}});
  for (const std::ptrdiff_t w : {1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 100}) {
    all.push_back({{w}});
    all.push_back({{3, w}});
    all.push_back({{w, 3}});
    all.push_back({{2, 3, w}});
    all.push_back({{2, 2, 3, w}});
  }
  for (const auto& shape : std::vector<std::vector<std::ptrdiff_t>>{
           {40, 50}, {61, 17}, {20, 300}, {7, 9, 20}, {1, 9, 1, 20}, {3, 1, 5}, {2, 3, 2, 3, 4}})
    all.push_back({shape});
  return all;
}

std::vector<double> values_of(const Grid& grid, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<double> values(static_cast<std::size_t>(grid.size()));
  for (double& v : values) v = static_cast<float>(random() / 4294967296.0);  // the same in float32
  return values;
}

std::vector<std::ptrdiff_t> dense_strides(const Grid& grid, std::ptrdiff_t item) {
  std::vector<std::ptrdiff_t> strides;
  for (std::size_t a = 0; a < grid.shape.size(); a++) strides.push_back(grid.step(a) * item);
  return strides;
}

template <class T>
struct Answer {
  std::vector<T> u;
  ChambolleReport report;
};

template <class T>
Answer<T> denoise(const Grid& grid, const std::vector<double>& values, const ChambolleOptions& options) {
  const std::vector<T> image(values.begin(), values.end());
  Answer<T> answer{std::vector<T>(image.size(), T(-5)), {}};
  const std::vector<std::ptrdiff_t> strides = dense_strides(grid, sizeof(T));
  const int axes = static_cast<int>(grid.shape.size());
  denoise_tv_chambolle<T, T>({{image.data(), axes, grid.shape.data(), strides.data()}, 1, 0},
                             {{answer.u.data(), axes, grid.shape.data(), strides.data()}, 1, 0}, options,
                             &answer.report);
  return answer;
}

std::string describe(const Grid& grid, const ChambolleOptions& o) {
  std::string text = simd_active() + ", shape";
  for (const std::ptrdiff_t s : grid.shape) text += " " + std::to_string(s);
  return text + ", weight " + std::to_string(o.weight) + ", passes " + std::to_string(o.max_num_iter) + ", threads " +
         std::to_string(o.num_threads) + ", block " + std::to_string(o.block);
}

template <class T>
class TvChambolle : public ::testing::Test {};
using Floats = ::testing::Types<float, double>;
TYPED_TEST_SUITE(TvChambolle, Floats);

TYPED_TEST(TvChambolle, IsTheIteration) {
  using T = TypeParam;
  const double tolerance = sizeof(T) == 8 ? 1e-12 : 2e-6;
  for (const Grid& grid : grids())
    for (const double weight : {0.03, 0.4})
      for (const int passes : {1, 2, 3, 20})
        for (const ChambolleStop stop : {ChambolleStop::kEnergy, ChambolleStop::kDual}) {
          ChambolleOptions o;
          o.weight = weight;
          o.eps = 0;
          o.max_num_iter = passes;
          o.stop = stop;
          o.measure = true;
          const std::vector<double> image = values_of(grid, 7);
          const reference::ChambolleAnswer expected = reference::chambolle(grid, image, o);
          for (const std::string& target : simd_detected()) {
            const Forced forced(target);
            const Answer<T> got = denoise<T>(grid, image, o);
            for (std::size_t i = 0; i < image.size(); i++)
              ASSERT_NEAR(got.u[i], expected.u[i], tolerance) << describe(grid, o) << " at " << i;
            ASSERT_EQ(got.report.iterations, passes) << describe(grid, o);
            ASSERT_FALSE(got.report.converged);
            ASSERT_NEAR(got.report.energy, expected.report.energy, tolerance) << describe(grid, o);
            if (std::isfinite(expected.report.change) && expected.report.energy > 0) {
              ASSERT_NEAR(got.report.change, expected.report.change, 20 * tolerance) << describe(grid, o);
            }
          }
        }
}

TYPED_TEST(TvChambolle, TheSameBytesForAnyThreadsAndBlocks) {
  using T = TypeParam;
  for (const Grid& grid :
       std::vector<Grid>{{{500}}, {{5, 4}}, {{300, 130}}, {{900, 20}}, {{40, 16, 33}}, {{5, 7, 11, 30}}})
    for (const ChambolleStop stop : {ChambolleStop::kEnergy, ChambolleStop::kDual})
      for (const double eps : {0.0, 1e-3, 3e-5}) {
        ChambolleOptions o;
        o.eps = eps;
        o.stop = stop;
        o.max_num_iter = 45;
        o.measure = true;
        const std::vector<double> image = values_of(grid, 3);
        for (const std::string& target : simd_detected()) {
          const Forced forced(target);
          o.num_threads = o.block = 1;
          const Answer<T> expected = denoise<T>(grid, image, o);
          for (const int block : {0, 2, 3, 16, 45})
            for (const int threads : {1, 2, 7}) {
              o.num_threads = threads;
              o.block = block;
              const Answer<T> got = denoise<T>(grid, image, o);
              ASSERT_EQ(std::memcmp(got.u.data(), expected.u.data(), got.u.size() * sizeof(T)), 0) << describe(grid, o);
              ASSERT_EQ(got.report.iterations, expected.report.iterations) << describe(grid, o);
              ASSERT_EQ(got.report.energy, expected.report.energy) << describe(grid, o);
              ASSERT_EQ(got.report.change, expected.report.change) << describe(grid, o);
            }
        }
      }
}

TYPED_TEST(TvChambolle, StopsWhereTheDefinitionDoes) {
  const Grid grid{{50, 70}};
  for (unsigned seed = 0; seed < 4; seed++)
    for (const double weight : {0.03, 0.1, 0.4})
      for (const double eps : {1e-2, 2e-4}) {
        ChambolleOptions o;
        o.weight = weight;
        o.eps = eps;
        const std::vector<double> image = values_of(grid, seed);
        const reference::ChambolleAnswer expected = reference::chambolle(grid, image, o);
        const Answer<TypeParam> got = denoise<TypeParam>(grid, image, o);
        ASSERT_EQ(got.report.iterations, expected.report.iterations) << describe(grid, o);
        ASSERT_EQ(got.report.converged, expected.report.converged);
      }
}

// Rows stand at the very ends of memory: in the first test the byte after them faults, in the second the one before.
TYPED_TEST(TvChambolle, StaysWithinTheValues) {
  using T = TypeParam;
  for (const Grid& grid : std::vector<Grid>{{{37}}, {{9, 5}}, {{12, 33}}, {{40, 100}}, {{3, 4, 19}}, {{70, 2}}}) {
    const std::vector<double> values = values_of(grid, 1);
    const std::size_t bytes = values.size() * sizeof(T);
    GuardedMemory input(bytes), output(bytes);
    const std::vector<std::ptrdiff_t> strides = dense_strides(grid, sizeof(T));
    const int axes = static_cast<int>(grid.shape.size());
    for (const bool back : {true, false})
      for (const std::string& target : simd_detected())
        for (const int threads : {1, 2}) {
          const Forced forced(target);
          T* image = reinterpret_cast<T*>(back ? input.back(bytes) : input.front());
          T* out = reinterpret_cast<T*>(back ? output.back(bytes) : output.front());
          for (std::size_t i = 0; i < values.size(); i++) image[i] = static_cast<T>(values[i]);
          ChambolleOptions o;
          o.num_threads = threads;
          denoise_tv_chambolle<T, T>({{image, axes, grid.shape.data(), strides.data()}, 1, 0},
                                     {{out, axes, grid.shape.data(), strides.data()}, 1, 0}, o, nullptr);
          o.num_threads = 1;
          const Answer<T> expected = denoise<T>(grid, values, o);
          ASSERT_EQ(std::memcmp(out, expected.u.data(), bytes), 0) << describe(grid, o);
        }
  }
}

TYPED_TEST(TvChambolle, RefusesWhatIsNotFinite) {
  const Grid grid{{6, 21}};
  for (const std::size_t place : {0u, 20u, 64u, 125u})
    for (const double bad : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
      std::vector<double> image = values_of(grid, 2);
      image[place] = bad;
      EXPECT_THROW(denoise<TypeParam>(grid, image, {}), std::invalid_argument);
    }
}

TEST(TvChambolleIntegers, AreScaledToOne) {
  const Grid grid{{20, 30}};
  std::vector<std::uint8_t> bytes(600);
  std::mt19937 random(1);
  for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(random());
  std::vector<double> values, out(600);
  for (const std::uint8_t b : bytes) values.push_back(b * (1.0 / 255));
  const std::ptrdiff_t from[] = {30, 1}, to[] = {240, 8};
  denoise_tv_chambolle<std::uint8_t, double>({{bytes.data(), 2, grid.shape.data(), from}, 1, 0},
                                             {{out.data(), 2, grid.shape.data(), to}, 1, 0}, {}, nullptr);
  EXPECT_EQ(out, denoise<double>(grid, values, {}).u);
}

TEST(TvChambolleOptions, AreChecked) {
  const Grid grid{{3, 4}};
  const std::vector<double> image = values_of(grid, 0);
  const auto refused = [&](auto change) {
    ChambolleOptions o;
    change(o);
    EXPECT_THROW(denoise<float>(grid, image, o), std::invalid_argument);
  };
  refused([](ChambolleOptions& o) { o.weight = -1; });
  refused([](ChambolleOptions& o) { o.weight = HUGE_VAL; });
  refused([](ChambolleOptions& o) { o.eps = std::nan(""); });
  refused([](ChambolleOptions& o) { o.max_num_iter = -1; });
  refused([](ChambolleOptions& o) { o.tau = -1; });
}

}  // namespace
}  // namespace fastcv::testing
