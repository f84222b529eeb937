// Gradient descent's kernels for float64.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "mds/descent_f64.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "mds/descent_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::mds {
namespace HWY_NAMESPACE {

void DoubleLanes(PairLoss loss, int dimensions, LanesKernels<double>* kernels) {
  *kernels = LanesKernelsOf<double>(loss, dimensions);
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::mds
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fastcv::mds {
HWY_EXPORT(DoubleLanes);

template <>
LanesKernels<double> lanes_kernels(PairLoss loss, int dimensions) {
  LanesKernels<double> kernels;
  HWY_DYNAMIC_DISPATCH(DoubleLanes)(loss, dimensions, &kernels);
  return kernels;
}

}  // namespace fastcv::mds
#endif
