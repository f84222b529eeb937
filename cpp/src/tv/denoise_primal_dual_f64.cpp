// The proven solver's kernels for float64.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tv/denoise_primal_dual_f64.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "tv/denoise_primal_dual-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::tv {
namespace HWY_NAMESPACE {

void DoubleLines(PrimalDualKernels<double>* kernels) { *kernels = KernelsOfLines<double>(); }

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::tv
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fastcv::tv {
HWY_EXPORT(DoubleLines);

template <>
PrimalDualKernels<double> primal_dual_kernels() {
  PrimalDualKernels<double> kernels;
  HWY_DYNAMIC_DISPATCH(DoubleLines)(&kernels);
  return kernels;
}

}  // namespace fastcv::tv
#endif
