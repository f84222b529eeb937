// The records of denoise_splitting.hpp in vectors: their size, their edge, and how pixels get into them.
#if defined(FASTCV_TV_DENOISE_RECORDS) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_TV_DENOISE_RECORDS
#undef FASTCV_TV_DENOISE_RECORDS
#else
#define FASTCV_TV_DENOISE_RECORDS
#endif

#include <algorithm>
#include <limits>

#include "hwy/cache_control.h"
#include "hwy/highway.h"

#include "runtime/simd-inl.h"
#include "tv/denoise_splitting.hpp"
#include "tv/sum-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::tv {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using fastcv::HWY_NAMESPACE::NextLanes;
using fastcv::HWY_NAMESPACE::Pack;
using fastcv::HWY_NAMESPACE::PreviousLanes;
using fastcv::HWY_NAMESPACE::ReciprocalSqrt;

template <class T>
constexpr ptrdiff_t kN = HWY_MAX_BYTES / sizeof(T);
template <class T>
constexpr ptrdiff_t kRecord = kRecordVectors * kN<T>;  // of one channel

// 1 / sqrt(v), from ReciprocalSqrt of it, and sqrt(v), to about an ulp. v of the first one: neither 0 nor denormal.
// Root and quotient of a wide vector would cost a check more than all the rest.
template <class D, class V>
HWY_INLINE V PreciseReciprocalSqrt(D d, V v, [[maybe_unused]] V estimate) {
  using T = hn::TFromD<D>;
#if HWY_TARGET <= HWY_AVX3
  const V error = hn::NegMulAdd(hn::Mul(v, estimate), estimate, hn::Set(d, T(1)));
  return hn::MulAdd(hn::Mul(estimate, hn::Set(d, T(0.5))), error, estimate);
#else
  return hn::Div(hn::Set(d, T(1)), hn::Sqrt(v));
#endif
}

template <class D, class V>
HWY_INLINE V PreciseSqrt([[maybe_unused]] D d, V v) {
#if HWY_TARGET <= HWY_AVX3
  const V normal = hn::Max(v, hn::Set(d, std::numeric_limits<hn::TFromD<D>>::min()));
  return hn::Mul(v, PreciseReciprocalSqrt(d, normal, ReciprocalSqrt(d, normal)));
#else
  return hn::Sqrt(v);
#endif
}

// The lane of a row's last record whose right neighbour lies outside: among the even or among the odd pixels.
template <class T>
struct RightEdge {
  hn::Mask<Lanes<T>> even, odd;
  explicit HWY_INLINE RightEdge(ptrdiff_t columns) {
    const Lanes<T> d;
    const auto lane = [&](bool here) HWY_ATTR {
      const T last = static_cast<T>(((columns + 1) / 2 - 1) % kN<T>);
      return hn::Eq(hn::Iota(d, T(0)), hn::Set(d, here ? last : T(-1)));
    };
    even = lane(columns % 2 == 1);
    odd = lane(columns % 2 == 0);
  }
};

template <class T>
void RangeOfRow(const T* row, ptrdiff_t count, T* low, T* high) {
  const Lanes<T> d;
  constexpr ptrdiff_t N = kN<T>;
  ptrdiff_t x = 0;
  if (count >= N) {
    auto least = hn::LoadU(d, row + count - N), most = least;
    for (; x + N <= count; x += N) {
      const auto v = hn::LoadU(d, row + x);
      least = hn::Min(least, v);
      most = hn::Max(most, v);
    }
    *low = std::min(*low, hn::GetLane(hn::MinOfLanes(d, least)));
    *high = std::max(*high, hn::GetLane(hn::MaxOfLanes(d, most)));
    return;
  }
  for (; x < count; x++) {
    *low = std::min(*low, row[x]);
    *high = std::max(*high, row[x]);
  }
}

