// Gradient descent's kernels for float32.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "mds/descent_f32.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "mds/descent_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::mds {
namespace HWY_NAMESPACE {

void SingleLanes(PairLoss loss, int dimensions, LanesKernels<float>* kernels) {
  *kernels = LanesKernelsOf<float>(loss, dimensions);
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::mds
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fastcv::mds {
HWY_EXPORT(SingleLanes);

template <>
LanesKernels<float> lanes_kernels(PairLoss loss, int dimensions) {
  LanesKernels<float> kernels;
  HWY_DYNAMIC_DISPATCH(SingleLanes)(loss, dimensions, &kernels);
  return kernels;
}

}  // namespace fastcv::mds
#endif
