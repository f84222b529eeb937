// All that is known before the pixels: one geometry, one type, one SIMD target.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

#include "fastcv/preprocess.hpp"
#include "fastcv/runtime.hpp"
#include "preprocess/taps.hpp"

namespace fastcv::preprocess {

struct Plan;

// Writes rows [y0, y1) of the content; `out.data` is its first value. The bytes do not depend on how rows are cut.
using Kernel = void (*)(const Plan& plan, const SourceImage& in, const TargetImage& out, std::ptrdiff_t y0,
                        std::ptrdiff_t y1, std::byte* scratch, Band& band);

struct PlanKey {
  std::ptrdiff_t height, width, channels;
  PixelType type;
  std::int64_t target;  // tables depend on the width of vectors
  bool operator==(const PlanKey&) const = default;
};

// A table that vectors are loaded from: none of them crosses a cache line.
template <class T>
struct LineAllocator {
  using value_type = T;
  LineAllocator() = default;
  template <class U>
  LineAllocator(const LineAllocator<U>&) {}
  T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t{64})); }
  void deallocate(T* p, std::size_t) { ::operator delete(p, std::align_val_t{64}); }
  bool operator==(const LineAllocator&) const { return true; }
};
template <class T>
using Table = std::vector<T, LineAllocator<T>>;

// What a kernel's tables are made of differs from kernel to kernel; all of them are read-only after the plan is made.
struct Tables {
  std::vector<std::ptrdiff_t> base;     // the first byte of a block's window, or of an output's pixels
  std::ptrdiff_t window = 0;            // bytes that are read from there on
  Table<std::uint8_t> index;            // byte numbers within a block's window
  Table<std::int16_t> weight;           // horizontal, pairs
  std::vector<std::int8_t> rows;        // vertical, four a row: high of both rows, then low
  std::vector<std::int32_t> row_pairs;  // vertical, two 16-bit weights each
  std::vector<std::int32_t> second;     // vertical, of the second one of two rows
  Table<float> gain, bias;              // of sums, lane by lane
  int groups = 0;                       // of taps
  int line_bits = 0;                    // what is between the passes is 2^line_bits too large
  int bits = 0, row_bits = 0;           // weights add up to 2^bits horizontally, to 2^row_bits vertically
};

struct Plan {
  PlanKey key{};
  Placement placement;
  Taps rows, columns;
  Interpolation interpolation = Interpolation::kBilinear;

  std::ptrdiff_t out_channels = 1;
  std::vector<std::ptrdiff_t> source_channel;  // one an output channel
  std::vector<float> gain, bias;               // out = value * gain + bias
  bool clip = false;
  float low = 0, high = 0;

  PixelLayout layout = PixelLayout::kChw;
  PixelType dtype = PixelType::kFloat32;
  std::vector<std::byte> padding;  // a row of it: all planes' (kChw), or interleaved (kHwc)

  Kernel kernel = nullptr;
  std::size_t scratch_bytes = 0;  // one thread's
  std::ptrdiff_t work_bytes = 0;  // of source and target together: what the time is in proportion to
  Tables tables;

  std::ptrdiff_t row_bytes() const { return key.width * key.channels * item_size(key.type); }
  static std::ptrdiff_t item_size(PixelType type) {
    return type == PixelType::kUint8 ? 1 : type == PixelType::kFloat32 ? 4 : 2;
  }
};

constexpr std::size_t rounded_up(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

// One plane of one output row in floats, a vector more than whole ones; and of a thread's scratch memory what holds all
// of a row's planes: none where results are planes.
inline std::size_t plane_bytes(const Plan& p) {
  return rounded_up(static_cast<std::size_t>(p.columns.count) * sizeof(float) + 64);
}
inline std::size_t planes_bytes(const Plan& p) {
  return p.layout == PixelLayout::kHwc ? plane_bytes(p) * static_cast<std::size_t>(p.out_channels) : 0;
}

// The running SIMD target.
std::int64_t current_target();

}  // namespace fastcv::preprocess
