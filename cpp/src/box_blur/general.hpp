// The blur of any type, channel count, window and border, at a cost that does not depend on the window.
// The 8-bit kernel in difference.hpp is faster where it applies.
#pragma once

#include <cstddef>

#include "box_blur/plan.hpp"
#include "fastcv/box_blur.hpp"
#include "fastcv/runtime.hpp"

namespace fastcv::box {

// The part [x0, x1) x [y0, y1) of the output.
struct Rectangle {
  std::ptrdiff_t x0, x1, y0, y1;
};

template <class T>
struct GeneralJob {
  ImageView<const T> in;
  ImageView<T> out;
  const AxisPlan* rows;
  const AxisPlan* columns;
  Rounding rounding = Rounding::kNearest;
  Alpha alpha = Alpha::kBlur;            // kBlur, or kPremultiplied with four channels
  const double* border_value = nullptr;  // one a channel, or null: 0
};

// Scratch bytes one thread needs for any part of this job.
template <class T>
std::size_t general_scratch_bytes(const GeneralJob<T>& job);

// Writes job.out inside `part` and nothing else. The bytes do not depend on how the output is cut into parts.
template <class T>
void general_blur(const GeneralJob<T>& job, const Rectangle& part, std::byte* scratch, Band& band);

}  // namespace fastcv::box
