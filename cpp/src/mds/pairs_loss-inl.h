// One vector of pairs: what each weighs in the gradient, and its loss.
#if defined(FASTCV_MDS_PAIRS_LOSS) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_MDS_PAIRS_LOSS
#undef FASTCV_MDS_PAIRS_LOSS
#else
#define FASTCV_MDS_PAIRS_LOSS
#endif

#include "mds/pairs_kernels.hpp"
#include "runtime/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::mds {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using fastcv::HWY_NAMESPACE::Pack;

template <class T>
using Lanes = hn::ScalableTag<T>;
template <class T>
using VecOf = hn::Vec<Lanes<T>>;
template <class T>
constexpr ptrdiff_t kLanes = HWY_MAX_BYTES / sizeof(T);

// Added to a squared distance: coincident points, and a point and itself, give a finite weight, and times x_i - x_j = 0
// nothing. Far below the rounding of any distance above 1e-15.
template <class T>
constexpr T kTiny = sizeof(T) == 4 ? T(1e-36) : T(1e-300);

// 1 / sqrt for a Newton step of the caller's to finish; its relative error is below 4e-4.
template <class T>
HWY_INLINE VecOf<T> RoughReciprocalSqrt(VecOf<T> v) {
  auto r = hn::ApproximateReciprocalSqrt(v);
#if !HWY_ARCH_X86  // 8 bits
  const Lanes<T> d;
  r = hn::Mul(r, hn::NegMulAdd(hn::Mul(hn::Mul(v, hn::Set(d, T(0.5))), r), r, hn::Set(d, T(1.5))));
#endif
  return r;
}

// The weight w of x_i - x_j for a squared distance and a measured one, and the pair's loss. The gradient of the loss is
// kGradientFactor w (x_i - x_j), the loss kValueFactor times what `loss` gets: constants that are left to the sums'
// end.
template <class T, PairLoss kLoss>
struct PairTerm {
  static constexpr bool kNewton = sizeof(T) == 4 && kLoss != PairLoss::kSstress;
  static constexpr double kGradientFactor = kLoss == PairLoss::kSstress ? 4 : kNewton ? 1 : 2;
  static constexpr double kValueFactor = kNewton ? 0.25 : 1;

  VecOf<T> scale;  // Geman-McClure's, in the units of `loss`
  HWY_INLINE explicit PairTerm(T given) : scale(hn::Set(Lanes<T>(), static_cast<T>(given / kValueFactor))) {}

  template <bool kValue>
  HWY_INLINE VecOf<T> weight(VecOf<T> square, VecOf<T> measured, VecOf<T>* loss) const {
    const Lanes<T> d;
    if constexpr (kLoss == PairLoss::kSstress) {
      const auto w = hn::NegMulAdd(measured, measured, square);
      if constexpr (kValue) *loss = hn::Mul(w, w);
      return w;
    } else {
      VecOf<T> w, residual;  // of twice the distance where kNewton
      if constexpr (kNewton) {
        // One Newton step, r (3 - d^2 r^2) / 2, folded into 2 (1 - D / d): relative error below 4e-7.
        const auto r = RoughReciprocalSqrt<T>(square);
        const auto s = hn::NegMulAdd(hn::Mul(square, r), r, hn::Set(d, T(3)));
        w = hn::NegMulAdd(hn::Mul(measured, r), s, hn::Set(d, T(2)));
        if constexpr (kValue || kLoss == PairLoss::kGemanMcClure) residual = hn::Mul(hn::Mul(w, square), w);
      } else {
        const auto distance = hn::Sqrt(square), difference = hn::Sub(distance, measured);
        w = hn::Div(difference, distance);
        if constexpr (kValue || kLoss == PairLoss::kGemanMcClure) residual = hn::Mul(difference, difference);
      }
      if constexpr (kLoss == PairLoss::kGemanMcClure) {
        const auto q = hn::Div(scale, hn::Add(scale, residual));
        w = hn::Mul(hn::Mul(w, q), q);
        residual = hn::Mul(residual, q);
      }
      if constexpr (kValue) *loss = residual;
      return w;
    }
  }
};

// Adds the lanes in float64, in their order.
template <class T>
HWY_INLINE double SumInDouble(VecOf<T> v) {
  alignas(HWY_MAX_BYTES) T lanes[kLanes<T>];
  hn::Store(v, Lanes<T>(), lanes);
  double sum = 0;
  for (ptrdiff_t i = 0; i < kLanes<T>; i++) sum += lanes[i];
  return sum;
}

template <class T>
HWY_INLINE T Sum(VecOf<T> v) {
  return hn::GetLane(hn::SumOfLanes(Lanes<T>(), v));
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::mds
HWY_AFTER_NAMESPACE();
#endif
