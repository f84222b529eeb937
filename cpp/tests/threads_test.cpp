// Every family on many threads, and from many callers at once: small work, made for ThreadSanitizer.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "fastcv/box_blur.hpp"
#include "fastcv/preprocess.hpp"
#include "fastcv/runtime.hpp"
#include "fastcv/tv.hpp"

namespace fastcv {
namespace {

using Bytes = std::vector<unsigned char>;

template <class T>
std::vector<T> noise(std::size_t count) {
  std::vector<T> values(count);
  std::uint32_t state = 1;
  for (T& v : values) {
    state = state * 1664525 + 1013904223;
    v = std::is_integral_v<T> ? static_cast<T>(state >> 16) : static_cast<T>(state >> 8) / static_cast<T>(1 << 24);
  }
  return values;
}

template <class T>
Bytes bytes_of(const std::vector<T>& values) {
  const auto* p = reinterpret_cast<const unsigned char*>(values.data());
  return {p, p + values.size() * sizeof(T)};
}

template <class T>
struct Picture {
  std::ptrdiff_t height, width, channels;
  std::vector<T> in, out;
  Picture(std::ptrdiff_t h, std::ptrdiff_t w, std::ptrdiff_t c)
      : height(h), width(w), channels(c), in(noise<T>(static_cast<std::size_t>(h * w * c))), out(in.size()) {}
  std::ptrdiff_t row() const { return width * channels * static_cast<std::ptrdiff_t>(sizeof(T)); }
  BatchView<const T> input() const { return {{in.data(), height, width, channels, row()}, 1, height * row()}; }
  BatchView<T> output() { return {{out.data(), height, width, channels, row()}, 1, height * row()}; }
};

template <class T>
Bytes blur(int ksize, int threads) {
  Picture<T> p(150, 240, 3);
  BoxBlurOptions o;
  o.ksize_x = o.ksize_y = ksize;
  o.anchor_x = o.anchor_y = ksize / 2;
  o.num_threads = threads;
  box_blur<T>(p.input(), p.output(), o);
  return bytes_of(p.out);
}

template <class T>
Bytes denoise(bool joint, TvSolver solver, int threads) {
  Picture<T> p(90, 130, 3);
  DenoiseTvOptions o;
  o.tol = 1e-2;
  o.joint = joint;
  o.solver = solver;
  o.num_threads = threads;
  denoise_tv<T>(p.input(), p.output(), o);
  return bytes_of(p.out);
}

Bytes iterate(int threads) {
  Picture<float> p(200, 150, 1);
  const std::ptrdiff_t shape[] = {p.height, p.width}, strides[] = {p.row(), 4};
  ChambolleOptions o;
  o.eps = 0;
  o.max_num_iter = 12;
  o.num_threads = threads;
  const ChannelsView<const float> in{{p.in.data(), 2, shape, strides}, 1, 0};
  denoise_tv_chambolle<float, float>(in, {{p.out.data(), 2, shape, strides}, 1, 0}, o, nullptr);
  return bytes_of(p.out);
}

PreprocessOptions options_of(Interpolation interpolation, bool antialias) {
  PreprocessOptions o;
  o.height = 224;
  o.width = 200;
  o.interpolation = interpolation;
  o.antialias = antialias;
  return o;
}

// The plans are shared by all callers.
Bytes resize(bool antialias, int threads) {
  static const Preprocessor bilinear(options_of(Interpolation::kBilinear, false));
  static const Preprocessor bicubic(options_of(Interpolation::kBicubic, true));
  const Preprocessor& plan = antialias ? bicubic : bilinear;
  const Picture<std::uint8_t> p(250, 300, 3);
  std::vector<float> out(3 * 224 * 200);
  const SourceImage in{p.in.data(), p.height, p.width, p.channels, p.row(), PixelType::kUint8};
  plan.run(in, {out.data(), 800, 800 * 224}, threads);
  return bytes_of(out);
}

struct Work {
  std::string name;
  std::function<Bytes(int threads)> run;
};
const Work kWork[] = {
    {"box_blur uint8 3", [](int n) { return blur<std::uint8_t>(3, n); }},
    {"box_blur uint8 9", [](int n) { return blur<std::uint8_t>(9, n); }},
    {"box_blur uint8 61", [](int n) { return blur<std::uint8_t>(61, n); }},
    {"box_blur uint16 9", [](int n) { return blur<std::uint16_t>(9, n); }},
    {"box_blur float 9", [](int n) { return blur<float>(9, n); }},
    {"box_blur float 61", [](int n) { return blur<float>(61, n); }},
    {"denoise_tv", [](int n) { return denoise<float>(false, TvSolver::kAuto, n); }},
    {"denoise_tv joint", [](int n) { return denoise<float>(true, TvSolver::kAuto, n); }},
    {"denoise_tv proven", [](int n) { return denoise<float>(false, TvSolver::kPrimalDual, n); }},
    {"denoise_tv uint8", [](int n) { return denoise<std::uint8_t>(false, TvSolver::kAuto, n); }},
    {"denoise_tv_chambolle", &iterate},
    {"Preprocess", [](int n) { return resize(false, n); }},
    {"Preprocess antialiased", [](int n) { return resize(true, n); }},
};

TEST(Threads, EveryFamilyOnManyThreads) {
  ignore_caps_for_test(true);
  for (const std::string& target : simd_detected()) {
    simd_force(target);
    for (const Work& work : kWork) {
      const Bytes one = work.run(1);
      for (const int threads : {2, 5})
        EXPECT_EQ(work.run(threads), one) << work.name << ' ' << threads << ' ' << target;
    }
  }
  simd_force("");
}

TEST(Threads, EveryFamilyFromManyCallers) {
  ignore_caps_for_test(true);
  for (const Work& work : kWork) {
    const Bytes one = work.run(1);
    std::vector<Bytes> got(4);
    std::vector<std::thread> callers;
    for (int i = 0; i < 4; i++) callers.emplace_back([&, i] { got[i] = work.run(1 + i); });
    for (std::thread& caller : callers) caller.join();
    for (const Bytes& bytes : got) EXPECT_EQ(bytes, one) << work.name;
  }
}

TEST(Threads, AllFamiliesAtOnce) {
  ignore_caps_for_test(true);
  std::vector<std::thread> callers;
  for (const Work& work : kWork) callers.emplace_back([&] { work.run(2); });
  for (std::thread& caller : callers) caller.join();
}

}  // namespace
}  // namespace fastcv
