// The Chambolle iteration in float64.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tv/chambolle_f64.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "tv/chambolle_rows-inl.h"
#include "tv/chambolle_volume-inl.h"
#include "tv/finite.hpp"

HWY_BEFORE_NAMESPACE();
namespace fastcv::tv {
namespace HWY_NAMESPACE {

void Wavefront64(const WavefrontJob<double>& job, ptrdiff_t y0, ptrdiff_t y1, std::byte* scratch, Band& band) {
  RunWavefront(job, y0, y1, scratch, band);
}

void Sweep64(const SweepJob<double>& job, ptrdiff_t z0, ptrdiff_t z1, std::byte* scratch, Band& band) {
  RunSweep(job, z0, z1, scratch, band);
}

bool Finite64(const double* row, ptrdiff_t count) { return RowIsFinite(row, count); }

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::tv
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fastcv::tv {
HWY_EXPORT(Wavefront64);
HWY_EXPORT(Sweep64);
HWY_EXPORT(Finite64);

template <>
void wavefront(const WavefrontJob<double>& job, std::ptrdiff_t y0, std::ptrdiff_t y1, std::byte* scratch, Band& band) {
  HWY_DYNAMIC_DISPATCH(Wavefront64)(job, y0, y1, scratch, band);
}

template <>
void sweep(const SweepJob<double>& job, std::ptrdiff_t z0, std::ptrdiff_t z1, std::byte* scratch, Band& band) {
  HWY_DYNAMIC_DISPATCH(Sweep64)(job, z0, z1, scratch, band);
}

template <>
bool all_finite(const double* row, std::ptrdiff_t count) {
  return HWY_DYNAMIC_DISPATCH(Finite64)(row, count);
}

}  // namespace fastcv::tv
#endif
