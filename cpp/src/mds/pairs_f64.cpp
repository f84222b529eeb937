// The kernels of pairs for float64.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "mds/pairs_f64.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include <type_traits>

#include "mds/pairs-inl.h"
#include "mds/pairs_pack-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::mds {
namespace HWY_NAMESPACE {

void DoublePairs(PairLoss loss, int dimensions, bool squares, bool weighted, bool want_value,
                 PairKernels<double>* kernels) {
  *kernels = KernelsOf<double>(loss, dimensions, squares, weighted, want_value);
}
void DoublePasses(PairPasses<double>* passes) { *passes = {&PackTile<double>, &Transpose<double>, &AddUp<double>}; }

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::mds
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fastcv::mds {
HWY_EXPORT(DoublePairs);
HWY_EXPORT(DoublePasses);

template <>
PairKernels<double> pair_kernels(PairLoss loss, int dimensions, bool squares, bool weighted, bool want_value) {
  PairKernels<double> kernels;
  HWY_DYNAMIC_DISPATCH(DoublePairs)(loss, dimensions, squares, weighted, want_value, &kernels);
  return kernels;
}

template <>
PairPasses<double> pair_passes() {
  PairPasses<double> passes;
  HWY_DYNAMIC_DISPATCH(DoublePasses)(&passes);
  return passes;
}

}  // namespace fastcv::mds
#endif
