// denoise_tv against tv_reference.hpp: every kind of problem, SIMD target, thread count and blocking depth.
#include "fastcv/tv.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "fastcv/runtime.hpp"
#include "guard_pages.hpp"
#include "tv_reference.hpp"
#include "simd_targets.hpp"

namespace fastcv::testing {
namespace {

// `count` images (or slices) of interleaved channels.
template <class T>
struct Images {
  std::ptrdiff_t count, height, width, channels;
  std::vector<T> values;

  BatchView<const T> input() const {
    return {{values.data(), height, width, channels, row_bytes()}, count, height * row_bytes()};
  }
  BatchView<T> output() { return {{values.data(), height, width, channels, row_bytes()}, count, height * row_bytes()}; }
  std::ptrdiff_t row_bytes() const { return width * channels * static_cast<std::ptrdiff_t>(sizeof(T)); }
};

// Steps and noise.
template <class T>
Images<T> make(std::ptrdiff_t count, std::ptrdiff_t height, std::ptrdiff_t width, std::ptrdiff_t channels,
               unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> noise(0, 0.1);
  Images<T> images{count, height, width, channels, {}};
  constexpr double kRange = std::is_integral_v<T> ? static_cast<double>(std::numeric_limits<T>::max()) : 1;
  for (std::ptrdiff_t n = 0; n < count; n++)
    for (std::ptrdiff_t y = 0; y < height; y++)
      for (std::ptrdiff_t x = 0; x < width; x++)
        for (std::ptrdiff_t c = 0; c < channels; c++) {
          const double level = 0.3 + 0.4 * static_cast<double>((y / 5 + x / 7 + n / 2 + c) % 2) + noise(random);
          images.values.push_back(static_cast<T>(std::is_integral_v<T> ? std::clamp(level, 0.0, 1.0) * kRange : level));
        }
  return images;
}

template <class T>
struct Result {
  Images<T> u;
  DenoiseTvInfo info;
  std::vector<TvWork<T>> dual;
};

template <class T>
Result<T> denoise(const Images<T>& f, DenoiseTvOptions o) {
  Result<T> r{f, {}, std::vector<TvWork<T>>(f.values.size() * (o.volume ? 3 : 2))};
  std::fill(r.u.values.begin(), r.u.values.end(), T(77));
  o.dual = r.dual.data();
  r.info = denoise_tv<T>(f.input(), r.u.output(), o);
  return r;
}

// Plane `index` of f as a problem of the reference.
template <class T>
tv::Problem problem(const Images<T>& f, const DenoiseTvOptions& o, std::ptrdiff_t index) {
  tv::Problem p;
  const std::ptrdiff_t planes = o.joint ? 1 : f.channels, image = o.volume ? 0 : index / planes;
  p.depth = o.volume ? f.count : 1;
  p.rows = f.height;
  p.columns = f.width;
  p.channels = o.joint ? f.channels : 1;
  p.isotropic = o.isotropic;
  for (std::ptrdiff_t c = 0; c < p.channels; c++)
    for (std::ptrdiff_t i = 0; i < p.pixels(); i++)
      p.f.push_back(static_cast<double>(
          f.values[(image * f.height * f.width + i) * f.channels + (o.joint ? c : index % planes)]));
  for (std::ptrdiff_t i = 0; i < p.pixels(); i++) {
    const auto* weights = static_cast<const TvWork<T>*>(o.weights);
    // As the solver holds it: rounded to the type it works in.
    p.weight.push_back(static_cast<TvWork<T>>(weights ? o.weight * static_cast<double>(weights[i]) : o.weight));
  }
  return p;
}

template <class T>
std::ptrdiff_t plane_count(const Images<T>& f, const DenoiseTvOptions& o) {
  return (o.volume ? 1 : f.count) * (o.joint ? 1 : f.channels);
}

// The certificate holds: q is feasible, the gap reported is the true one or more, and bounds the distance from the
// optimum.
template <class T>
void expect_certified(const Images<T>& f, const DenoiseTvOptions& o, const Result<T>& r, double oracle_tol = 1e-9) {
  double gap = 0, objective = 0, square = 0, measured = 0;
  Images<TvWork<T>> u{r.u.count, r.u.height, r.u.width, r.u.channels, {}};
  for (const T v : r.u.values) u.values.push_back(static_cast<TvWork<T>>(v));
  for (std::ptrdiff_t i = 0; i < plane_count(f, o); i++) {
    const tv::Problem p = problem(f, o, i);
    std::vector<double> mine = problem(r.u, o, i).f;
    std::vector<double> q(static_cast<std::size_t>(3 * p.pixels() * p.channels), 0.0);
    const int axes = o.volume ? 3 : 2;
    const TvWork<T>* dual = r.dual.data() + i * axes * p.pixels() * p.channels;
    for (std::ptrdiff_t c = 0; c < p.channels; c++)
      for (int axis = 0; axis < axes; axis++)
        for (std::ptrdiff_t k = 0; k < p.pixels(); k++)
          q[p.dual_index(c, axis + 3 - axes, k)] = static_cast<double>(dual[(c * axes + axis) * p.pixels() + k]);
    ASSERT_LE(tv::dual_norm(p, q), 1.0);
    if (!std::is_integral_v<T>) {
      gap += tv::gap(p, mine, q);
      objective += tv::objective(p, mine);
    }
    const tv::Optimum best = tv::optimum(p, oracle_tol);
    for (std::size_t k = 0; k < mine.size(); k++) {
      const double low = p.low(k / p.pixels()), high = p.high(k / p.pixels());
      ASSERT_GE(mine[k], low);
      ASSERT_LE(mine[k], high);
      if (std::isnan(p.f[k])) continue;
      square += (mine[k] - best.u[k]) * (mine[k] - best.u[k]);
      measured++;
    }
    if (!std::is_integral_v<T>) {
      ASSERT_LE(tv::objective(p, mine) - best.objective, r.info.gap * (1 + 1e-9) + 1e-12);
    }
  }
  const double oracle_off = std::sqrt(2 * oracle_tol * r.info.objective / measured);
  EXPECT_LE(std::sqrt(square / measured), r.info.rms_bound + oracle_off);
  if (!std::is_integral_v<T>) {
    EXPECT_GE(r.info.gap, gap * (1 - 1e-12) - 1e-20);
    EXPECT_LE(r.info.gap, gap * 1.01 + 2e-5 * objective) << "far above the true one";
    EXPECT_NEAR(r.info.objective, objective, 1e-6 * objective + 1e-12);
  }
}

DenoiseTvOptions options(double weight = 0.1, double tol = 1e-4) {
  DenoiseTvOptions o;
  o.weight = weight;
  o.tol = tol;
  o.max_iter = 20000;
  return o;
}

template <class T>
class TvFloat : public ::testing::Test {};
using FloatTypes = ::testing::Types<float, double>;
TYPED_TEST_SUITE(TvFloat, FloatTypes);

TYPED_TEST(TvFloat, EverySmallSizeOnEveryTarget) {
  using T = TypeParam;
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    for (std::ptrdiff_t h : {1, 2, 3, 4, 5})
      for (std::ptrdiff_t w : {1, 2, 3, 4, 5, 17})
        for (const bool isotropic : {true, false}) {
          const Images<T> f = make<T>(1, h, w, 1, static_cast<unsigned>(h * 100 + w));
          DenoiseTvOptions o = options();
          o.isotropic = isotropic;
          const Result<T> r = denoise(f, o);
          ASSERT_TRUE(r.info.converged) << target << " " << h << " x " << w;
          expect_certified(f, o, r);
          if (this->HasFatalFailure()) FAIL() << target << " " << h << " x " << w << " isotropic " << isotropic;
        }
  }
}

TYPED_TEST(TvFloat, EveryKindOfProblem) {
  using T = TypeParam;
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    for (const bool isotropic : {true, false})
      for (const bool joint : {false, true})
        for (std::ptrdiff_t channels : {1, 2, 3}) {
          const Images<T> f = make<T>(2, 13, 37, channels, 7);
          DenoiseTvOptions o = options(0.1, 1e-3);
          o.isotropic = isotropic;
          o.joint = joint;
          const Result<T> r = denoise(f, o);
          SCOPED_TRACE(::testing::Message()
                       << target << " channels " << channels << " joint " << joint << " iso " << isotropic);
          ASSERT_TRUE(r.info.converged && !r.info.fallback);
          expect_certified(f, o, r, 1e-7);
        }
    for (const bool isotropic : {true, false}) {
      DenoiseTvOptions o = options(0.1, 1e-3);
      o.isotropic = isotropic;
      o.volume = true;
      SCOPED_TRACE(::testing::Message() << target << " iso " << isotropic);
      const Images<T> volume = make<T>(5, 7, 19, 1, 9);
      expect_certified(volume, o, denoise(volume, o), 1e-7);
      o.volume = false;

      Images<T> f = make<T>(1, 14, 33, 1, 11);
      std::vector<T> weights;
      for (std::size_t i = 0; i < f.values.size(); i++) weights.push_back(static_cast<T>(i % 5) / 4);
      o.weights = weights.data();
      expect_certified(f, o, denoise(f, o), 1e-7);
      o.weights = nullptr;

      for (std::size_t i = 0; i < f.values.size(); i += 3) f.values[i] = std::numeric_limits<T>::quiet_NaN();
      const Result<T> r = denoise(f, o);
      ASSERT_TRUE(r.info.converged);
      expect_certified(f, o, r, 1e-6);
    }
  }
}

