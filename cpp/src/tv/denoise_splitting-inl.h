// The kernels of denoise_splitting.hpp for pixels of type T.
#if defined(FASTCV_TV_DENOISE_SPLITTING) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_TV_DENOISE_SPLITTING
#undef FASTCV_TV_DENOISE_SPLITTING
#else
#define FASTCV_TV_DENOISE_SPLITTING
#endif

#include <algorithm>
#include <type_traits>

#include "hwy/cache_control.h"

#include "runtime/simd-inl.h"
#include "tv/denoise_splitting.hpp"
#include "tv/denoise_sum-inl.h"

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

// ---- one iteration on one row --------------------------------------------------------------------
// A step at row r updates the red pixels of row r, then the black ones of row r - 1, then c and rhs of row r - 2: each
// finds all it needs done. Its pixels of both colours are the even ones when r is even, else the odd ones.

template <class T>
struct Step {
  const Tile<T>* tile;
  const Stage<T>* stage;
  ptrdiff_t r;
  T* t0;                 // t's first component of row r - 3, becomes that of row r - 2
  T* carry;              // a vector a channel: t's second component of the record to the left
  ptrdiff_t begin, end;  // records
  const T* prefetch;     // of each channel of record 0, a line
};

template <class T, int kChannels, bool kIsotropic, int kParity, bool kInner>
HWY_NOINLINE void RowStep(const Step<T>& step) {
  using D = Lanes<T>;
  using V = hn::Vec<D>;
  using Vs = Pack<V, kChannels>;
  const D d;
  constexpr ptrdiff_t N = kN<T>, kStride = kChannels * kRecord<T>;
  constexpr ptrdiff_t kMine = kU + kParity, kMyRhs = kRhs + kParity;
  const Tile<T>& tile = *step.tile;
  const ptrdiff_t last_row = tile.rows - 1;
  // At the upper and lower edge parts of a step fall away. In the inner rows these are constants.
  const bool has_a = kInner || step.r <= last_row, has_b = kInner || (step.r >= 1 && step.r <= tile.rows),
             has_c = kInner || step.r >= 2;
  const bool a_up = kInner || has_b, a_down = kInner || step.r < last_row, b_up = kInner || step.r >= 2, b_down = has_a,
             c_down = has_b;

  const Stage<T>& s = *step.stage;
  const V from_rhs = hn::Set(d, s.from_rhs), from_sum = hn::Set(d, s.from_sum), ascent = hn::Set(d, s.ascent),
          weight = hn::Set(d, s.weight), theta1 = hn::Set(d, s.theta1), theta = hn::Set(d, s.theta),
          keep_r = hn::Set(d, s.keep_r), keep_v = hn::Set(d, s.keep_v), one = hn::Set(d, T(1));
  const ptrdiff_t skip = step.begin * kStride;
  T* row_a = tile.row(step.r) + skip;
  const T* row_down = tile.row(step.r + 1) + skip;
  T* row_b = tile.row(step.r - 1) + skip;
  T* row_c = tile.row(step.r - 2) + skip;
  T* t0 = step.t0 + step.begin * 2 * kChannels * N;
  const T* prefetch = step.prefetch + skip;
  const bool first = step.begin == 0;

  // What a record needs of the one to its left (parity 0) or has already loaded of itself (parity 1), by channel.
  Vs a_side, b_side, c_even, t1_left;
  HWY_PRAGMA(GCC unroll 3) for (int c = 0; c < kChannels; c++) {
    const ptrdiff_t o = c * kRecord<T>;
    if (kParity == 0) {
      // The pixel to the left of the first one: its own old value.
      if (has_a) a_side.v[c] = first ? hn::Set(d, row_a[o + kU * N]) : hn::Load(d, row_a + o - kStride + (kU + 1) * N);
      if (has_b) b_side.v[c] = first ? hn::Set(d, row_b[o + kU * N]) : hn::Load(d, row_b + o - kStride + (kU + 1) * N);
    } else {
      if (has_a) a_side.v[c] = hn::Load(d, row_a + o + kU * N);
      if (has_b) b_side.v[c] = hn::Load(d, row_b + o + kU * N);
    }
    if (has_c) c_even.v[c] = hn::Load(d, row_c + o + kU * N);
    t1_left.v[c] = first ? hn::Zero(d) : hn::Load(d, step.carry + c * N);
  }

  const auto record = [&](const auto& edge) HWY_ATTR __attribute__((always_inline)) {
    constexpr bool kLast = !std::is_same_v<decltype(edge), const std::false_type&>;
    HWY_PRAGMA(GCC unroll 3) for (int c = 0; c < kChannels; c++) __builtin_prefetch(prefetch + c * kRecord<T>, 0, 2);
    // The two horizontal neighbours of the pixels of this parity in one row; moves `side` on.
    const auto neighbours = [&](const T* row, V own, V& side, V* other) HWY_ATTR __attribute__((always_inline)) {
      V left, right;
      if constexpr (kParity == 0) {
        const V odd = hn::Load(d, row + (kU + 1) * N);
        left = PreviousLanes(d, side, odd);
        right = odd;
        if constexpr (kLast) right = hn::IfThenElse(edge.even, own, right);
        side = odd;
        *other = odd;
      } else {
        left = side;
        *other = side;
        const V next = kLast ? side : hn::Load(d, row + kStride + kU * N);
        right = NextLanes(d, side, next);
        if constexpr (kLast) right = hn::IfThenElse(edge.odd, own, right);
        side = next;
      }
      return hn::Add(left, right);
    };
    const auto relaxed = [&](V sum, const T* rhs) HWY_ATTR
        __attribute__((always_inline)) { return hn::MulAdd(from_sum, sum, hn::Mul(from_rhs, hn::Load(d, rhs))); };

    Vs down_mine, down_other;  // row r - 1, for the differences of row r - 2
    HWY_PRAGMA(GCC unroll 3) for (int c = 0; c < kChannels; c++) {
      const ptrdiff_t o = c * kRecord<T>;
      V a, b, ignored;
      if (has_b) b = hn::Load(d, row_b + o + kMine * N);
      if (has_a) {
        const V own = hn::Load(d, row_a + o + kMine * N);
        const V beside = neighbours(row_a + o, own, a_side.v[c], &ignored);
        const V up = a_up ? b : own;
        const V down = a_down ? hn::Load(d, row_down + o + kMine * N) : own;
        a = relaxed(hn::Add(hn::Add(up, down), beside), row_a + o + kMyRhs * N);
        hn::Store(a, d, row_a + o + kMine * N);
      }
      if (has_b) {
        const V beside = neighbours(row_b + o, b, b_side.v[c], &down_other.v[c]);
        const V up = b_up ? hn::Load(d, row_c + o + kMine * N) : b;
        const V down = b_down ? a : b;
        b = relaxed(hn::Add(hn::Add(up, down), beside), row_b + o + kMyRhs * N);
        hn::Store(b, d, row_b + o + kMine * N);
        down_mine.v[c] = b;
      }
    }

    if (has_c) {
      Pack<V, 2 * kChannels> v0, v1;  // even and odd pixels of each channel
      HWY_PRAGMA(GCC unroll 3) for (int c = 0; c < kChannels; c++) {
        const ptrdiff_t o = c * kRecord<T>;
        const V even = c_even.v[c], odd = hn::Load(d, row_c + o + (kU + 1) * N);
        const V down_even = !c_down ? even : kParity ? down_other.v[c] : down_mine.v[c];
        const V down_odd = !c_down ? odd : kParity ? down_mine.v[c] : down_other.v[c];
        const V next = kLast ? even : hn::Load(d, row_c + o + kStride + kU * N);
        V right_even = odd, right_odd = NextLanes(d, even, next);
        if constexpr (kLast) {
          right_even = hn::IfThenElse(edge.even, even, right_even);
          right_odd = hn::IfThenElse(edge.odd, odd, right_odd);
        }
        c_even.v[c] = next;
        const T* old = row_c + o;
        v0.v[2 * c] = hn::MulAdd(ascent, hn::Sub(down_even, even), hn::Load(d, old + kC0 * N));
        v1.v[2 * c] = hn::MulAdd(ascent, hn::Sub(right_even, even), hn::Load(d, old + kC1 * N));
        v0.v[2 * c + 1] = hn::MulAdd(ascent, hn::Sub(down_odd, odd), hn::Load(d, old + (kC0 + 1) * N));
        v1.v[2 * c + 1] = hn::MulAdd(ascent, hn::Sub(right_odd, odd), hn::Load(d, old + (kC1 + 1) * N));
      }
      HWY_PRAGMA(GCC unroll 2) for (int odd = 0; odd < 2; odd++) {
        V square0 = hn::Mul(v0.v[odd], v0.v[odd]), square1 = hn::Mul(v1.v[odd], v1.v[odd]);
        HWY_PRAGMA(GCC unroll 3) for (int c = 1; c < kChannels; c++) {
          square0 = hn::MulAdd(v0.v[2 * c + odd], v0.v[2 * c + odd], square0);
          square1 = hn::MulAdd(v1.v[2 * c + odd], v1.v[2 * c + odd], square1);
        }
        V r0, r1;
        if constexpr (kIsotropic) {
          r0 = r1 = ReciprocalSqrt(d, hn::Max(hn::Add(square0, square1), one));
        } else {
          r0 = ReciprocalSqrt(d, hn::Max(square0, one));
          r1 = ReciprocalSqrt(d, hn::Max(square1, one));
        }
        const V to_t0 = hn::MulSub(theta1, r0, theta), to_c0 = hn::MulAdd(keep_r, r0, keep_v);
        const V to_t1 = kIsotropic ? to_t0 : hn::MulSub(theta1, r1, theta);
        const V to_c1 = kIsotropic ? to_c0 : hn::MulAdd(keep_r, r1, keep_v);
        HWY_PRAGMA(GCC unroll 3) for (int c = 0; c < kChannels; c++) {
          T* to = row_c + c * kRecord<T>;
          V& x0 = v0.v[2 * c + odd];
          V& x1 = v1.v[2 * c + odd];
          hn::Store(hn::Mul(x0, to_c0), d, to + (kC0 + odd) * N);
          hn::Store(hn::Mul(x1, to_c1), d, to + (kC1 + odd) * N);
          x0 = hn::Mul(x0, to_t0);
          x1 = hn::Mul(x1, to_t1);
        }
      }
      HWY_PRAGMA(GCC unroll 3) for (int c = 0; c < kChannels; c++) {
        T* to = row_c + c * kRecord<T>;
        T* above = t0 + c * 2 * N;
        const V even0 = v0.v[2 * c], even1 = v1.v[2 * c], odd0 = v0.v[2 * c + 1], odd1 = v1.v[2 * c + 1];
        const V div0_even = hn::Sub(even0, hn::Load(d, above)), div0_odd = hn::Sub(odd0, hn::Load(d, above + N));
        hn::Store(even0, d, above);
        hn::Store(odd0, d, above + N);
        const V left = PreviousLanes(d, t1_left.v[c], odd1);
        t1_left.v[c] = odd1;
        hn::Store(hn::MulAdd(weight, hn::Add(div0_even, hn::Sub(even1, left)), hn::Load(d, to + kF * N)), d,
                  to + kRhs * N);
        hn::Store(hn::MulAdd(weight, hn::Add(div0_odd, hn::Sub(odd1, even1)), hn::Load(d, to + (kF + 1) * N)), d,
                  to + (kRhs + 1) * N);
      }
    }
    row_a += kStride;
    row_down += kStride;
    row_b += kStride;
    row_c += kStride;
    t0 += 2 * kChannels * N;
    prefetch += kStride;
  };

  const ptrdiff_t whole = std::min(step.end, tile.records - 1);
  for (ptrdiff_t m = step.begin; m < whole; m++) record(std::false_type());
  if (step.end == tile.records) record(RightEdge<T>(tile.columns));
  HWY_PRAGMA(GCC unroll 3) for (int c = 0; c < kChannels; c++) hn::Store(t1_left.v[c], d, step.carry + c * N);
}

