// Gradient descent's kernels for float64.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "mds/descent_f64.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "mds/descent_lanes-inl.h"
#include "mds/descent_ring-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::mds {
namespace HWY_NAMESPACE {

void DoubleLanes(PairLoss loss, int dimensions, LanesKernels<double>* kernels) {
  *kernels = LanesKernelsOf<double>(loss, dimensions);
}
void DoubleRing(PairLoss loss, int dimensions, RingKernels<double>* kernels) {
  *kernels = RingKernelsOf<double>(loss, dimensions);
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::mds
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fastcv::mds {
HWY_EXPORT(DoubleLanes);
HWY_EXPORT(DoubleRing);

template <>
LanesKernels<double> lanes_kernels(PairLoss loss, int dimensions) {
  LanesKernels<double> kernels;
  HWY_DYNAMIC_DISPATCH(DoubleLanes)(loss, dimensions, &kernels);
  return kernels;
}

template <>
RingKernels<double> ring_kernels(PairLoss loss, int dimensions) {
  RingKernels<double> kernels;
  HWY_DYNAMIC_DISPATCH(DoubleRing)(loss, dimensions, &kernels);
  return kernels;
}

}  // namespace fastcv::mds
#endif
