// The fast solver's kernels for float64.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tv/denoise_splitting_f64.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "tv/denoise_splitting-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::tv {
namespace HWY_NAMESPACE {

void DoubleKernels(int channels, bool isotropic, SplittingKernels<double>* kernels) {
  *kernels = Kernels<double>(channels, isotropic);
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::tv
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fastcv::tv {
HWY_EXPORT(DoubleKernels);

template <>
SplittingKernels<double> splitting_kernels(int channels, bool isotropic) {
  SplittingKernels<double> kernels;
  HWY_DYNAMIC_DISPATCH(DoubleKernels)(channels, isotropic, &kernels);
  return kernels;
}

}  // namespace fastcv::tv
#endif
