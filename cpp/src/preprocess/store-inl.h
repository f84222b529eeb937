// The way out of registers: type and layout of the output.
#if defined(FASTCV_PREPROCESS_STORE) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_PREPROCESS_STORE
#undef FASTCV_PREPROCESS_STORE
#else
#define FASTCV_PREPROCESS_STORE
#endif

#include <cstring>

#include "preprocess/plan.hpp"
#include "runtime/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::preprocess {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using namespace fastcv::HWY_NAMESPACE;

using DF = hn::ScalableTag<float>;
using VF = hn::Vec<DF>;
constexpr ptrdiff_t kLanes = HWY_MAX_BYTES / 4;

template <PixelType kType>
struct Item;
template <>
struct Item<PixelType::kFloat32> {
  using Type = float;
  static HWY_INLINE VF From(VF v) { return v; }
};
template <>
struct Item<PixelType::kFloat16> {
  using Type = uint16_t;
  static HWY_INLINE auto From(VF v) { return HalfBits(DF(), v); }
};
template <>
struct Item<PixelType::kUint8> {
  using Type = uint8_t;
  static HWY_INLINE auto From(VF v) { return RoundedBytes(DF(), v); }
};

template <bool kWhole, class V, class D, class T>
HWY_INLINE void StoreValue(V v, D d, T* to, ptrdiff_t count) {
  if constexpr (kWhole) {
    hn::StoreU(v, d, to);
  } else {
    StoreFirst(v, d, to, static_cast<size_t>(count));
  }
}
template <PixelType kType>
HWY_INLINE void StoreAll(VF v, void* row, ptrdiff_t x) {
  using T = typename Item<kType>::Type;
  hn::StoreU(Item<kType>::From(v), hn::Rebind<T, DF>(), static_cast<T*>(row) + x);
}
template <PixelType kType>
HWY_INLINE void StoreSome(VF v, void* row, ptrdiff_t x, ptrdiff_t count) {
  using T = typename Item<kType>::Type;
  StoreFirst(Item<kType>::From(v), hn::Rebind<T, DF>(), static_cast<T*>(row) + x, static_cast<size_t>(count));
}

// `count` values of each plane, `pitch` floats apart, to interleaved pixels at `to`.
template <PixelType kType>
HWY_NOINLINE void StorePixels(const float* planes, ptrdiff_t pitch, ptrdiff_t count, ptrdiff_t channels, void* to) {
  using T = typename Item<kType>::Type;
  const DF d;
  const hn::Rebind<T, DF> dt;
  T* pixel = static_cast<T*>(to);
  ptrdiff_t x = 0;
  for (; channels == 3 && x + kLanes <= count; x += kLanes) {
    hn::StoreInterleaved3(Item<kType>::From(hn::LoadU(d, planes + x)),
                          Item<kType>::From(hn::LoadU(d, planes + pitch + x)),
                          Item<kType>::From(hn::LoadU(d, planes + 2 * pitch + x)), dt, pixel + 3 * x);
  }
  for (; channels == 4 && x + kLanes <= count; x += kLanes) {
    hn::StoreInterleaved4(Item<kType>::From(hn::LoadU(d, planes + x)),
                          Item<kType>::From(hn::LoadU(d, planes + pitch + x)),
                          Item<kType>::From(hn::LoadU(d, planes + 2 * pitch + x)),
                          Item<kType>::From(hn::LoadU(d, planes + 3 * pitch + x)), dt, pixel + 4 * x);
  }
  for (; channels == 1 && x + kLanes <= count; x += kLanes) StoreAll<kType>(hn::LoadU(d, planes + x), to, x);
  T lanes[kLanes];
  for (; x < count; x += kLanes) {
    const ptrdiff_t n = count - x < kLanes ? count - x : kLanes;
    for (ptrdiff_t k = 0; k < channels; k++) {
      hn::StoreU(Item<kType>::From(LoadFirst(d, planes + k * pitch + x, static_cast<size_t>(n))), dt, lanes);
      for (ptrdiff_t i = 0; i < n; i++) pixel[(x + i) * channels + k] = lanes[i];
    }
  }
}

HWY_INLINE void StorePixels(const Plan& plan, const float* planes, ptrdiff_t pitch, ptrdiff_t count, void* to) {
  switch (plan.dtype) {
    case PixelType::kFloat16:
      return StorePixels<PixelType::kFloat16>(planes, pitch, count, plan.out_channels, to);
    case PixelType::kUint8:
      return StorePixels<PixelType::kUint8>(planes, pitch, count, plan.out_channels, to);
    default:
      return StorePixels<PixelType::kFloat32>(planes, pitch, count, plan.out_channels, to);
  }
}

HWY_INLINE void* Offset(void* p, ptrdiff_t bytes) { return static_cast<char*>(p) + bytes; }
HWY_INLINE const uint8_t* RowOf(const SourceImage& in, ptrdiff_t y) {
  return static_cast<const uint8_t*>(in.data) + y * in.row_stride;
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::preprocess
HWY_AFTER_NAMESPACE();
#endif
