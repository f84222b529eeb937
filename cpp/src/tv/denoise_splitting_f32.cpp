// The fast solver's kernels for float32.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tv/denoise_splitting_f32.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "tv/denoise_splitting-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::tv {
namespace HWY_NAMESPACE {

void SingleKernels(int channels, bool isotropic, SplittingKernels<float>* kernels) {
  *kernels = Kernels<float>(channels, isotropic);
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::tv
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fastcv::tv {
HWY_EXPORT(SingleKernels);

template <>
SplittingKernels<float> splitting_kernels(int channels, bool isotropic) {
  SplittingKernels<float> kernels;
  HWY_DYNAMIC_DISPATCH(SingleKernels)(channels, isotropic, &kernels);
  return kernels;
}

}  // namespace fastcv::tv
#endif