template <class T>
void PackRow(const Tile<T>& tile, ptrdiff_t y, int channel, const T* pixels, T* low, T* high) {
  const Lanes<T> d;
  constexpr ptrdiff_t N = kN<T>;
  auto least = hn::Set(d, *low), most = hn::Set(d, *high);
  const auto zero = hn::Zero(d);
  T* to = tile.row(y) + channel * kRecord<T>;
  // A state that no cache will hold is written around them.
  constexpr ptrdiff_t kStreamBytes = 16 << 20;
  const bool stream = tile.ring == 0 && tile.rows > kStreamBytes / (tile.pitch * static_cast<ptrdiff_t>(sizeof(T)));
  const auto put = [stream](hn::Vec<Lanes<T>> v, T* p) HWY_ATTR __attribute__((always_inline)) {
    if (stream) {
      hn::Stream(v, Lanes<T>(), p);
    } else {
      hn::Store(v, Lanes<T>(), p);
    }
  };
  for (ptrdiff_t m = 0; m < tile.records; m++, to += tile.channels * kRecord<T>, pixels += 2 * N) {
    hn::Vec<Lanes<T>> even, odd;
    if (m + 1 < tile.records || tile.columns % (2 * N) == 0) {
      hn::LoadInterleaved2(d, pixels, even, odd);
    } else {
      alignas(HWY_MAX_BYTES) T last[2 * N];
      const ptrdiff_t count = tile.columns % (2 * N);
      for (ptrdiff_t i = 0; i < 2 * N; i++) last[i] = pixels[std::min(i, count - 1)];
      hn::LoadInterleaved2(d, last, even, odd);
    }
    least = hn::Min(least, hn::Min(even, odd));
    most = hn::Max(most, hn::Max(even, odd));
    for (const int part : {int{kU}, int{kRhs}, int{kF}}) {
      put(even, to + part * N);
      put(odd, to + (part + 1) * N);
    }
    for (const int part : {int{kC0}, int{kC1}}) {
      put(zero, to + part * N);
      put(zero, to + (part + 1) * N);
    }
  }
  if (stream) hwy::FlushStream();
  *low = hn::GetLane(hn::MinOfLanes(d, least));
  *high = hn::GetLane(hn::MaxOfLanes(d, most));
}

template <class T>
void StartRowFrom(const Tile<T>& tile, ptrdiff_t y, int channel, const StartRow<T>& from) {
  const Lanes<T> d;
  constexpr ptrdiff_t N = kN<T>;
  const auto scale = hn::Set(d, from.per_weight);
  T* to = tile.row(y) + channel * kRecord<T>;
  for (ptrdiff_t i = 0; i < tile.records * N; i += N, to += tile.channels * kRecord<T>) {
    const auto u = hn::LoadU(d, from.u + i), q0 = hn::LoadU(d, from.q0 + i), even = hn::LoadU(d, from.q1_even + i),
               odd = hn::LoadU(d, from.q1_odd + i), left = hn::LoadU(d, from.q1_odd + i - 1);
    const auto div0 = hn::Sub(q0, hn::LoadU(d, from.q0_above + i));
    const auto div_even = hn::Add(div0, hn::Sub(even, left)), div_odd = hn::Add(div0, hn::Sub(odd, even));
    hn::Store(u, d, to + kU * N);
    hn::Store(u, d, to + (kU + 1) * N);
    hn::Store(hn::Add(hn::Load(d, to + kF * N), div_even), d, to + kRhs * N);
    hn::Store(hn::Add(hn::Load(d, to + (kF + 1) * N), div_odd), d, to + (kRhs + 1) * N);
    hn::Store(hn::Mul(scale, q0), d, to + kC0 * N);
    hn::Store(hn::Mul(scale, q0), d, to + (kC0 + 1) * N);
    hn::Store(hn::Mul(scale, even), d, to + kC1 * N);
    hn::Store(hn::Mul(scale, odd), d, to + (kC1 + 1) * N);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::tv
HWY_AFTER_NAMESPACE();
#endif
