// Sums of lanes in float64.
#if defined(FASTCV_TV_SUM) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_TV_SUM
#undef FASTCV_TV_SUM
#else
#define FASTCV_TV_SUM
#endif

#include "runtime/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::tv {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
using Lanes = hn::ScalableTag<T>;

template <class T>
struct DoubleSum {
  using D64 = hn::ScalableTag<double>;
  hn::Vec<D64> low, high;
  HWY_INLINE DoubleSum() : low(hn::Zero(D64())), high(hn::Zero(D64())) {}
  HWY_INLINE void add(hn::Vec<Lanes<T>> v) {
    if constexpr (sizeof(T) == 8) {
      low = hn::Add(low, v);
    } else {
      const hn::Half<Lanes<T>> half;
      low = hn::Add(low, hn::PromoteTo(D64(), hn::LowerHalf(half, v)));
      high = hn::Add(high, hn::PromoteTo(D64(), hn::UpperHalf(half, v)));
    }
  }
  HWY_INLINE double total() const { return hn::GetLane(hn::SumOfLanes(D64(), hn::Add(low, high))); }
};

// The same for hot loops: terms are added up in T until the next flush(). Of 16 float32 terms a lane the sum is still
// good to about 1e-8.
template <class T>
struct PartSum {
  hn::Vec<Lanes<T>> part = hn::Zero(Lanes<T>());
  DoubleSum<T> sum;
  HWY_INLINE PartSum() {}
  HWY_INLINE void add(hn::Vec<Lanes<T>> v) { part = hn::Add(part, v); }
  HWY_INLINE void add_square(hn::Vec<Lanes<T>> v) { part = hn::MulAdd(v, v, part); }
  HWY_INLINE void flush() {
    sum.add(part);
    part = hn::Zero(Lanes<T>());
  }
  HWY_INLINE double total() const { return sum.total(); }
};

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::tv
HWY_AFTER_NAMESPACE();
#endif
