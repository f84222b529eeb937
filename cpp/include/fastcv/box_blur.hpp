// Box blur: every output value is the mean of the ksize_x x ksize_y values around it.
//
//   out(y, x) = round( sum of in(y - anchor_y + i, x - anchor_x + j) / area ),  0 <= i < ksize_y, 0 <= j < ksize_x
//
// Integers: the exact sum, rounded once. float32 and float64: sums are made of additions only, never by adding and
// taking away, so a spike or a NaN touches no window that does not hold it. Windows of up to 56 x 56 are added as
// shallow trees in the image's own type (their sums must stay finite), larger ones by van Herk's suffixes of one block
// plus prefixes of the next, in twice the precision. The error is at most log2(ksize_x) + log2(ksize_y) + 4 ulp of the
// window's mean |x|.
//
// Cost: independent of the window's size; of floats up to 56 x 56, it grows with the size's logarithm.
// Result: the same bytes for any number of threads and any strides.
#pragma once

#include <cstdint>

#include "fastcv/image_view.hpp"

namespace fastcv {

enum class Border : std::uint8_t {
  kReflect101,  // dcb|abcd|cba
  kReflect,     // cba|abcd|dcb
  kClamp,       // aaa|abcd|ddd
  kWrap,        // bcd|abcd|abc
  kConstant,    // vvv|abcd|vvv
  kShrink,      // the window is cut at the edge, and the sum divided by what is left
};

enum class Rounding : std::uint8_t { kNearest /* half up */, kEven, kFloor };

// Four-channel images only, except kBlur.
enum class Alpha : std::uint8_t {
  kBlur,           // the fourth channel is a channel like the others
  kOpaque,         // ... is set to the type's maximum (1.0 for floats)
  kCopy,           // ... is the input's
  kPremultiplied,  // colour = sum(colour * alpha) / sum(alpha), 0 where sum(alpha) is 0; alpha is blurred
};

struct BoxBlurOptions {
  std::int64_t ksize_x = 1, ksize_y = 1;    // 1 .. 2^31 - 1
  std::int64_t anchor_x = 0, anchor_y = 0;  // 0 .. ksize - 1
  Border border = Border::kReflect101;
  Rounding rounding = Rounding::kNearest;  // integers only
  Alpha alpha = Alpha::kBlur;
  const double* border_value = nullptr;  // one a channel, in the type's range; kConstant only; null: 0
  int num_threads = 0;                   // 0: see thread_count
};

// `in` and `out` have the same geometry and must not overlap, except when they are the same memory with
// the same strides (then one internal copy of the input is made).
// Throws std::invalid_argument when the sums could leave 63 bits (area x maximum).
// T: uint8_t, uint16_t, float, double.
template <class T>
void box_blur(const BatchView<const T>& in, const BatchView<T>& out, const BoxBlurOptions& options);

}  // namespace fastcv
