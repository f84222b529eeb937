// The 8-bit kernel. Its state is, for every output byte, the sum of that byte's window; a step down by one row
// adds the horizontal window of (row that enters - row that leaves), all in 16-bit lanes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "box_blur/plan.hpp"
#include "fastcv/box_blur.hpp"
#include "fastcv/runtime.hpp"

namespace fastcv::box {

// How a sum becomes a mean with one 16-bit multiplication (but for kDirect):
//   quotient of s by area == ((s + increment) * magic) >> (16 + shift)   for every s that occurs.
enum class MeanKind : int {
  kDirect,         // 2 x 2 and 3 x 3: no state, the rows of the window are added anew (a rounding multiplication)
  kSum,            // the state is the window's sum (area <= 256)
  kRemainder,      // only the remainder of the division, and the quotient is added to the output of the row above
  kWideRemainder,  // the same where remainder + change leaves 16 bits: half of it is divided, and one too little mended
  kFloatRemainder,  // the same in float lanes, for any area: slower, but still one pass
};

// In the two middle kinds of remainder the state is biased so that nothing becomes negative; in floats it is centred.
struct Mean {
  MeanKind kind = MeanKind::kSum;
  std::uint16_t area = 0, magic = 0, shift = 0;
  std::uint16_t offset = 0;   // quotients come out this much too large
  std::uint16_t resting = 0;  // the state of sum or remainder 0
  std::uint16_t start = 0;    // the state before the first row: resting + rounding bias
  std::uint16_t lift = 0;     // kWideRemainder: the largest change
  int group_rows = 0;         // rows whose column sums may be added in one step
  float inverse = 0, float_area = 0, float_resting = 0, float_start = 0;  // kFloatRemainder
  bool even = false;  // a quotient without remainder is a tie: round it to even
};

// False when no 16-bit arithmetic is exact for this window.
bool make_mean(std::int64_t ksize_x, std::int64_t ksize_y, Rounding rounding, Mean* mean);

struct DifferenceJob {
  ImageView<const std::uint8_t> in;
  ImageView<std::uint8_t> out;
  const AxisPlan* rows;  // both without `extra`
  const AxisPlan* columns;
  Mean mean;
  std::uint8_t outside[4];  // the border's pixel
  bool stream;              // write around the caches, where the output's alignment allows
};

// One to four channels.
bool difference_applies(const DifferenceJob& job);
std::size_t difference_scratch_bytes(const DifferenceJob& job);

// Writes output rows [y0, y1).
void difference_blur(const DifferenceJob& job, std::ptrdiff_t y0, std::ptrdiff_t y1, std::byte* scratch, Band& band);

}  // namespace fastcv::box
