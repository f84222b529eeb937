// One axis of a box blur, with the border and windows beyond the image folded into it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "fastcv/box_blur.hpp"

namespace fastcv::box {

constexpr std::ptrdiff_t kOutside = -1;  // the border value (kConstant) or nothing (kShrink)

// The pixel in [0, n) that stands at position i of the extended axis, or kOutside.
std::ptrdiff_t border_index(std::ptrdiff_t i, std::ptrdiff_t n, Border border);

// The sum of output x is
//   sum of value(source(p)) for p in [x, x + window)   +   sum of weight * value(index) over `extra`.
// `window` stays below a few times n (or 16) however large the kernel is: whole periods of a periodic border, and what
// of a clamped or constant border lies in every window, are the same for all x and stand in `extra`.
struct AxisPlan {
  struct Term {
    std::ptrdiff_t index;  // in [0, n) or kOutside
    std::int64_t weight;
  };

  AxisPlan(std::ptrdiff_t n, std::int64_t ksize, std::int64_t anchor, Border border);

  std::ptrdiff_t padded() const { return n + window - 1; }  // positions p; window 0: n - 1, none read
  std::ptrdiff_t source(std::ptrdiff_t p) const { return border_index(p - lead, n, border); }
  // How many pixels of the image lie in the window of output x (kShrink's divisor).
  std::int64_t count(std::ptrdiff_t x) const;

  std::ptrdiff_t n;
  std::int64_t ksize, anchor;  // as asked for
  Border border;
  std::ptrdiff_t window;  // what is left to slide
  std::ptrdiff_t lead;    // position p stands at coordinate p - lead
  std::vector<Term> extra;
};

}  // namespace fastcv::box
