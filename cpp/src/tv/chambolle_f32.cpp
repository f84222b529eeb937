// The Chambolle iteration in float32.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tv/chambolle_f32.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "tv/chambolle_rows-inl.h"
#include "tv/chambolle_volume-inl.h"
#include "tv/finite.hpp"

HWY_BEFORE_NAMESPACE();
namespace fastcv::tv {
namespace HWY_NAMESPACE {

void Wavefront32(const WavefrontJob<float>& job, ptrdiff_t y0, ptrdiff_t y1, std::byte* scratch, Band& band) {
  RunWavefront(job, y0, y1, scratch, band);
}

void Sweep32(const SweepJob<float>& job, ptrdiff_t z0, ptrdiff_t z1, std::byte* scratch, Band& band) {
  RunSweep(job, z0, z1, scratch, band);
}

bool Finite32(const float* row, ptrdiff_t count) { return RowIsFinite(row, count); }

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::tv
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fastcv::tv {
HWY_EXPORT(Wavefront32);
HWY_EXPORT(Sweep32);
HWY_EXPORT(Finite32);

template <>
void wavefront(const WavefrontJob<float>& job, std::ptrdiff_t y0, std::ptrdiff_t y1, std::byte* scratch, Band& band) {
  HWY_DYNAMIC_DISPATCH(Wavefront32)(job, y0, y1, scratch, band);
}

template <>
void sweep(const SweepJob<float>& job, std::ptrdiff_t z0, std::ptrdiff_t z1, std::byte* scratch, Band& band) {
  HWY_DYNAMIC_DISPATCH(Sweep32)(job, z0, z1, scratch, band);
}

template <>
bool all_finite(const float* row, std::ptrdiff_t count) {
  return HWY_DYNAMIC_DISPATCH(Finite32)(row, count);
}

}  // namespace fastcv::tv
#endif
