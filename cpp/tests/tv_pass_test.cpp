// The fast solver of denoise_tv in one walk through the pixels, against blocks of iterations on a state in memory.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "simd_targets.hpp"
#include "tv/denoise_splitting.hpp"

namespace fastcv::tv {
namespace {

using fastcv::testing::Forced;

// What a solve reads and writes: planes of channels.
template <class T>
struct Solve {
  PlaneShape shape;
  std::vector<T> f, u, q;
  double gap = 0, objective = 0;

  static void read(const void* context, int c, std::ptrdiff_t y, std::ptrdiff_t x, std::ptrdiff_t count, T* to) {
    const Solve& s = *static_cast<const Solve*>(context);
    std::copy_n(s.f.data() + c * s.shape.pixels() + y * s.shape.columns + x, count, to);
  }
  static double write(const void* context, int c, std::ptrdiff_t y, std::ptrdiff_t x, std::ptrdiff_t count,
                      const T* from) {
    Solve& s = *static_cast<Solve*>(const_cast<void*>(context));
    std::copy_n(from, count, s.u.data() + c * s.shape.pixels() + y * s.shape.columns + x);
    return 0;
  }
  PlaneIo<T> io() { return {this, &read, &write}; }
  PlaneDual<T> dual() { return {q.data(), shape}; }

  Solve(std::ptrdiff_t rows, std::ptrdiff_t columns, int channels, bool isotropic) {
    shape.rows = rows;
    shape.columns = columns;
    shape.channels = channels;
    shape.isotropic = isotropic;
    std::mt19937 random(static_cast<unsigned>(rows * 100 + columns));
    std::normal_distribution<double> noise(0, 0.1);
    for (std::ptrdiff_t i = 0; i < shape.pixels() * channels; i++) {
      f.push_back(static_cast<T>(0.3 + 0.4 * static_cast<double>(i / 9 % 2) + noise(random)));
    }
    clear();
  }
  void clear() {
    u.assign(f.size(), T(-1));
    q.assign(2 * f.size(), T(-7));
  }
  void saw(const Certificate& c) {
    gap = c.gap;
    objective = c.objective;
  }
};

template <class T>
void expect_same(const Solve<T>& a, const Solve<T>& b, bool same_strips) {
  EXPECT_EQ(std::memcmp(a.u.data(), b.u.data(), a.u.size() * sizeof(T)), 0);
  EXPECT_EQ(std::memcmp(a.q.data(), b.q.data(), a.q.size() * sizeof(T)), 0);
  // Sums run strip by strip.
  const double off = same_strips ? 0 : 1e-12;
  EXPECT_NEAR(a.gap, b.gap, off * a.gap);
  EXPECT_NEAR(a.objective, b.objective, off * a.objective);
}

constexpr double kWeight = 0.2;

template <class T>
class TvPass : public ::testing::Test {};
using FloatTypes = ::testing::Types<float, double>;
TYPED_TEST_SUITE(TvPass, FloatTypes);

TYPED_TEST(TvPass, SameBytesAsBlocks) {
  using T = TypeParam;
  struct Size {
    std::ptrdiff_t rows, columns;
    int channels;
  };
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    // Bands of rows in the larger ones, strips of columns in the widest.
    for (const Size& size : {Size{1, 1, 1}, Size{2, 3, 1}, Size{5, 1, 3}, Size{50, 40, 1}, Size{301, 130, 1},
                             Size{200, 61, 3}, Size{301, 517, 1}, Size{9, 7001, 1}})
      for (const bool isotropic : {true, false}) {
        Solve<T> blocks(size.rows, size.columns, size.channels, isotropic), pass = blocks;
        const PlaneDual<T> blocks_dual = blocks.dual(), pass_dual = pass.dual();
        for (int n = 1; n <= 32; n += n < 8 ? 1 : 4) {
          SplittingSolver<T> by_blocks(blocks.shape, 0, 1);
          by_blocks.load(blocks.io());
          by_blocks.set_weight(kWeight, 0.8, 0.16, kSplittingRelaxation);
          by_blocks.run(n);
          blocks.saw(by_blocks.check(blocks.io(), &blocks_dual));
          const auto strips = by_blocks.tiles().size();
          bool same_strips = false;
          for (const int threads : {1, 2, 7}) {
            SCOPED_TRACE(::testing::Message()
                         << target << " " << size.rows << " x " << size.columns << " x " << size.channels << " iso "
                         << isotropic << " iterations " << n << " threads " << threads);
            pass.clear();
            SplittingSolver<T> passing(pass.shape, typename SplittingSolver<T>::Passing{n}, threads);
            if (threads == 1) same_strips = passing.tiles().size() == strips;
            passing.find_range(pass.io());
            passing.set_weight(kWeight, 0.8, 0.16, kSplittingRelaxation);
            pass.saw(passing.pass(pass.io(), &pass_dual));
            expect_same(blocks, pass, same_strips);
            if (this->HasFailure()) return;
          }
        }
      }
  }
}

// A look between two iterations leaves no trace: so it does not matter when there were looks.
TYPED_TEST(TvPass, LookingChangesNothing) {
  using T = TypeParam;
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    for (const int channels : {1, 3})
      for (const bool isotropic : {true, false}) {
        Solve<T> looked(90, 301, channels, isotropic), straight = looked;
        const PlaneDual<T> looked_dual = looked.dual(), straight_dual = straight.dual();
        SplittingSolver<T> with(looked.shape, 0, 1), without(straight.shape, 0, 1);
        for (SplittingSolver<T>* solver : {&with, &without}) {
          solver->load(looked.io());
          solver->set_weight(kWeight, 0.8, 0.16, kSplittingRelaxation);
        }
        for (const int n : {3, 5, 12}) {
          with.run(n);
          looked.saw(with.check(looked.io(), &looked_dual));
        }
        without.run(20);
        straight.saw(without.check(straight.io(), &straight_dual));
        SCOPED_TRACE(::testing::Message() << target << " channels " << channels << " iso " << isotropic);
        expect_same(looked, straight, true);
        if (this->HasFailure()) return;
      }
  }
}

}  // namespace
}  // namespace fastcv::tv
