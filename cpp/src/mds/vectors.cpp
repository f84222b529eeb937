#include "mds/vectors.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "mds/vectors.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::mds {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D64 = hn::ScalableTag<double>;
constexpr std::ptrdiff_t kWide = HWY_MAX_BYTES / 8;

HWY_INLINE hn::Vec<D64> Wide(const double* p) { return hn::LoadU(D64(), p); }
HWY_INLINE hn::Vec<D64> Wide(const float* p) { return hn::PromoteTo(D64(), hn::LoadU(hn::Rebind<float, D64>(), p)); }

// Two sums, so that additions overlap: counts are multiples of kStride, two vectors or more.
template <class T>
HWY_INLINE double Dot(const T* a, const T* b, std::ptrdiff_t count) {
  auto even = hn::Zero(D64()), odd = even;
  for (std::ptrdiff_t i = 0; i < count; i += 2 * kWide) {
    even = hn::MulAdd(Wide(a + i), Wide(b + i), even);
    odd = hn::MulAdd(Wide(a + i + kWide), Wide(b + i + kWide), odd);
  }
  return hn::GetLane(hn::SumOfLanes(D64(), hn::Add(even, odd)));
}

template <class T>
HWY_INLINE void Combine(const T* x, double t, const T* y, T* out, std::ptrdiff_t count) {
  const hn::ScalableTag<T> d;
  const auto factor = hn::Set(d, static_cast<T>(t));
  for (std::ptrdiff_t i = 0; i < count; i += HWY_MAX_BYTES / static_cast<std::ptrdiff_t>(sizeof(T))) {
    const auto product = hn::Mul(factor, hn::LoadU(d, y + i));
    if (x == nullptr) {
      hn::StoreU(product, d, out + i);
    } else {
      hn::StoreU(hn::Add(hn::LoadU(d, x + i), product), d, out + i);
    }
  }
}

double DotSingle(const float* a, const float* b, std::ptrdiff_t count) { return Dot(a, b, count); }
double DotDouble(const double* a, const double* b, std::ptrdiff_t count) { return Dot(a, b, count); }
void CombineSingle(const float* x, double t, const float* y, float* out, std::ptrdiff_t count) {
  Combine(x, t, y, out, count);
}
void CombineDouble(const double* x, double t, const double* y, double* out, std::ptrdiff_t count) {
  Combine(x, t, y, out, count);
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::mds
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fastcv::mds {
HWY_EXPORT(DotSingle);
HWY_EXPORT(DotDouble);
HWY_EXPORT(CombineSingle);
HWY_EXPORT(CombineDouble);

template <>
double dot(const float* a, const float* b, std::ptrdiff_t count) {
  return HWY_DYNAMIC_DISPATCH(DotSingle)(a, b, count);
}
template <>
double dot(const double* a, const double* b, std::ptrdiff_t count) {
  return HWY_DYNAMIC_DISPATCH(DotDouble)(a, b, count);
}
template <>
void combine(const float* x, double t, const float* y, float* out, std::ptrdiff_t count) {
  HWY_DYNAMIC_DISPATCH(CombineSingle)(x, t, y, out, count);
}
template <>
void combine(const double* x, double t, const double* y, double* out, std::ptrdiff_t count) {
  HWY_DYNAMIC_DISPATCH(CombineDouble)(x, t, y, out, count);
}

}  // namespace fastcv::mds
#endif
