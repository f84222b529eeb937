// Horizontal windows over a row that streams through registers, as pairs of 16-bit vectors: the even bytes of a
// stretch of row and its odd bytes. A window is right-anchored: what comes out at byte b is the sum of the pixels
// that end at b. Several rows (kRows) run side by side to fill the latencies.
#if defined(FASTCV_WINDOW_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_WINDOW_INL
#undef FASTCV_WINDOW_INL
#else
#define FASTCV_WINDOW_INL
#endif

#include "runtime/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv {
namespace HWY_NAMESPACE {
namespace {

constexpr hn::ScalableTag<uint8_t> kBytes;
constexpr hn::ScalableTag<uint16_t> kWords;
using V8 = hn::Vec<decltype(kBytes)>;
using V16 = hn::Vec<decltype(kWords)>;
constexpr int kVector = HWY_MAX_BYTES;
constexpr int kLanes16 = kVector / 2;
template <int M>
using Pack16 = Pack<V16, M>;

#define FASTCV_EACH(i, M) HWY_PRAGMA(GCC unroll 16) for (int i = 0; i < (M); i++)

template <int M>
HWY_INLINE Pack16<M> Zeros() {
  Pack16<M> r;
  FASTCV_EACH(i, M) r.v[i] = hn::Zero(kWords);
  return r;
}
template <int M>
HWY_INLINE Pack16<M> Sum(const Pack16<M>& a, const Pack16<M>& b) {
  Pack16<M> r;
  FASTCV_EACH(i, M) r.v[i] = hn::Add(a.v[i], b.v[i]);
  return r;
}
template <int M>
HWY_INLINE Pack16<M> Minus(const Pack16<M>& a, const Pack16<M>& b) {
  Pack16<M> r;
  FASTCV_EACH(i, M) r.v[i] = hn::Sub(a.v[i], b.v[i]);
  return r;
}
template <int kLanes, int M>
HWY_INLINE Pack16<M> Slide(const Pack16<M>& previous, const Pack16<M>& current) {
  Pack16<M> r;
  FASTCV_EACH(i, M) r.v[i] = SlideUpFrom<kLanes>(previous.v[i], current.v[i]);
  return r;
}
template <int M>
HWY_INLINE Pack16<2 * M> Join(const Pack16<M>& a, const Pack16<M>& b) {
  Pack16<2 * M> r;
  FASTCV_EACH(i, M) r.v[i] = a.v[i];
  FASTCV_EACH(i, M) r.v[M + i] = b.v[i];
  return r;
}
template <int M>
HWY_INLINE void Part(const Pack16<2 * M>& joined, Pack16<M>& a, Pack16<M>& b) {
  FASTCV_EACH(i, M) a.v[i] = joined.v[i];
  FASTCV_EACH(i, M) b.v[i] = joined.v[M + i];
}

// What went in kShift lanes ago.
template <int kShift, int M>
struct Delay {
  static constexpr int kDepth = kShift == 0 ? 1 : (kShift + kLanes16 - 1) / kLanes16;
  static constexpr int kRest = kShift - (kDepth - 1) * kLanes16;
  Pack16<M> past[kDepth];

  HWY_INLINE void Reset() { FASTCV_EACH(i, kDepth) past[i] = Zeros<M>(); }
  HWY_INLINE Pack16<M> Step(const Pack16<M>& current) {
    Pack16<M> r;
    if constexpr (kDepth == 1) {
      r = Slide<kRest>(past[0], current);
    } else {
      r = Slide<kRest>(past[kDepth - 1], past[kDepth - 2]);
    }
    FASTCV_EACH(i, kDepth - 1) past[kDepth - 1 - i] = past[kDepth - 2 - i];
    past[0] = current;
    return r;
  }
};

// kTaps taps, kStride lanes apart, by doubling: the taps' binary digits, highest first. 15 is 16 less 1.
template <int kTaps, int kStride, int M>
struct Taps {
  Taps<kTaps / 2, kStride, M> half;
  Delay<kTaps / 2 * kStride, M> other_half;
  Delay<kStride, M> rest;

