// Gradient descent's kernels for float32.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "mds/descent_f32.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "mds/descent_lanes-inl.h"
#include "mds/descent_ring-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::mds {
namespace HWY_NAMESPACE {

void SingleLanes(PairLoss loss, int dimensions, LanesKernels<float>* kernels) {
  *kernels = LanesKernelsOf<float>(loss, dimensions);
}
void SingleRing(PairLoss loss, int dimensions, RingKernels<float>* kernels) {
  *kernels = RingKernelsOf<float>(loss, dimensions);
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::mds
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fastcv::mds {
HWY_EXPORT(SingleLanes);
HWY_EXPORT(SingleRing);

template <>
LanesKernels<float> lanes_kernels(PairLoss loss, int dimensions) {
  LanesKernels<float> kernels;
  HWY_DYNAMIC_DISPATCH(SingleLanes)(loss, dimensions, &kernels);
  return kernels;
}

template <>
RingKernels<float> ring_kernels(PairLoss loss, int dimensions) {
  RingKernels<float> kernels;
  HWY_DYNAMIC_DISPATCH(SingleRing)(loss, dimensions, &kernels);
  return kernels;
}

}  // namespace fastcv::mds
#endif
