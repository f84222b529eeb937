// The 8-bit kernel for 4 channels: see difference-inl.h.
#include "box_blur/difference_channels.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "box_blur/difference_4.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#define FASTCV_CHANNELS 4
#include "box_blur/difference-inl.h"
#undef FASTCV_CHANNELS

HWY_BEFORE_NAMESPACE();
namespace fastcv {
namespace HWY_NAMESPACE {
void Blur4(const box::DifferenceJob& job, ptrdiff_t y0, ptrdiff_t y1, uint8_t* scratch, Band& band) {
  Blur(job, y0, y1, scratch, band);
}
size_t ScratchBytes4(const box::DifferenceJob& job) { return ScratchBytes(job); }
}  // namespace HWY_NAMESPACE
}  // namespace fastcv
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fastcv {
HWY_EXPORT(Blur4);
HWY_EXPORT(ScratchBytes4);
namespace box {
std::size_t difference_scratch_bytes_4(const DifferenceJob& job) { return HWY_DYNAMIC_DISPATCH(ScratchBytes4)(job); }
void difference_blur_4(const DifferenceJob& job, std::ptrdiff_t y0, std::ptrdiff_t y1, std::byte* scratch, Band& band) {
  HWY_DYNAMIC_DISPATCH(Blur4)(job, y0, y1, reinterpret_cast<std::uint8_t*>(scratch), band);
}
}  // namespace box
}  // namespace fastcv
#endif
