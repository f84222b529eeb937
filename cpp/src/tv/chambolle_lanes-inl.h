// What the Chambolle kernels of images and of volumes share inside a SIMD target.
#if defined(FASTCV_TV_CHAMBOLLE_LANES) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_TV_CHAMBOLLE_LANES
#undef FASTCV_TV_CHAMBOLLE_LANES
#else
#define FASTCV_TV_CHAMBOLLE_LANES
#endif

#include <cstring>

#include "hwy/highway.h"
#include "runtime/simd-inl.h"
#include "tv/sum-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::tv {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
#if HWY_TARGET <= HWY_AVX3
using fastcv::HWY_NAMESPACE::ApproximateReciprocal14;
#endif
using fastcv::HWY_NAMESPACE::LoadFirst;
using fastcv::HWY_NAMESPACE::NextLanes;
using fastcv::HWY_NAMESPACE::PreviousLanes;
using fastcv::HWY_NAMESPACE::StoreFirst;

template <class T>
constexpr size_t kLanes = HWY_MAX_BYTES / sizeof(T);

// Vectors between two flushes of a sum: the stop rule (2e-4 by default, 1e-6 in the tests) does not see their rounding.
constexpr ptrdiff_t kFlush = 16;

// 1 / v for v >= 1; on AVX-512 float32 within 2e-7 of it, float64 within 3e-13: a division would wait for the unit that
// takes the square roots, which stay exact; an estimate and its correction do not. (The estimates of AVX2 have 12 bits:
// corrected once, float32 iterates leave scikit-image's by more than 1e-5.)
template <class D, class V>
HWY_INLINE V Reciprocal(D d, V v) {
  using T = hn::TFromD<D>;
  const V one = hn::Set(d, T(1));
#if HWY_TARGET <= HWY_AVX3
  if constexpr (sizeof(T) == 4) {
    v = hn::Min(v, hn::Set(d, T(1e30)));  // infinity times its reciprocal would be NaN
    const V guess = hn::ApproximateReciprocal(v);
    return hn::MulAdd(guess, hn::NegMulAdd(v, guess, one), guess);
  } else {
    v = hn::Min(v, hn::Set(d, T(1e300)));
    const V guess = ApproximateReciprocal14(v);
    const V error = hn::NegMulAdd(v, guess, one);
    return hn::MulAdd(guess, hn::MulAdd(error, error, error), guess);
  }
#else
  return hn::Div(one, v);
#endif
}

// A row, to where its values stand `step` apart.
template <class T>
HWY_INLINE void PutRow(const T* row, ptrdiff_t count, T* to, ptrdiff_t step) {
  if (step == 1) return void(memcpy(to, row, static_cast<size_t>(count) * sizeof(T)));
  for (ptrdiff_t x = 0; x < count; x++) to[x * step] = row[x];
}

// 0 times a number is 0, times NaN or infinity it is NaN, which every sum keeps.
template <class T>
HWY_INLINE bool RowIsFinite(const T* row, ptrdiff_t count) {
  const hn::ScalableTag<T> d;
  constexpr ptrdiff_t kN = static_cast<ptrdiff_t>(kLanes<T>);
  auto sum = hn::Zero(d);
  ptrdiff_t x = 0;
  for (; x + kN <= count; x += kN) sum = hn::MulAdd(hn::LoadU(d, row + x), hn::Zero(d), sum);
  if (x < count) sum = hn::MulAdd(LoadFirst(d, row + x, static_cast<size_t>(count - x)), hn::Zero(d), sum);
  return hn::AllTrue(d, hn::Eq(sum, hn::Zero(d)));
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::tv
HWY_AFTER_NAMESPACE();
#endif
