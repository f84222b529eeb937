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

// The weight w of x_i - x_j for a pair's squared distance and measured one, and the pair's loss. The gradient of the
// loss is kGradientFactor w (x_i - x_j), the loss kValueFactor times what `loss` gets: constants that are left to the
// sums' end. kSquares, of s-stress: what was measured is stored as -D^2, which the squared distance is added to.
template <class T, PairLoss kLoss, bool kSquares = false>
struct PairTerm {
  static constexpr bool kNewton = sizeof(T) == 4 && kLoss != PairLoss::kSstress;
  static constexpr double kGradientFactor = kLoss == PairLoss::kSstress ? 4 : kNewton ? 1 : 2;
  static constexpr double kValueFactor = kNewton ? 0.25 : 1;
  static_assert(!kSquares || kLoss == PairLoss::kSstress);

  VecOf<T> scale;  // Geman-McClure's, in the units of `loss`
  HWY_INLINE explicit PairTerm(T given) : scale(hn::Set(Lanes<T>(), static_cast<T>(given / kValueFactor))) {}

  // What the squares of the coordinates' differences are added to.
  HWY_INLINE VecOf<T> start(VecOf<T> measured) const {
    if constexpr (kSquares) return measured;
    return hn::Set(Lanes<T>(), kTiny<T>);
  }

  template <bool kValue>
  HWY_INLINE VecOf<T> weight(VecOf<T> square, VecOf<T> measured, VecOf<T>* loss) const {
    const Lanes<T> d;
    if constexpr (kLoss == PairLoss::kSstress) {
      auto w = square;
      if constexpr (!kSquares) w = hn::NegMulAdd(measured, measured, square);
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

// Coordinates in pointers of their own: the compiler thinks that a store of a vector may change `job`.
template <class T, int kDim>
struct Coordinates {
  T* of[kDim];
  HWY_INLINE Coordinates(T* first, ptrdiff_t stride) {
    HWY_PRAGMA(GCC unroll 4) for (int c = 0; c < kDim; c++) of[c] = first + c * stride;
  }
};

// Adds the lanes in float64.
template <class T>
HWY_INLINE double SumInDouble(VecOf<T> v) {
  const hn::ScalableTag<double> d;
  if constexpr (sizeof(T) == 8) {
    return hn::GetLane(hn::SumOfLanes(d, v));
  } else {
    const hn::Half<Lanes<T>> half;
    const auto sum = hn::Add(hn::PromoteTo(d, hn::LowerHalf(half, v)), hn::PromoteTo(d, hn::UpperHalf(half, v)));
    return hn::GetLane(hn::SumOfLanes(d, sum));
  }
}

// The sums of 128-bit parts.
template <class D>
HWY_INLINE auto FoldTo128(D, hn::Vec<D> v) {
  if constexpr (hn::MaxLanes(D()) * sizeof(hn::TFromD<D>) > 16) {
    const hn::Half<D> half;
    return FoldTo128(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  } else {
    return v;
  }
}

// to[r] += the sum of v[r]'s lanes, for the four rows of a block.
template <class T>
HWY_INLINE void AddRowSums(const Pack<VecOf<T>, 4>& v, T* to) {
  const hn::FixedTag<T, 16 / sizeof(T)> d;
  const Lanes<T> all;
  const auto a = FoldTo128(all, v.v[0]), b = FoldTo128(all, v.v[1]), c = FoldTo128(all, v.v[2]),
             e = FoldTo128(all, v.v[3]);
  const auto ab = hn::Add(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b));
  const auto ce = hn::Add(hn::InterleaveLower(d, c, e), hn::InterleaveUpper(d, c, e));
  if constexpr (sizeof(T) == 8) {
    hn::StoreU(hn::Add(hn::LoadU(d, to), ab), d, to);
    hn::StoreU(hn::Add(hn::LoadU(d, to + 2), ce), d, to + 2);
  } else {
    const auto sum = hn::Add(hn::ConcatLowerLower(d, ce, ab), hn::ConcatUpperUpper(d, ce, ab));
    hn::StoreU(hn::Add(hn::LoadU(d, to), sum), d, to);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::mds
HWY_AFTER_NAMESPACE();
#endif