// The bytes of a result and of its dual, for a number of threads and a depth of blocking.
template <class T>
Result<T> with(const Images<T>& f, DenoiseTvOptions o, int threads, int depth) {
  o.num_threads = threads;
  o.depth = depth;
  return denoise(f, o);
}

template <class T>
void expect_same_pixels(const Result<T>& a, const Result<T>& b) {
  EXPECT_EQ(std::memcmp(a.u.values.data(), b.u.values.data(), a.u.values.size() * sizeof(T)), 0);
  EXPECT_EQ(std::memcmp(a.dual.data(), b.dual.data(), a.dual.size() * sizeof(TvWork<T>)), 0);
  EXPECT_EQ(a.info.iterations, b.info.iterations);
}

template <class T>
void expect_same(const Result<T>& a, const Result<T>& b) {
  expect_same_pixels(a, b);
  EXPECT_EQ(std::memcmp(&a.info.gap, &b.info.gap, sizeof(double)), 0);
}

TYPED_TEST(TvFloat, SameBytesForAnyThreadsAndDepth) {
  using T = TypeParam;
  struct Case {
    std::ptrdiff_t count, height, width, channels;
    bool joint, volume;
  };
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    // Wide enough for several strips of columns, high enough for bands of rows.
    for (const Case& c :
         {Case{1, 301, 517, 1, false, false}, Case{1, 40, 9001, 1, false, false}, Case{1, 150, 1111, 3, true, false},
          Case{2, 64, 65, 2, true, false}, Case{9, 41, 83, 1, false, true}, Case{5, 33, 21, 3, false, false}}) {
      const Images<T> f = make<T>(c.count, c.height, c.width, c.channels, 3);
      DenoiseTvOptions o = options(0.1, 1e-3);
      o.joint = c.joint;
      o.volume = c.volume;
      const Result<T> one = with(f, o, 1, 0);
      for (const int threads : {2, 7}) expect_same(one, with(f, o, threads, 0));
      for (const int depth : {1, 2, 5, 16}) {
        const Result<T> other = with(f, o, depth % 2 ? 1 : 7, depth);
        // Sums run strip by strip. A walk of few iterations needs no strips where deep blocks do.
        if (c.width < 2000) {
          expect_same(one, other);
        } else {
          expect_same_pixels(one, other);
          EXPECT_NEAR(one.info.gap, other.info.gap, 1e-12 * one.info.gap);
        }
      }
      if (this->HasFailure()) FAIL() << target << " " << c.height << " x " << c.width << " x " << c.channels;
    }
  }
}