// ---- many iterations on a few rows -----------------------------------------------------------------
// Iteration k works two rows behind iteration k - 1, and on a few rows at a time, by chunks of columns; a chunk stands
// one record further left in each row, so that all it reads is done. Every pixel sees the same operations in any such
// order.

template <class T, int kChannels, bool kIsotropic>
void Wavefront(const Tile<T>& tile, const Stage<T>* stages, int count, ptrdiff_t r, T* t0) {
  constexpr ptrdiff_t kChunk = 16;  // records
  constexpr ptrdiff_t kLine = 64 / sizeof(T), kLines = kRecord<T> / kLine;
  alignas(HWY_MAX_BYTES) T carries[kBlockRows * kChannels * kN<T>];
  const ptrdiff_t t0_row = tile.records * 2 * kChannels * kN<T>;
  const ptrdiff_t until = tile.records + kBlockRows - 1;
  for (int k = 0; k < count; k++) {
    const ptrdiff_t row0 = r - 2 * k;
    if (row0 + kBlockRows <= 0) break;
    if (row0 >= tile.rows + 2) continue;
    for (ptrdiff_t m = 0; m < until; m += kChunk) {
      for (int i = 0; i < kBlockRows; i++) {
        const ptrdiff_t row = row0 + i;
        if (row < 0 || row >= tile.rows + 2) continue;
        const ptrdiff_t ahead = std::min(tile.rows - 1, r + i + kBlockRows + 2);
        const Step<T> step{&tile,
                           stages + k,
                           row,
                           t0 + k * t0_row,
                           carries + i * kChannels * kN<T>,
                           std::max<ptrdiff_t>(0, m - i),
                           m + kChunk >= until ? tile.records : std::min(tile.records, m + kChunk - i),
                           tile.row(ahead) + k % kLines * kLine};
        if (step.begin >= step.end) continue;
        const bool inner = row >= 2 && row < tile.rows - 1;
        if (row % 2 == 0) {
          inner ? RowStep<T, kChannels, kIsotropic, 0, true>(step) : RowStep<T, kChannels, kIsotropic, 0, false>(step);
        } else {
          inner ? RowStep<T, kChannels, kIsotropic, 1, true>(step) : RowStep<T, kChannels, kIsotropic, 1, false>(step);
        }
      }
    }
  }
}

