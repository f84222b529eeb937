// The certificate of denoise_splitting.hpp, row by row.
#if defined(FASTCV_TV_DENOISE_CHECK) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_TV_DENOISE_CHECK
#undef FASTCV_TV_DENOISE_CHECK
#else
#define FASTCV_TV_DENOISE_CHECK
#endif

#include <algorithm>

#include "tv/denoise_splitting_records-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::tv {
namespace HWY_NAMESPACE {

template <class T, int kChannels, bool kIsotropic>
void CheckRow(const Tile<T>& tile, const CheckJob<T>& job, ptrdiff_t y, T* above, T* const* pixels, T* const* q0,
              T* const* q1, bool own, Sums* sums) {
  using D = Lanes<T>;
  using V = hn::Vec<D>;
  using Vs = Pack<V, kChannels>;
  const D d;
  constexpr ptrdiff_t N = kN<T>, kStride = kChannels * kRecord<T>;
  constexpr ptrdiff_t kLine = 64 / sizeof(T), kLines = kStride / kLine;
  const V weight = hn::Set(d, job.weight), dual_weight = hn::Set(d, job.dual_weight), keep_r = hn::Set(d, job.keep_r),
          keep_v = hn::Set(d, job.keep_v), ascent = hn::Set(d, job.ascent), one = hn::Set(d, T(1)),
          half = hn::Set(d, T(0.5)), zero = hn::Zero(d);
  const RightEdge<T> edge(tile.columns);
  T* row = tile.row(y);
  const T* down = y + 1 < tile.rows ? tile.row(y + 1) : row;
  DoubleSum<T> residual, variation, gap;
  const bool goes_on = job.ascent == 0;
  const auto held = [&](V u, int c) HWY_ATTR
      __attribute__((always_inline)) { return hn::Min(hn::Max(u, hn::Set(d, job.low[c])), hn::Set(d, job.high[c])); };
  Vs next_even, q1_left;
  for (int c = 0; c < kChannels; c++) {
    next_even.v[c] = hn::Load(d, row + c * kRecord<T> + kU * N);
    q1_left.v[c] = zero;
  }
  const T* ahead = tile.row(std::min(y + 2, tile.rows - 1));
  for (ptrdiff_t m = 0; m < tile.records; m++, row += kStride, down += kStride, above += 2 * kChannels * N) {
    const bool last = m + 1 == tile.records;
    for (int line = 0; line < kLines; line++, ahead += kLine) __builtin_prefetch(ahead, 0, 2);
    Pack<V, 2 * kChannels> u, d0, d1, x0, x1;
    for (int c = 0; c < kChannels; c++) {
      const T* from = row + c * kRecord<T>;
      const T* below = down + c * kRecord<T>;
      const V even = next_even.v[c], odd = hn::Load(d, from + (kU + 1) * N);
      const V next = last ? even : hn::Load(d, from + kStride + kU * N);
      V right_even = odd, right_odd = NextLanes(d, even, next);
      if (last) {
        right_even = hn::IfThenElse(edge.even, even, right_even);
        right_odd = hn::IfThenElse(edge.odd, odd, right_odd);
      }
      next_even.v[c] = next;
      const auto differ = [&](int i, V own, V right) HWY_ATTR __attribute__((always_inline)) {
        const int k = i % 2;
        const V under = hn::Load(d, below + (kU + k) * N);
        // v: of u as the iteration left it
        x0.v[i] = hn::MulAdd(ascent, hn::Sub(under, own), hn::Load(d, from + (kC0 + k) * N));
        x1.v[i] = hn::MulAdd(ascent, hn::Sub(right, own), hn::Load(d, from + (kC1 + k) * N));
        u.v[i] = held(own, c);
        d0.v[i] = hn::Sub(held(under, c), u.v[i]);
        d1.v[i] = hn::Sub(held(right, c), u.v[i]);
      };
      differ(2 * c, even, right_even);
      differ(2 * c + 1, odd, right_odd);
      hn::StoreInterleaved2(u.v[2 * c], u.v[2 * c + 1], d, pixels[c] + 2 * m * N);
    }
    V record_residual = zero, record_variation = zero, record_gap = zero;
    const bool counts = own && m >= tile.own_m0 && m < tile.own_m1;
    for (int odd = 0; odd < 2; odd++) {
      V square0 = zero, square1 = zero, slope0 = zero, slope1 = zero;
      for (int c = 0; c < kChannels; c++) {
        const int i = 2 * c + odd;
        square0 = hn::MulAdd(x0.v[i], x0.v[i], square0);
        square1 = hn::MulAdd(x1.v[i], x1.v[i], square1);
        slope0 = hn::MulAdd(d0.v[i], d0.v[i], slope0);
        slope1 = hn::MulAdd(d1.v[i], d1.v[i], slope1);
      }
      V norm0, norm1, slope;
      if constexpr (kIsotropic) {
        norm0 = norm1 = hn::Max(hn::Add(square0, square1), one);
        slope = PreciseSqrt(d, hn::Add(slope0, slope1));
      } else {
        norm0 = hn::Max(square0, one);
        norm1 = hn::Max(square1, one);
        slope = hn::Add(PreciseSqrt(d, slope0), PreciseSqrt(d, slope1));
      }
      const V estimate0 = ReciprocalSqrt(d, norm0), r0 = PreciseReciprocalSqrt(d, norm0, estimate0);
      const V estimate1 = kIsotropic ? estimate0 : ReciprocalSqrt(d, norm1);
      const V r1 = kIsotropic ? r0 : PreciseReciprocalSqrt(d, norm1, estimate1);
      V product = zero;
      for (int c = 0; c < kChannels; c++) {
        const int i = 2 * c + odd;
        if (goes_on) {  // as the iteration would have left it: looking changes nothing
          T* to = row + c * kRecord<T>;
          hn::Store(hn::Mul(x0.v[i], hn::MulAdd(keep_r, estimate0, keep_v)), d, to + (kC0 + odd) * N);
          hn::Store(hn::Mul(x1.v[i], hn::MulAdd(keep_r, estimate1, keep_v)), d, to + (kC1 + odd) * N);
        }
        x0.v[i] = hn::Mul(dual_weight, hn::Mul(x0.v[i], r0));
        x1.v[i] = hn::Mul(dual_weight, hn::Mul(x1.v[i], r1));
        product = hn::MulAdd(x0.v[i], d0.v[i], hn::MulAdd(x1.v[i], d1.v[i], product));
      }
      if (!counts) continue;
      const ptrdiff_t valid = (tile.columns + 1 - odd) / 2 - m * N;
      V excess = hn::Max(hn::MulSub(weight, slope, product), zero);
      if (last) {
        const auto inside = hn::FirstN(d, static_cast<size_t>(std::clamp<ptrdiff_t>(valid, 0, N)));
        excess = hn::IfThenElseZero(inside, excess);
        slope = hn::IfThenElseZero(inside, slope);
      }
      record_gap = hn::Add(record_gap, excess);
      record_variation = hn::Add(record_variation, slope);
    }
    for (int c = 0; c < kChannels; c++) {
      T* top = above + c * 2 * N;
      const V even0 = x0.v[2 * c], odd0 = x0.v[2 * c + 1], even1 = x1.v[2 * c], odd1 = x1.v[2 * c + 1];
      if (q0 != nullptr) {
        hn::StoreInterleaved2(even0, odd0, d, q0[c] + 2 * m * N);
        hn::StoreInterleaved2(even1, odd1, d, q1[c] + 2 * m * N);
      }
      const V div_even =
          hn::Add(hn::Sub(even0, hn::Load(d, top)), hn::Sub(even1, PreviousLanes(d, q1_left.v[c], odd1)));
      const V div_odd = hn::Add(hn::Sub(odd0, hn::Load(d, top + N)), hn::Sub(odd1, even1));
      q1_left.v[c] = odd1;
      hn::Store(even0, d, top);
      hn::Store(odd0, d, top + N);
      if (!counts) continue;
      const T* f = row + c * kRecord<T> + kF * N;
      for (int odd = 0; odd < 2; odd++) {
        V e = hn::Sub(u.v[2 * c + odd], hn::Load(d, f + odd * N));
        V g = hn::Sub(e, odd ? div_odd : div_even);
        if (last) {
          const ptrdiff_t valid = (tile.columns + 1 - odd) / 2 - m * N;
          const auto inside = hn::FirstN(d, static_cast<size_t>(std::clamp<ptrdiff_t>(valid, 0, N)));
          e = hn::IfThenElseZero(inside, e);
          g = hn::IfThenElseZero(inside, g);
        }
        record_residual = hn::MulAdd(e, e, record_residual);
        record_gap = hn::MulAdd(hn::Mul(half, g), g, record_gap);
      }
    }
    residual.add(record_residual);
    variation.add(record_variation);
    gap.add(record_gap);
  }
  if (own) *sums = {residual.total(), variation.total(), gap.total(), 0};
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::tv
HWY_AFTER_NAMESPACE();
#endif
