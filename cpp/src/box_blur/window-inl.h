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

// M vectors that go through the same operations side by side. Halves within halves, not an array, and no local that is
// returned from one of two places: GCC 12 keeps either in memory, and pays a store a vector for it. The copy operations
// are written out because implicit ones do not get the SIMD target; the default constructor must stay trivial.
template <int M>
struct Group {
  Group<M / 2> lo, hi;
  Group() = default;
  HWY_INLINE Group(const Group<M / 2>& a, const Group<M / 2>& b) : lo(a), hi(b) {}
  HWY_INLINE Group(const Group& o) : lo(o.lo), hi(o.hi) {}
  HWY_INLINE Group& operator=(const Group& o) {
    lo = o.lo;
    hi = o.hi;
    return *this;
  }
};
template <>
struct Group<1> {
  V16 v;
  Group() = default;
  HWY_INLINE explicit Group(V16 x) : v(x) {}
  HWY_INLINE Group(const Group& o) : v(o.v) {}
  HWY_INLINE Group& operator=(const Group& o) {
    v = o.v;
    return *this;
  }
};

// fn on each vector of the groups.
template <int M, class Fn>
HWY_INLINE Group<M> Each(const Fn& fn, const Group<M>& a) {
  if constexpr (M == 1) {
    return Group<1>(fn(a.v));
  } else {
    return Group<M>(Each(fn, a.lo), Each(fn, a.hi));
  }
}
template <int M>
HWY_INLINE Group<M> Zeros() {
  if constexpr (M == 1) {
    return Group<1>(hn::Zero(kWords));
  } else {
    return Group<M>(Zeros<M / 2>(), Zeros<M / 2>());
  }
}
template <int M>
HWY_INLINE Group<M> Sum(const Group<M>& a, const Group<M>& b) {
  if constexpr (M == 1) {
    return Group<1>(hn::Add(a.v, b.v));
  } else {
    return Group<M>(Sum(a.lo, b.lo), Sum(a.hi, b.hi));
  }
}
template <int M>
HWY_INLINE Group<M> Minus(const Group<M>& a, const Group<M>& b) {
  if constexpr (M == 1) {
    return Group<1>(hn::Sub(a.v, b.v));
  } else {
    return Group<M>(Minus(a.lo, b.lo), Minus(a.hi, b.hi));
  }
}
template <int kLanes, int M>
HWY_INLINE Group<M> Slide(const Group<M>& previous, const Group<M>& current) {
  if constexpr (M == 1) {
    return Group<1>(SlideUpFrom<kLanes>(previous.v, current.v));
  } else {
    return Group<M>(Slide<kLanes>(previous.lo, current.lo), Slide<kLanes>(previous.hi, current.hi));
  }
}

// What went in kShift lanes ago.
template <int kShift, int M, bool kDeep = (kShift > kLanes16)>
struct Delay {
  Group<M> past;
  HWY_INLINE void Reset() { past = Zeros<M>(); }
  HWY_INLINE Group<M> Step(const Group<M>& current) {
    const Group<M> r = Slide<kShift>(past, current);
    past = current;
    return r;
  }
};
template <int kShift, int M>
struct Delay<kShift, M, true> {
  Group<M> past;
  Delay<kShift - kLanes16, M> further;
  HWY_INLINE void Reset() {
    past = Zeros<M>();
    further.Reset();
  }
  HWY_INLINE Group<M> Step(const Group<M>& current) {
    const Group<M> r = further.Step(past);
    past = current;
    return r;
  }
};

// kTaps taps, kStride lanes apart, by doubling: the taps' binary digits, highest first. The tap of an odd digit is the
// oldest one where one vector of the past holds it, else the newest.
template <int kTaps, int kStride, int M>
struct Taps {
  static constexpr bool kNear = (kTaps - 1) * kStride <= kLanes16;
  Taps<kTaps / 2, kStride, M> half;
  Delay<kTaps / 2 * kStride, M> other_half;
  Delay<kNear ? (kTaps - 1) * kStride : kStride, M> rest;

  HWY_INLINE void Reset() {
    half.Reset();
    other_half.Reset();
    rest.Reset();
  }
  HWY_INLINE Group<M> Step(const Group<M>& x) {
    const Group<M> t = half.Step(x);
    if constexpr (kTaps % 2 == 0) {
      return Sum(t, other_half.Step(t));
    } else {
      const Group<M> twice = Sum(t, other_half.Step(t));
      return kNear ? Sum(twice, rest.Step(x)) : Sum(x, rest.Step(twice));
    }
  }
};
// One less than a power of two has the most digits; it is that power less its last tap.
template <int kTaps, int kStride, int M>
struct TapsLessOne {
  Taps<kTaps + 1, kStride, M> more;
  Delay<kTaps * kStride, M> last;