// Heavy weights start from the image at half its size, and that from half of it.
TYPED_TEST(TvFloat, HeavyWeights) {
  using T = TypeParam;
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    for (const bool joint : {false, true})
      for (const bool isotropic : {true, false}) {
        const Images<T> f = make<T>(1, 21, 34, joint ? 3 : 1, 13);
        DenoiseTvOptions o = options(0.8, 1e-3);
        o.joint = joint;
        o.isotropic = isotropic;
        const Result<T> r = with(f, o, 1, 0);
        SCOPED_TRACE(::testing::Message() << target << " joint " << joint << " iso " << isotropic);
        ASSERT_TRUE(r.info.converged && !r.info.fallback);
        expect_certified(f, o, r, 1e-5);
      }
    const Images<T> f = make<T>(1, 301, 517, 1, 3);
    const Result<T> one = with(f, options(0.8, 1e-3), 1, 0);
    for (const int threads : {2, 7}) expect_same(one, with(f, options(0.8, 1e-3), threads, threads));
  }
}

// Rows of images may lie anywhere, upside down too, and the result may replace the image.
TYPED_TEST(TvFloat, AnyStridesAndInPlace) {
  using T = TypeParam;
  const Images<T> f = make<T>(1, 23, 45, 3, 5);
  const Result<T> plain = denoise(f, options());
  Images<T> in_place = f;
  denoise_tv<T>(in_place.input(), in_place.output(), options());
  EXPECT_EQ(std::memcmp(in_place.values.data(), plain.u.values.data(), f.values.size() * sizeof(T)), 0);

  const std::ptrdiff_t pitch = f.row_bytes() + 24;
  std::vector<unsigned char> memory(pitch * 23, 0xA5), result(pitch * 23, 0xA5);
  for (std::ptrdiff_t y = 0; y < 23; y++)
    std::memcpy(memory.data() + (22 - y) * pitch, f.values.data() + y * 45 * 3, f.row_bytes());
  const ImageView<const T> in{reinterpret_cast<const T*>(memory.data() + 22 * pitch), 23, 45, 3, -pitch};
  const ImageView<T> out{reinterpret_cast<T*>(result.data()), 23, 45, 3, pitch};
  denoise_tv<T>({in, 1, 0}, {out, 1, 0}, options());
  for (std::ptrdiff_t y = 0; y < 23; y++) {
    EXPECT_EQ(std::memcmp(result.data() + y * pitch, plain.u.values.data() + y * 45 * 3, f.row_bytes()), 0);
    for (std::ptrdiff_t i = f.row_bytes(); i < pitch; i++) ASSERT_EQ(result[y * pitch + i], 0xA5);
  }
}

