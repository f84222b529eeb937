// One instance of the 8-bit kernel a channel count, each in a file of its own so that they compile side by side.
#pragma once

#include "box_blur/difference.hpp"

namespace fastcv::box {

#define FASTCV_DECLARE_DIFFERENCE(C)                                                                           \
  std::size_t difference_scratch_bytes_##C(const DifferenceJob& job);                                          \
  void difference_blur_##C(const DifferenceJob& job, std::ptrdiff_t y0, std::ptrdiff_t y1, std::byte* scratch, \
                           Band& band);
FASTCV_DECLARE_DIFFERENCE(1)
FASTCV_DECLARE_DIFFERENCE(2)
FASTCV_DECLARE_DIFFERENCE(3)
FASTCV_DECLARE_DIFFERENCE(4)
#undef FASTCV_DECLARE_DIFFERENCE

}  // namespace fastcv::box
