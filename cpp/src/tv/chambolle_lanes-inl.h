// What the Chambolle kernels of images and of volumes share inside a SIMD target.
#if defined(FASTCV_TV_CHAMBOLLE_LANES) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_TV_CHAMBOLLE_LANES
#undef FASTCV_TV_CHAMBOLLE_LANES
#else
#define FASTCV_TV_CHAMBOLLE_LANES
#endif

#include "hwy/highway.h"
#include "runtime/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::tv {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
#if HWY_TARGET <= HWY_AVX3
using fastcv::HWY_NAMESPACE::ApproximateReciprocal14;
#endif
using fastcv::HWY_NAMESPACE::LoadFirst;
using fastcv::HWY_NAMESPACE::StoreFirst;

template <class T>
constexpr size_t kLanes = HWY_MAX_BYTES / sizeof(T);

// float32 terms are added to at most so many others in float32, then in float64. The sums are then good to about 1e-8,
// and the stop rule (2e-4 by default, 1e-6 in the tests) does not see their rounding.
constexpr ptrdiff_t kFlush = 16;

template <class T>
struct LaneSum;

template <>
struct LaneSum<double> {
  static constexpr hn::ScalableTag<double> d{};
  hn::Vec<hn::ScalableTag<double>> sum;
  HWY_INLINE void clear() { sum = hn::Zero(d); }
  HWY_INLINE void add(hn::Vec<hn::ScalableTag<double>> v) { sum = hn::Add(sum, v); }
  HWY_INLINE void add_square(hn::Vec<hn::ScalableTag<double>> v) { sum = hn::MulAdd(v, v, sum); }
  HWY_INLINE void flush() {}
  HWY_INLINE double total() const { return hn::GetLane(hn::SumOfLanes(d, sum)); }
};

template <>
struct LaneSum<float> {
  static constexpr hn::ScalableTag<float> d{};
  static constexpr hn::ScalableTag<double> wide{};
  hn::Vec<hn::ScalableTag<float>> part;
  hn::Vec<hn::ScalableTag<double>> sum;
  HWY_INLINE void clear() {
    part = hn::Zero(d);
    sum = hn::Zero(wide);
  }
  HWY_INLINE void add(hn::Vec<hn::ScalableTag<float>> v) { part = hn::Add(part, v); }
  HWY_INLINE void add_square(hn::Vec<hn::ScalableTag<float>> v) { part = hn::MulAdd(v, v, part); }
  HWY_INLINE void flush() {
    const hn::Half<hn::ScalableTag<float>> half;
    sum = hn::Add(
        sum, hn::Add(hn::PromoteTo(wide, hn::LowerHalf(half, part)), hn::PromoteTo(wide, hn::UpperHalf(half, part))));
    part = hn::Zero(d);
  }
  HWY_INLINE double total() const { return hn::GetLane(hn::SumOfLanes(wide, sum)); }
};

// 1 / v for v >= 1. float64 on AVX-512: within 3e-13 of it, for a third of the time of a division on Zen 4, where
// square roots and divisions share one unit; the square root stays exact.
template <class D, class V>
HWY_INLINE V Reciprocal(D d, V v) {
  using T = hn::TFromD<D>;
#if HWY_TARGET <= HWY_AVX3
  if constexpr (sizeof(T) == 8) {
    v = hn::Min(v, hn::Set(d, T(1e300)));  // infinity times its reciprocal would be NaN
    const V guess = ApproximateReciprocal14(v);
    const V error = hn::NegMulAdd(v, guess, hn::Set(d, T(1)));
    return hn::MulAdd(guess, hn::MulAdd(error, error, error), guess);
  }
#endif
  return hn::Div(hn::Set(d, T(1)), v);
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