TYPED_TEST(TvFloat, NothingOutsideIsTouched) {
  using T = TypeParam;
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    for (std::ptrdiff_t w : {1, 15, 16, 31, 32, 33, 64, 67})
      for (std::ptrdiff_t channels : {1, 3}) {
        const Images<T> f = make<T>(1, 3, w, channels, 1);
        const std::size_t bytes = f.values.size() * sizeof(T);
        GuardedMemory in(bytes), out(bytes);
        for (const bool front : {true, false}) {
          std::byte* from = front ? in.front() : in.back(bytes);
          std::byte* to = front ? out.front() : out.back(bytes);
          std::memcpy(from, f.values.data(), bytes);
          for (const bool joint : {false, true}) {
            DenoiseTvOptions o = options(0.1, 1e-2);
            o.joint = joint;
            denoise_tv<T>({{reinterpret_cast<const T*>(from), 3, w, channels, f.row_bytes()}, 1, 0},
                          {{reinterpret_cast<T*>(to), 3, w, channels, f.row_bytes()}, 1, 0}, o);
          }
        }
      }
  }
}

// Steps that diverge: the certificate notices, and the proven method takes over.
TYPED_TEST(TvFloat, FallsBackWhenTheGapStalls) {
  using T = TypeParam;
  const Images<T> f = make<T>(1, 31, 40, 1, 2);
  DenoiseTvOptions o = options(0.2, 1e-3);
  o.relaxation = 2.6;
  const Result<T> r = denoise(f, o);
  EXPECT_TRUE(r.info.fallback);
  EXPECT_TRUE(r.info.converged);
  expect_certified(f, o, r, 1e-7);
  o.solver = TvSolver::kSplitting;
  EXPECT_FALSE(denoise(f, o).info.converged) << "the relaxation should have made it diverge";
}