  HWY_INLINE void Reset() {
    half.Reset();
    other_half.Reset();
    rest.Reset();
  }
  HWY_INLINE Pack16<M> Step(const Pack16<M>& x) {
    const Pack16<M> t = half.Step(x);
    const Pack16<M> twice = Sum(t, other_half.Step(t));
    if constexpr (kTaps % 2 == 0) return twice;
    return Sum(x, rest.Step(twice));
  }
};
template <int kStride, int M>
struct Taps<15, kStride, M> {
  Taps<16, kStride, M> sixteen;
  Delay<15 * kStride, M> last;

  HWY_INLINE void Reset() {
    sixteen.Reset();
    last.Reset();
  }
  HWY_INLINE Pack16<M> Step(const Pack16<M>& x) { return Minus(sixteen.Step(x), last.Step(x)); }
};
template <int kStride, int M>
struct Taps<1, kStride, M> {
  HWY_INLINE void Reset() {}
  HWY_INLINE Pack16<M> Step(const Pack16<M>& x) { return x; }
};
template <int kStride, int M>
struct Taps<0, kStride, M> {
  HWY_INLINE void Reset() {}
  HWY_INLINE Pack16<M> Step(const Pack16<M>&) { return Zeros<M>(); }
};

// What went in any number of bytes ago: a ring in memory, with its first vector repeated behind its end.
template <int M>
struct Ring {
  static constexpr size_t kBytesEach = 1024;  // > 4 channels x 128 pixels + 2 vectors
  static constexpr size_t kPitch = kBytesEach + 64;
  static constexpr size_t kBytesAll = M * kPitch;
  uint8_t* memory;
  size_t delay, position;

  HWY_INLINE void Reset(uint8_t* scratch, size_t delay_bytes) {
    memory = scratch;
    delay = delay_bytes;
    position = 0;
    // A window that begins with the first pixel reads up to C + 1 bytes before it; what lies further back only
    // reaches outputs that are thrown away.
    FASTCV_EACH(i, M) hn::Store(hn::Zero(kBytes), kBytes, memory + i * kPitch + kBytesEach - kVector);
  }
  HWY_INLINE Pack16<M> Step(const Pack16<M>& current) {
    FASTCV_EACH(i, M) hn::Store(hn::BitCast(kBytes, current.v[i]), kBytes, memory + i * kPitch + position);
    if (position == 0) {
      FASTCV_EACH(i, M) hn::Store(hn::BitCast(kBytes, current.v[i]), kBytes, memory + i * kPitch + kBytesEach);
    }
    const size_t from = (position - delay) & (kBytesEach - 1);
    Pack16<M> r;
    FASTCV_EACH(i, M) r.v[i] = hn::BitCast(kWords, hn::LoadU(kBytes, memory + i * kPitch + from));
    position = (position + kVector) & (kBytesEach - 1);
    return r;
  }
};

// Running sum of lanes kStride apart. It wraps at 16 bits; differences of it do not mind.
template <int kStride, int M>
struct PrefixSum {
  Pack16<M> carry;
  HWY_INLINE void Reset() { carry = Zeros<M>(); }
  template <int kStep>
  static HWY_INLINE Pack16<M> Scan(const Pack16<M>& x) {
    if constexpr (kStep >= kLanes16) {
      return x;
    } else {
      return Scan<2 * kStep>(Sum(x, Slide<kStep>(Zeros<M>(), x)));
    }
  }
  HWY_INLINE Pack16<M> Step(const Pack16<M>& x) {
    Pack16<M> local = Scan<kStride>(x);
    const Pack16<M> sum = Sum(local, carry);
    if constexpr (kLanes16 % kStride == 0) {  // the loop's chain is then one addition
      FASTCV_EACH(i, M) local.v[i] = RepeatLast<kStride>(local.v[i]);
      carry = Sum(carry, local);
    } else {
      FASTCV_EACH(i, M) carry.v[i] = RepeatLast<kStride>(sum.v[i]);
    }
    return sum;
  }
};

// The window of a row of C-channel pixels. With an even C the even and the odd bytes are rows of their own, C / 2
// lanes a pixel. With an odd C neighbours of one channel alternate between even and odd bytes: pair sums
// q[i] = odd[i] + even[i - b] stand C lanes apart, and one window u of half the taps over them gives both halves.
template <int C, int kTaps, int kRows>
struct TapsWindow {
  static constexpr bool kSplit = C % 2 == 0;
  static constexpr int kMore = (C + 1) / 2, kFewer = (C - 1) / 2;
  static constexpr int kEdgeShift = kTaps % 2 == 0 ? C * kTaps / 2 : C * (kTaps - 1) / 2;
  Taps<kSplit ? kTaps : kTaps / 2, kSplit ? C / 2 : C, kSplit ? 2 * kRows : kRows> taps;
  Delay<kFewer, kRows> pair;
  Delay<kMore, kRows> window;
  Delay<kEdgeShift, kRows> edge;