  HWY_INLINE void Reset() {
    more.Reset();
    last.Reset();
  }
  HWY_INLINE Group<M> Step(const Group<M>& x) { return Minus(more.Step(x), last.Step(x)); }
};
template <int kStride, int M>
struct Taps<7, kStride, M> : TapsLessOne<7, kStride, M> {};
template <int kStride, int M>
struct Taps<15, kStride, M> : TapsLessOne<15, kStride, M> {};
template <int kStride, int M>
struct Taps<1, kStride, M> {
  HWY_INLINE void Reset() {}
  HWY_INLINE Group<M> Step(const Group<M>& x) { return x; }
};
template <int kStride, int M>
struct Taps<0, kStride, M> {
  HWY_INLINE void Reset() {}
  HWY_INLINE Group<M> Step(const Group<M>&) { return Zeros<M>(); }
};

// What went in any number of bytes ago: a ring in memory, with its first vector repeated behind its end.
constexpr size_t kRingBytes = 1024;      // > 4 channels x 128 pixels + 2 vectors
constexpr size_t kLongRingBytes = 2048;  // > 4 channels x 255 pixels + 2 vectors
template <int M, size_t kBytesEach = kRingBytes>
struct Ring {
  static constexpr size_t kPitch = kBytesEach + 64;
  uint8_t* memory;
  size_t delay, position;

  HWY_INLINE void Reset(uint8_t* scratch, size_t delay_bytes) {
    memory = scratch;
    delay = delay_bytes;
    position = 0;
    // A window that begins with the first pixel reads up to C + 1 bytes before it; what lies further back only
    // reaches outputs that are thrown away.
    Write(Zeros<M>(), memory + kBytesEach - kVector);
  }
  HWY_INLINE Group<M> Step(const Group<M>& current) {
    Put(current);
    const Group<M> r = At(delay);
    Advance();
    return r;
  }
  HWY_INLINE void Put(const Group<M>& current) {
    Write(current, memory + position);
    if (position == 0) Write(current, memory + kBytesEach);
  }
  HWY_INLINE Group<M> At(size_t bytes_ago) const {
    return Read<M>(memory + ((position - bytes_ago) & (kBytesEach - 1)));
  }
  HWY_INLINE void Advance() { position = (position + kVector) & (kBytesEach - 1); }

 private:
  template <int N>
  static HWY_INLINE void Write(const Group<N>& group, uint8_t* to) {
    if constexpr (N == 1) {
      hn::Store(hn::BitCast(kBytes, group.v), kBytes, to);
    } else {
      Write(group.lo, to);
      Write(group.hi, to + N / 2 * kPitch);
    }
  }
  template <int N>
  static HWY_INLINE Group<N> Read(const uint8_t* from) {
    if constexpr (N == 1) {
      return Group<1>(hn::BitCast(kWords, hn::LoadU(kBytes, from)));
    } else {
      return Group<N>(Read<N / 2>(from), Read<N / 2>(from + N / 2 * kPitch));
    }
  }
};

#if FASTCV_HAVE_SLIDE_BY
// The same for kVectors whole vectors and a rest, in registers: a store that goes around the caches would hold up
// the ring's loads behind it.
template <int kVectors, int M>
struct RegisterDelay {
  Group<M> past;
  RegisterDelay<kVectors - 1, M> further;
  HWY_INLINE void Reset(uint8_t* scratch, size_t delay_bytes) {
    past = Zeros<M>();
    further.Reset(scratch, delay_bytes);
  }
  HWY_INLINE Group<M> Step(const Group<M>& current) {
    const Group<M> r = further.Step(past);
    past = current;
    return r;
  }
};
template <int M>
struct RegisterDelay<0, M> {
  Group<M> past;
  V16 index;
  HWY_INLINE void Reset(uint8_t*, size_t delay_bytes) {
    past = Zeros<M>();
    index = SlideIndex<V16>(delay_bytes / 2 % kLanes16);
  }
  HWY_INLINE Group<M> Step(const Group<M>& current) {
    const Group<M> r = Slide(past, current);
    past = current;
    return r;
  }