TYPED_TEST(TvFloat, BothSolversAgree) {
  using T = TypeParam;
  const Images<T> f = make<T>(1, 40, 50, 1, 8);
  DenoiseTvOptions o = options(0.1, 1e-5);
  o.solver = TvSolver::kPrimalDual;
  const Result<T> slow = denoise(f, o);
  o.solver = TvSolver::kSplitting;
  const Result<T> fast = denoise(f, o);
  ASSERT_TRUE(slow.info.converged && fast.info.converged);
  double square = 0;
  for (std::size_t i = 0; i < f.values.size(); i++) {
    square += std::pow(static_cast<double>(slow.u.values[i] - fast.u.values[i]), 2);
  }
  EXPECT_LE(std::sqrt(square / static_cast<double>(f.values.size())), slow.info.rms_bound + fast.info.rms_bound);
}

TYPED_TEST(TvFloat, HeavyWeightsGiveTheMean) {
  using T = TypeParam;
  for (const bool isotropic : {true, false})
    for (const bool joint : {true, false})
      for (const double weight : {20.0, 1e3, 1e9}) {
        const Images<T> f = make<T>(1, 12, 15, 3, 4);
        DenoiseTvOptions o = options(weight);
        o.isotropic = isotropic;
        o.joint = joint;
        const Result<T> r = denoise(f, o);
        EXPECT_TRUE(r.info.converged);
        EXPECT_EQ(r.info.iterations, 0);
        expect_certified(f, o, r, 1e-3);
        for (std::size_t i = 3; i < f.values.size(); i++) ASSERT_EQ(r.u.values[i], r.u.values[i - 3]);
      }
}

TYPED_TEST(TvFloat, ScalingByTwoIsExact) {
  using T = TypeParam;
  const Images<T> f = make<T>(1, 37, 41, 3, 6);
  Images<T> twice = f;
  for (T& v : twice.values) v *= 2;
  for (const bool joint : {true, false}) {
    DenoiseTvOptions o = options();
    o.joint = joint;
    const Result<T> a = denoise(f, o);
    o.weight *= 2;
    const Result<T> b = denoise(twice, o);
    for (std::size_t i = 0; i < f.values.size(); i++) ASSERT_EQ(2 * a.u.values[i], b.u.values[i]);
  }
}

TYPED_TEST(TvFloat, WarmStartIsShorterAndCertified) {
  using T = TypeParam;
  const Images<T> f = make<T>(1, 70, 80, 3, 6);
  for (const bool joint : {true, false}) {
    DenoiseTvOptions o = options(0.2);
    o.joint = joint;
    const Result<T> cold = denoise(f, o);
    o.warm_start = cold.dual.data();
    const Result<T> warm = denoise(f, o);
    EXPECT_LT(warm.info.iterations, cold.info.iterations);
    EXPECT_TRUE(warm.info.converged);
    expect_certified(f, o, warm, 1e-5);
  }
}

TYPED_TEST(TvFloat, SigmaIsMet) {
  using T = TypeParam;
  const Images<T> f = make<T>(2, 60, 70, 3, 12);
  for (const double sigma : {0.02, 0.1, 0.18}) {
    DenoiseTvOptions o = options(0.1, 1e-3);
    o.sigma = sigma;
    const Result<T> r = denoise(f, o);
    EXPECT_TRUE(r.info.converged) << sigma;
    const std::size_t half = f.values.size() / 2;
    for (std::size_t image = 0; image < 2; image++) {
      double square = 0;
      for (std::size_t i = image * half; i < (image + 1) * half; i++) {
        square += std::pow(static_cast<double>(f.values[i] - r.u.values[i]), 2);
      }
      EXPECT_NEAR(std::sqrt(square / static_cast<double>(half)), sigma, 0.011 * sigma);
    }
  }
  DenoiseTvOptions o = options(0.1, 1e-3);
  o.sigma = 5;
  const Result<T> mean = denoise(f, o);
  EXPECT_TRUE(mean.info.all_noise && !mean.info.converged);
  for (std::size_t i = 3; i < f.values.size() / 2; i++) ASSERT_EQ(mean.u.values[i], mean.u.values[i - 3]);
  o.sigma = -1;
  EXPECT_NEAR(denoise(f, o).info.sigma, 0.1, 0.02);
}

