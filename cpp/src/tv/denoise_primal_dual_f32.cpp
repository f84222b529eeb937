// The proven solver's kernels for float32.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tv/denoise_primal_dual_f32.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "tv/denoise_primal_dual-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::tv {
namespace HWY_NAMESPACE {

void SingleLines(PrimalDualKernels<float>* kernels) { *kernels = KernelsOfLines<float>(); }

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::tv
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fastcv::tv {
HWY_EXPORT(SingleLines);

template <>
PrimalDualKernels<float> primal_dual_kernels() {
  PrimalDualKernels<float> kernels;
  HWY_DYNAMIC_DISPATCH(SingleLines)(&kernels);
  return kernels;
}

}  // namespace fastcv::tv
#endif
