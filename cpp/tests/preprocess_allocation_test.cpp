// A call whose plan is made asks for no memory. A program of its own: it counts every operator new of the process.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <vector>

#include "fastcv/preprocess.hpp"
#include "fastcv/runtime.hpp"
#include "test_images.hpp"

namespace {

std::atomic<int> allocations{0};

void* counted(std::size_t bytes, std::size_t alignment) {
  allocations++;
  void* p = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}

}  // namespace

// The forms for arrays and those that do not throw end in these.
void* operator new(std::size_t bytes) { return counted(bytes, 16); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return counted(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

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
#endif

}  // namespace
}  // namespace fastcv::testing