 private:
  template <int N>
  HWY_INLINE Group<N> Slide(const Group<N>& previous, const Group<N>& current) const {
    if constexpr (N == 1) {
      return Group<1>(SlideUpFromBy(previous.v, current.v, index));
    } else {
      return Group<N>(Slide(previous.lo, current.lo), Slide(previous.hi, current.hi));
    }
  }
};
template <int kVectors, int M>
struct AnyDelayType {
  using Type = RegisterDelay<kVectors, M>;
};
constexpr int kRegisterDelays = 3;
#else
template <int kVectors, int M>
struct AnyDelayType;
constexpr int kRegisterDelays = 0;
#endif
constexpr int kInMemory = -1;
template <int M>
struct AnyDelayType<kInMemory, M> {
  using Type = Ring<M>;
};
template <int kVectors, int M>
using AnyDelay = typename AnyDelayType<kVectors, M>::Type;

// Running sum of lanes kStride apart, in two halves: within a vector, and on from the vectors before. It wraps at
// 16 bits; differences of it do not mind.
template <int kStride, int M>
struct PrefixSum {
  Group<M> carry;
  HWY_INLINE void Reset() { carry = Zeros<M>(); }
  template <int kStep = kStride>
  static HWY_INLINE Group<M> Scan(const Group<M>& x) {
    if constexpr (kStep >= kLanes16) {
      return x;
    } else {
      return Scan<2 * kStep>(Sum(x, Slide<kStep>(Zeros<M>(), x)));
    }
  }
  HWY_INLINE Group<M> Step(const Group<M>& scanned) {
    const auto last = [](V16 v) HWY_ATTR __attribute__((always_inline)) { return RepeatLast<kStride>(v); };
    const Group<M> sum = Sum(scanned, carry);
    // Where it can be, the loop's chain is one addition.
    carry = kLanes16 % kStride == 0 ? Sum(carry, Each(last, scanned)) : Each(last, sum);
    return sum;
  }
};

// The window of a row of C-channel pixels. With an even C the even and the odd bytes are rows of their own, C / 2
// lanes a pixel. With an odd C neighbours of one channel alternate between even and odd bytes: pair sums
// q[i] = odd[i] + even[i - b] stand C lanes apart, and one window u of half the taps over them gives both halves.
template <int C, int kTaps, int kRows>
struct TapsWindow {
  using Sums = Group<kRows>;
  static constexpr bool kSplit = C % 2 == 0;
  static constexpr int kMore = (C + 1) / 2, kFewer = (C - 1) / 2;
  static constexpr int kEdgeShift = kTaps % 2 == 0 ? C * kTaps / 2 : C * (kTaps - 1) / 2;
  Taps<kSplit ? kTaps : kTaps / 2, kSplit ? C / 2 : C, kSplit ? 2 * kRows : kRows> taps;
  Delay<kFewer, kRows> pair;
  Delay<kMore, kRows> window;
  Delay<kEdgeShift, kRows> edge;