template <class T>
class TvInteger : public ::testing::Test {};
using IntegerTypes = ::testing::Types<std::uint8_t, std::uint16_t>;
TYPED_TEST_SUITE(TvInteger, IntegerTypes);

TYPED_TEST(TvInteger, BoundHoldsAfterRounding) {
  using T = TypeParam;
  constexpr double kRange = std::numeric_limits<T>::max();
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    for (const bool joint : {true, false}) {
      const Images<T> f = make<T>(1, 19, 35, 3, 3);
      DenoiseTvOptions o = options(0.1 * kRange, 1e-5);
      o.joint = joint;
      const Result<T> r = denoise(f, o);
      EXPECT_TRUE(r.info.converged);
      expect_certified(f, o, r, 1e-8);
      EXPECT_LT(r.info.rms_bound, std::sqrt(2 * r.info.gap / static_cast<double>(f.values.size())) + 0.5);
    }
  }
}

TEST(Tv, ConstantImagesAreTheirOwnOptimum) {
  for (const float value : {0.0f, 0.3f, -7.0f}) {
    Images<float> f = make<float>(1, 9, 11, 1, 1);
    std::fill(f.values.begin(), f.values.end(), value);
    const Result<float> r = denoise(f, options());
    EXPECT_EQ(r.info.gap, 0);
    EXPECT_TRUE(r.info.converged);
    for (const float u : r.u.values) ASSERT_EQ(u, value);
  }
}

TEST(Tv, RefusesWhatHasNoAnswer) {
  Images<float> f = make<float>(1, 4, 5, 2, 1);
  Images<float> out = f;
  const auto refused = [&](const DenoiseTvOptions& o) {
    const std::vector<float> before = out.values;
    EXPECT_THROW(denoise_tv<float>(f.input(), out.output(), o), std::invalid_argument);
    EXPECT_EQ(before, out.values);
  };
  DenoiseTvOptions o;
  for (const double bad : {-1.0, std::nan(""), HUGE_VAL}) {
    o = {};
    o.weight = bad;
    refused(o);
    o = {};
    o.tol = bad;
    refused(o);
  }
  o = {};
  o.max_iter = 0;
  refused(o);
  f.values[13] = HUGE_VALF;
  refused({});
  for (std::size_t i = 0; i < f.values.size(); i += 2) f.values[i] = std::nanf("");
  f.values[13] = 0;
  refused({});
}

TEST(Tv, CallbackStops) {
  const Images<float> f = make<float>(1, 40, 50, 1, 1);
  DenoiseTvOptions o = options(0.3, 1e-7);
  std::vector<std::int64_t> seen;
  o.context = &seen;
  o.callback = [](void* context, std::int64_t iteration, double) {
    auto& list = *static_cast<std::vector<std::int64_t>*>(context);
    list.push_back(iteration);
    return list.size() == 2;
  };
  const Result<float> r = denoise(f, o);
  EXPECT_TRUE(r.info.stopped && !r.info.converged);
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(r.info.iterations, seen.back());
}

TEST(Tv, DivergenceIsTheNegativeAdjointOfTheGradient) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> value(-1, 1);
  for (std::ptrdiff_t d : {1, 3})
    for (std::ptrdiff_t h : {1, 2, 5})
      for (std::ptrdiff_t w : {1, 2, 7}) {
        tv::Problem p;
        p.depth = d;
        p.rows = h;
        p.columns = w;
        std::vector<double> u(p.pixels()), q(3 * p.pixels());
        for (double& v : u) v = value(random);
        for (double& v : q) v = value(random);
        double with_gradient = 0, with_divergence = 0;
        for (std::ptrdiff_t i = 0; i < p.pixels(); i++) {
          for (int axis = 0; axis < 3; axis++)
            with_gradient += difference(p, u, 0, axis, i) * q[p.dual_index(0, axis, i)];
          with_divergence += u[i] * divergence(p, q, 0, i);
        }
        EXPECT_NEAR(with_gradient, -with_divergence, 1e-12);
      }
}

}  // namespace
}  // namespace fastcv::testing