// ---- in and out --------------------------------------------------------------------------------

template <class T>
void PackRow(const Tile<T>& tile, ptrdiff_t y, int channel, const T* pixels, T* low, T* high) {
  const Lanes<T> d;
  constexpr ptrdiff_t N = kN<T>;
  auto least = hn::Set(d, *low), most = hn::Set(d, *high);
  const auto zero = hn::Zero(d);
  T* to = tile.row(y) + channel * kRecord<T>;
  // A state that no cache will hold is written around them.
  constexpr ptrdiff_t kStreamBytes = 16 << 20;
  const bool stream = tile.rows > kStreamBytes / (tile.pitch * static_cast<ptrdiff_t>(sizeof(T)));
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
          keep_v = hn::Set(d, job.keep_v), one = hn::Set(d, T(1)), half = hn::Set(d, T(0.5)), zero = hn::Zero(d);
  const RightEdge<T> edge(tile.columns);
  T* row = tile.row(y);
  const T* down = y + 1 < tile.rows ? tile.row(y + 1) : row;
  DoubleSum<T> residual, variation, gap;
  const auto held = [&](const T* p, int c) HWY_ATTR __attribute__((always_inline)) {
    return hn::Min(hn::Max(hn::Load(d, p), hn::Set(d, job.low[c])), hn::Set(d, job.high[c]));
  };
  Vs next_even, q1_left;
  for (int c = 0; c < kChannels; c++) {
    next_even.v[c] = held(row + c * kRecord<T> + kU * N, c);
    q1_left.v[c] = zero;
  }
  const T* ahead = tile.row(std::min(y + 2, tile.rows - 1));
  for (ptrdiff_t m = 0; m < tile.records; m++, row += kStride, down += kStride, above += 2 * kChannels * N) {
    const bool last = m + 1 == tile.records;
    for (int line = 0; line < kLines; line++, ahead += kLine) __builtin_prefetch(ahead, 0, 2);
    Pack<V, 2 * kChannels> u, d0, d1;
    for (int c = 0; c < kChannels; c++) {
      const ptrdiff_t o = c * kRecord<T>;
      const V even = next_even.v[c], odd = held(row + o + (kU + 1) * N, c);
      const V next = last ? even : held(row + kStride + o + kU * N, c);
      V right_even = odd, right_odd = NextLanes(d, even, next);
      if (last) {
        right_even = hn::IfThenElse(edge.even, even, right_even);
        right_odd = hn::IfThenElse(edge.odd, odd, right_odd);
      }
      next_even.v[c] = next;
      u.v[2 * c] = even;
      u.v[2 * c + 1] = odd;
      d0.v[2 * c] = hn::Sub(held(down + o + kU * N, c), even);
      d0.v[2 * c + 1] = hn::Sub(held(down + o + (kU + 1) * N, c), odd);
      d1.v[2 * c] = hn::Sub(right_even, even);
      d1.v[2 * c + 1] = hn::Sub(right_odd, odd);
      hn::StoreInterleaved2(even, odd, d, pixels[c] + 2 * m * N);
    }
    V record_residual = zero, record_variation = zero, record_gap = zero;
    Pack<V, 2 * kChannels> x0, x1;
    const bool counts = own && m >= tile.own_m0 && m < tile.own_m1;
    for (int odd = 0; odd < 2; odd++) {
      V square0 = zero, square1 = zero, slope0 = zero, slope1 = zero;
      for (int c = 0; c < kChannels; c++) {
        const int i = 2 * c + odd;
        const T* from = row + c * kRecord<T>;
        x0.v[i] = hn::Load(d, from + (kC0 + odd) * N);
        x1.v[i] = hn::Load(d, from + (kC1 + odd) * N);
        square0 = hn::MulAdd(x0.v[i], x0.v[i], square0);
        square1 = hn::MulAdd(x1.v[i], x1.v[i], square1);
        slope0 = hn::MulAdd(d0.v[i], d0.v[i], slope0);
        slope1 = hn::MulAdd(d1.v[i], d1.v[i], slope1);
      }
      V r0, r1, slope;
      if constexpr (kIsotropic) {
        r0 = r1 = hn::Div(one, hn::Sqrt(hn::Max(hn::Add(square0, square1), one)));
        slope = hn::Sqrt(hn::Add(slope0, slope1));
      } else {
        r0 = hn::Div(one, hn::Sqrt(hn::Max(square0, one)));
        r1 = hn::Div(one, hn::Sqrt(hn::Max(square1, one)));
        slope = hn::Add(hn::Sqrt(slope0), hn::Sqrt(slope1));
      }
      V product = zero;
      for (int c = 0; c < kChannels; c++) {
        const int i = 2 * c + odd;
        T* to = row + c * kRecord<T>;
        hn::Store(hn::Mul(x0.v[i], hn::MulAdd(keep_r, r0, keep_v)), d, to + (kC0 + odd) * N);
        hn::Store(hn::Mul(x1.v[i], hn::MulAdd(keep_r, r1, keep_v)), d, to + (kC1 + odd) * N);
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

template <class T, int kChannels, bool kIsotropic>
SplittingKernels<T> KernelsFor() {
  return {static_cast<int>(kN<T>), &PackRow<T>, &StartRowFrom<T>, &Wavefront<T, kChannels, kIsotropic>,
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