  static constexpr ptrdiff_t kLag = 0;
  HWY_INLINE void Reset(uint8_t*, int) {
    taps.Reset();
    pair.Reset();
    window.Reset();
    edge.Reset();
  }
  HWY_INLINE void Step(const Group<kRows>& even, const Group<kRows>& odd, Group<kRows>& even_sum,
                       Group<kRows>& odd_sum) {
    if constexpr (kSplit) {
      const Group<2 * kRows> sums = taps.Step(Group<2 * kRows>(even, odd));
      even_sum = sums.lo;
      odd_sum = sums.hi;
    } else {
      const Group<kRows> u = taps.Step(Sum(odd, pair.Step(even)));
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

// Any number of taps (odd or even for an odd C), as a difference of prefix sums. kDelay: kInMemory, or how many whole
// vectors the delay in registers has.
// Step is half a step: it takes in one vector and gives out the sums of the one before (kLag). A processor that looks
// some 400 instructions ahead then finds work in both halves, where one long chain would leave it waiting.
template <int C, bool kOddTaps, int kDelay, int kRows>
struct PrefixWindow {
  using Sums = Group<kRows>;
  static constexpr bool kSplit = C % 2 == 0;
  static constexpr int kMore = (C + 1) / 2, kFewer = (C - 1) / 2;
  static constexpr int M = kSplit ? 2 * kRows : kRows;
  PrefixSum<kSplit ? C / 2 : C, M> prefix;
  AnyDelay<kDelay, M> before;
  AnyDelay<kDelay, kRows> edge;
  Delay<kFewer, kRows> pair;
  Delay<kMore, kRows> window;
  Group<M> scanned;  // waiting, with even and odd
  Group<kRows> even, odd;

  static constexpr ptrdiff_t kLag = 1;
  static HWY_INLINE size_t DelayBytes(int taps) { return static_cast<size_t>(C) * (kSplit ? taps : taps / 2 * 2); }
  HWY_INLINE void Reset(uint8_t* scratch, int taps) {
    prefix.Reset();
    before.Reset(scratch, DelayBytes(taps));
    scanned = Zeros<M>();
    if constexpr (!kSplit) {
      edge.Reset(scratch + M * Ring<1>::kPitch, DelayBytes(taps));
      pair.Reset();
      window.Reset();
      even = odd = Zeros<kRows>();
    }
  }
  HWY_INLINE void Step(const Group<kRows>& next_even, const Group<kRows>& next_odd, Group<kRows>& even_sum,
                       Group<kRows>& odd_sum) {
    const Group<M> p = prefix.Step(scanned);
    const Group<M> u = Minus(p, before.Step(p));
    if constexpr (kSplit) {
      even_sum = u.lo;
      odd_sum = u.hi;
      scanned = prefix.Scan(Group<M>(next_even, next_odd));
    } else {
      if constexpr (kOddTaps) {
        odd_sum = Sum(u, edge.Step(odd));
        even_sum = Sum(even, window.Step(u));
      } else {
        odd_sum = u;
        even_sum = Sum(Minus(even, edge.Step(even)), window.Step(u));
      }
      scanned = prefix.Scan(Sum(next_odd, pair.Step(next_even)));
      even = next_even;
      odd = next_odd;
    }
  }
};

// Sums too large for 16 bits, as two that are not: those of the newer and of the older half of the window.
template <int kRows>
struct Halves {
  Group<kRows> newer, older;
};

template <int C, bool kOddTaps, int kRows>
struct HalvesWindow {
  using Sums = Halves<kRows>;
  static constexpr bool kSplit = C % 2 == 0;
  static constexpr int kMore = (C + 1) / 2, kFewer = (C - 1) / 2;
  static constexpr int M = kSplit ? 2 * kRows : kRows;
  static constexpr ptrdiff_t kLag = 1;
  PrefixSum<kSplit ? C / 2 : C, M> prefix;
  Ring<M, kLongRingBytes> before;
  Ring<kRows, kLongRingBytes> edge;
  Delay<kFewer, kRows> pair;
  Delay<kMore, kRows> newer_window, older_window;
  Group<M> scanned;  // waiting, with even and odd
  Group<kRows> even, odd;
  size_t half_delay;

  HWY_INLINE void Reset(uint8_t* scratch, int taps) {
    const int steps = kSplit ? taps : taps / 2;  // of C bytes, or of 2 C
    const size_t step = kSplit ? C : 2 * C;
    half_delay = (steps + 1) / 2 * step;
    prefix.Reset();
    before.Reset(scratch, steps * step);
    scanned = Zeros<M>();
    if constexpr (!kSplit) {
      edge.Reset(scratch + M * Ring<1, kLongRingBytes>::kPitch, steps * step);
      pair.Reset();
      newer_window.Reset();
      older_window.Reset();
      even = odd = Zeros<kRows>();
    }
  }
  HWY_INLINE void Step(const Group<kRows>& next_even, const Group<kRows>& next_odd, Sums& even_sum, Sums& odd_sum) {
    const Group<M> p = prefix.Step(scanned);
    before.Put(p);
    const Group<M> middle = before.At(half_delay);
    const Group<M> newer = Minus(p, middle);
    const Group<M> older = Minus(middle, before.At(before.delay));
    before.Advance();
    if constexpr (kSplit) {
      even_sum.newer = newer.lo;
      even_sum.older = older.lo;
      odd_sum.newer = newer.hi;
      odd_sum.older = older.hi;
      scanned = prefix.Scan(Group<M>(next_even, next_odd));
    } else {
      odd_sum.newer = newer;
      even_sum.newer = newer_window.Step(newer);
      if constexpr (kOddTaps) {
        odd_sum.older = Sum(older, edge.Step(odd));
        even_sum.older = Sum(older_window.Step(older), even);
      } else {
        odd_sum.older = older;
        even_sum.older = Sum(older_window.Step(older), Minus(even, edge.Step(even)));
      }
      scanned = prefix.Scan(Sum(next_odd, pair.Step(next_even)));
      even = next_even;
      odd = next_odd;
    }
  }
};

constexpr ptrdiff_t kWindowScratch = 6 * Ring<1, kLongRingBytes>::kPitch;

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fastcv
HWY_AFTER_NAMESPACE();
#endif
