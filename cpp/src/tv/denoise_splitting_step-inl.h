// Iterations of denoise_splitting.hpp.
#if defined(FASTCV_TV_DENOISE_STEP) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_TV_DENOISE_STEP
#undef FASTCV_TV_DENOISE_STEP
#else
#define FASTCV_TV_DENOISE_STEP
#endif

#include <algorithm>
#include <type_traits>

#include "tv/denoise_splitting_records-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::tv {
namespace HWY_NAMESPACE {

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

// What a row asks for: all of a step; what the upper and lower edge leave of it; u alone.
enum RowKind : int { kInnerRow, kEdgeRow, kSweptRow };

template <class T, int kChannels, bool kIsotropic, int kParity, RowKind kKind>
HWY_NOINLINE void RowStep(const Step<T>& step) {
  using D = Lanes<T>;
  using V = hn::Vec<D>;
  using Vs = Pack<V, kChannels>;
  const D d;
  constexpr ptrdiff_t N = kN<T>, kStride = kChannels * kRecord<T>;
  constexpr ptrdiff_t kMine = kU + kParity, kMyRhs = kRhs + kParity;
  const Tile<T>& tile = *step.tile;
  const ptrdiff_t last_row = tile.rows - 1;
  constexpr bool kInner = kKind == kInnerRow;
  // At the upper and lower edge parts of a step fall away. In the inner rows these are constants.
  const bool has_a = kInner || step.r <= last_row, has_b = kInner || (step.r >= 1 && step.r <= tile.rows),
             has_c = kInner || (kKind == kEdgeRow && step.r >= 2);
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

template <class T, int kChannels, bool kIsotropic, RowKind kKind>
void DoRow(const Step<T>& step) {
  if (step.r % 2 == 0) {
    RowStep<T, kChannels, kIsotropic, 0, kKind>(step);
  } else {
    RowStep<T, kChannels, kIsotropic, 1, kKind>(step);
  }
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
        if (!stages[k].dual) {
          DoRow<T, kChannels, true, kSweptRow>(step);
        } else if (row >= 2 && row < tile.rows - 1) {
          DoRow<T, kChannels, kIsotropic, kInnerRow>(step);
        } else {
          DoRow<T, kChannels, kIsotropic, kEdgeRow>(step);
        }
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::tv
HWY_AFTER_NAMESPACE();
#endif
