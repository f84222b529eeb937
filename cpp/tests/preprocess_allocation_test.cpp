// A call whose plan is made asks for no memory; plans and scratch memory are bounded. A program of its own: it counts
// every operator new of the process.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>
#include <vector>

#include "fastcv/preprocess.hpp"
#include "fastcv/runtime.hpp"
#include "test_images.hpp"

namespace {

std::atomic<int> allocations{0}, blocks{0};  // ever; and still held
std::atomic<std::size_t> largest{0};         // block asked for

void* counted(std::size_t bytes, std::size_t alignment) {
  allocations++;
  blocks++;
  largest = std::max<std::size_t>(largest, bytes);
  void* p = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}

void freed(void* p) {
  if (p != nullptr) blocks--;
  std::free(p);
}

}  // namespace

// The forms for arrays and those that do not throw end in these.
void* operator new(std::size_t bytes) { return counted(bytes, 16); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return counted(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* p) noexcept { freed(p); }
void operator delete(void* p, std::size_t) noexcept { freed(p); }
void operator delete(void* p, std::align_val_t) noexcept { freed(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { freed(p); }

namespace fastcv::testing {
namespace {

constexpr Interpolation kAll[] = {Interpolation::kNearest, Interpolation::kNearestExact, Interpolation::kBilinear,
                                  Interpolation::kBicubic, Interpolation::kLanczos,      Interpolation::kArea};

// Allocations of a second call that is like the first one.
int of_second_call(const PreprocessOptions& o, std::ptrdiff_t height, std::ptrdiff_t width, std::ptrdiff_t channels,
                   PixelType type, int threads) {
  const std::ptrdiff_t in_item = type == PixelType::kUint8 ? 1 : type == PixelType::kUint16 ? 2 : 4;
  const std::vector<std::byte> in(height * width * channels * in_item);
  std::vector<std::byte> out(o.height * o.width * channels * 4);
  const std::ptrdiff_t row = o.width * 4;  // rows of the narrower types have room behind them
  const TargetImage target = o.layout == PixelLayout::kChw ? TargetImage{out.data(), row, row * o.height}
                                                           : TargetImage{out.data(), row * channels, 0};
  const SourceImage source{in.data(), height, width, channels, width * channels * in_item, type};
  const Preprocessor pre(o);
  pre.run(source, target, threads);
  const int before = allocations;
  pre.run(source, target, threads);
  return allocations - before;
}

#if !defined(__SANITIZE_ADDRESS__)  // there no scratch memory is kept
TEST(PreprocessAllocation, CountsAtAll) {
  const int before = allocations;
  delete new int;
  EXPECT_EQ(allocations - before, 1);
}

TEST(PreprocessAllocation, NoneOnceThePlanIsMade) {
  int turn = 0;
  for (const std::string& name : simd_detected()) {
    const Forced forced(name);
    for (const Interpolation interpolation : kAll)
      for (const PixelType type : {PixelType::kUint8, PixelType::kUint16, PixelType::kFloat32})
        for (const std::ptrdiff_t channels : {1, 3, 4, 5})
          for (const std::ptrdiff_t width : {40, 96, 300, 900})
            for (const int threads : {1, 2}) {
              turn++;
              PreprocessOptions o;
              o.height = 61;
              o.width = 90;
              o.interpolation = interpolation;
              o.antialias = turn % 2 != 0 && interpolation != Interpolation::kNearest &&
                            interpolation != Interpolation::kNearestExact && interpolation != Interpolation::kArea;
              o.layout = turn % 3 != 0 ? PixelLayout::kChw : PixelLayout::kHwc;
              o.resize = turn % 5 != 0 ? Resize::kStretch : Resize::kLetterbox;
              o.dtype = turn % 7 == 0 ? PixelType::kUint8 : turn % 7 == 1 ? PixelType::kFloat16 : PixelType::kFloat32;
              EXPECT_EQ(of_second_call(o, 120, width, channels, type, threads), 0)
                  << name << " interpolation " << static_cast<int>(interpolation) << " type " << static_cast<int>(type)
                  << " " << width << "x" << channels << " threads " << threads << " turn " << turn;
            }
  }
}

// Scratch memory of more than a megabyte: 97 rows of three planes.
TEST(PreprocessAllocation, NoneWithLongFilters) {
  PreprocessOptions o;
  o.height = 20;
  o.width = 1200;
  o.interpolation = Interpolation::kLanczos;
  o.antialias = true;
  for (const std::string& name : simd_detected()) {
    const Forced forced(name);
    for (const int threads : {1, 2}) EXPECT_EQ(of_second_call(o, 320, 1500, 3, PixelType::kUint8, threads), 0) << name;
  }
}

// No image between the passes, however large the input and the output: rows only.
TEST(PreprocessAllocation, NoWholeImageBetween) {
  constexpr std::ptrdiff_t kSide = 2000;
  const std::vector<std::uint8_t> in(kSide * kSide * 3, 7);
  std::vector<float> out(kSide * kSide * 3);
  for (const std::string& name : simd_detected()) {
    const Forced forced(name);
    for (const Interpolation interpolation : kAll)
      for (const std::ptrdiff_t to : {300, 1999}) {
        PreprocessOptions o;
        o.height = o.width = to;
        o.interpolation = interpolation;
        o.antialias = interpolation == Interpolation::kBilinear || interpolation == Interpolation::kLanczos;
        o.resize = Resize::kLetterbox;
        const Preprocessor pre(o);
        largest = 0;
        pre.run({in.data(), kSide, kSide, 3, kSide * 3, PixelType::kUint8},
                {out.data(), 4 * to, static_cast<std::ptrdiff_t>(4 * to * to)}, 1);
        EXPECT_LT(largest, static_cast<std::size_t>(kSide * kSide / 2))  // a sixth of the image
            << name << " interpolation " << static_cast<int>(interpolation) << " to " << to;
      }
  }
}
#endif

TEST(PreprocessAllocation, TheCacheOfPlansIsBounded) {
  PreprocessOptions o;
  o.height = o.width = 16;
  const Preprocessor pre(o);
  std::vector<float> out(16 * 16 * 3);
  const std::vector<std::uint8_t> in(400 * 3, 7);
  const auto held_after = [&](std::ptrdiff_t from, std::ptrdiff_t to) {
    for (std::ptrdiff_t width = from; width < to; width++)
      pre.run({in.data(), 1, width, 3, width * 3, PixelType::kUint8}, {out.data(), 64, 1024}, 1);
    return blocks.load();
  };
  const int empty = held_after(100, 101), full = held_after(101, 140);
  EXPECT_GT(full, empty);
  EXPECT_LT(held_after(140, 400), 2 * full);  // kernels differ in how many tables they have
  EXPECT_EQ(held_after(101, 140), full);
}

}  // namespace
}  // namespace fastcv::testing
