// The kernels of pairs for float32.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "mds/pairs_f32.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include <type_traits>

#include "mds/pairs-inl.h"
#include "mds/pairs_pack-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::mds {
namespace HWY_NAMESPACE {

void SinglePairs(PairLoss loss, int dimensions, bool squares, bool weighted, bool want_value,
                 PairKernels<float>* kernels) {
  *kernels = KernelsOf<float>(loss, dimensions, squares, weighted, want_value);
}
void SinglePasses(PairPasses<float>* passes) { *passes = {&PackTile<float>, &Transpose<float>, &AddUp<float>}; }

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::mds
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fastcv::mds {
HWY_EXPORT(SinglePairs);
HWY_EXPORT(SinglePasses);

template <>
PairKernels<float> pair_kernels(PairLoss loss, int dimensions, bool squares, bool weighted, bool want_value) {
  PairKernels<float> kernels;
  HWY_DYNAMIC_DISPATCH(SinglePairs)(loss, dimensions, squares, weighted, want_value, &kernels);
  return kernels;
}

template <>
PairPasses<float> pair_passes() {
  PairPasses<float> passes;
  HWY_DYNAMIC_DISPATCH(SinglePasses)(&passes);
  return passes;
}

}  // namespace fastcv::mds
#endif