  static constexpr size_t kScratch = 0;
  HWY_INLINE void Reset(uint8_t*, int) {
    taps.Reset();
    pair.Reset();
    window.Reset();
    edge.Reset();
  }
  HWY_INLINE void Step(const Pack16<kRows>& even, const Pack16<kRows>& odd, Pack16<kRows>& even_sum,
                       Pack16<kRows>& odd_sum) {
    if constexpr (kSplit) {
      Part(taps.Step(Join(even, odd)), even_sum, odd_sum);
    } else {
      const Pack16<kRows> u = taps.Step(Sum(odd, pair.Step(even)));
      if constexpr (kTaps % 2 == 0) {
        odd_sum = u;
        even_sum = Sum(Minus(even, edge.Step(even)), window.Step(u));
      } else {
        odd_sum = Sum(u, edge.Step(odd));
        even_sum = Sum(even, window.Step(u));
      }
    }
  }
};

// Any number of taps (odd or even for an odd C), as a difference of prefix sums.
template <int C, bool kOddTaps, int kRows>
struct PrefixWindow {
  static constexpr bool kSplit = C % 2 == 0;
  static constexpr int kMore = (C + 1) / 2, kFewer = (C - 1) / 2;
  static constexpr int M = kSplit ? 2 * kRows : kRows;
  PrefixSum<kSplit ? C / 2 : C, M> prefix;
  Ring<M> before;
  Ring<kRows> edge;
  Delay<kFewer, kRows> pair;
  Delay<kMore, kRows> window;

  static constexpr size_t kScratch = Ring<M>::kBytesAll + (kSplit ? 0 : Ring<kRows>::kBytesAll);
  HWY_INLINE void Reset(uint8_t* scratch, int taps) {
    const size_t bytes = static_cast<size_t>(C) * (kSplit ? taps : (taps / 2) * 2);
    prefix.Reset();
    before.Reset(scratch, bytes);
    if constexpr (!kSplit) {
      edge.Reset(scratch + Ring<M>::kBytesAll, bytes);
      pair.Reset();
      window.Reset();
    }
  }
  HWY_INLINE void Step(const Pack16<kRows>& even, const Pack16<kRows>& odd, Pack16<kRows>& even_sum,
                       Pack16<kRows>& odd_sum) {
    if constexpr (kSplit) {
      const Pack16<M> p = prefix.Step(Join(even, odd));
      Part(Minus(p, before.Step(p)), even_sum, odd_sum);
    } else {
      const Pack16<kRows> p = prefix.Step(Sum(odd, pair.Step(even)));
      const Pack16<kRows> u = Minus(p, before.Step(p));
      if constexpr (kOddTaps) {
        odd_sum = Sum(u, edge.Step(odd));
        even_sum = Sum(even, window.Step(u));
      } else {
        odd_sum = u;
        even_sum = Sum(Minus(even, edge.Step(even)), window.Step(u));
      }
    }
  }
};

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fastcv
HWY_AFTER_NAMESPACE();
#endif
