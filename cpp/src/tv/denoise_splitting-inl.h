// The kernels of denoise_splitting.hpp for pixels of type T.
#if defined(FASTCV_TV_DENOISE_SPLITTING) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_TV_DENOISE_SPLITTING
#undef FASTCV_TV_DENOISE_SPLITTING
#else
#define FASTCV_TV_DENOISE_SPLITTING
#endif

#include "tv/denoise_splitting_check-inl.h"
#include "tv/denoise_splitting_records-inl.h"
#include "tv/denoise_splitting_step-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::tv {
namespace HWY_NAMESPACE {

template <class T, int kChannels, bool kIsotropic>
SplittingKernels<T> KernelsFor() {
  return {static_cast<int>(kN<T>),
          &RangeOfRow<T>,
          &PackRow<T>,
          &StartRowFrom<T>,
          &Wavefront<T, kChannels, kIsotropic>,
          &CheckRow<T, kChannels, kIsotropic>};
}

template <class T>
SplittingKernels<T> Kernels(int channels, bool isotropic) {
  if (channels == 3) return isotropic ? KernelsFor<T, 3, true>() : KernelsFor<T, 3, false>();
  return isotropic ? KernelsFor<T, 1, true>() : KernelsFor<T, 1, false>();
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::tv
HWY_AFTER_NAMESPACE();
#endif
