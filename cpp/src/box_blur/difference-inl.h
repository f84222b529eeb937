// The 8-bit kernel for FASTCV_CHANNELS channels; included by difference_<channels>.cpp once per SIMD target.
//
// Way of a row: (row that enters - row that leaves), even and odd bytes apart -> horizontal window (window-inl.h)
// -> added to the state -> divided -> bytes. Two output rows go side by side, so that the state is read and written
// once for both. Border pixels stand in small edge buffers beside each row; all other bytes are read in place.
#if defined(FASTCV_DIFFERENCE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_DIFFERENCE_INL
#undef FASTCV_DIFFERENCE_INL
#else
#define FASTCV_DIFFERENCE_INL
#endif

#include <cstring>

#include "box_blur/mean-inl.h"
#include "box_blur/window-inl.h"
#include "hwy/cache_control.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv {
namespace HWY_NAMESPACE {
namespace {

using box::DifferenceJob;
constexpr ptrdiff_t C = FASTCV_CHANNELS;

// Output is written so many vectors behind the input: one waits for its division, one may wait in the window.
template <class Window>
constexpr ptrdiff_t kBehind = 1 + Window::kLag;
constexpr ptrdiff_t kMostLag = 1;

HWY_INLINE ptrdiff_t RoundUp(ptrdiff_t n, ptrdiff_t to) { return (n + to - 1) / to * to; }

// Output vector n of a row holds its bytes [n * kVector - shift, ... + kVector); `shift` makes stores aligned.
// The input vector n stands `reach` bytes to the right, so that a right-anchored window of it is the output's.
struct Layout {
  ptrdiff_t row_bytes, shift, reach;
  ptrdiff_t vectors;                       // of output
  ptrdiff_t warm_up;                       // input vectors before the first output
  ptrdiff_t interior_begin, interior_end;  // input vectors wholly inside the row, whose output is whole too
  ptrdiff_t edge_bytes;                    // one row's edge buffer: slack, left part, slack, right part, slack
  ptrdiff_t edge_rows;
  bool stream;
  // Offsets into the scratch memory.
  ptrdiff_t edges, state, columns, line, spare_line, border_row, rings, total;
};

HWY_INLINE Layout MakeLayout(const DifferenceJob& job) {
  Layout l;
  const ptrdiff_t kx = job.columns->ksize, ky = job.rows->ksize;
  l.row_bytes = job.in.width * C;
  l.reach = (kx - 1 - job.columns->lead) * C;
  const ptrdiff_t address = static_cast<ptrdiff_t>(reinterpret_cast<uintptr_t>(job.out.data) % kVector);
  const bool can_align = address % 2 == 0 && job.out.row_stride % kVector == 0;
  l.stream = job.stream && can_align;
  l.shift = can_align && (l.stream || l.row_bytes >= 32 * kVector) ? address : 0;
  l.vectors = RoundUp(l.row_bytes + l.shift, kVector) / kVector;
  l.warm_up = RoundUp((kx - 1) * C, kVector) / kVector;
  l.interior_begin = l.shift > 0 ? 1 : 0;
  const ptrdiff_t last_start = l.row_bytes - kVector + l.shift - l.reach;
  const ptrdiff_t whole = (l.row_bytes + l.shift) / kVector;
  l.interior_end = last_start < 0 ? 0 : HWY_MIN(last_start / kVector + 1, whole);
  if (l.interior_end <= l.interior_begin) l.interior_begin = l.interior_end = 0;
  // Sizes do not depend on `shift`, which may be another one for each image of a batch.
  const ptrdiff_t most_vectors = l.row_bytes / kVector + 2;
  const ptrdiff_t right_part = HWY_MIN(most_vectors, l.reach / kVector + 4) + kMostLag;
  l.edge_bytes = (l.warm_up + 1 + right_part + 3) * kVector;
  l.edge_rows = ky + 3;
  const ptrdiff_t line = most_vectors * kVector;
  ptrdiff_t at = 0;
  const auto take = [&at](ptrdiff_t bytes) {
    const ptrdiff_t from = at;
    at += RoundUp(bytes, 64) + 64;
    return from;
  };
  l.edges = take(l.edge_bytes * l.edge_rows);
  l.state = take((job.mean.kind == MeanKind::kFloatRemainder ? 4 : 2) * line);
  l.columns = take(2 * (line + (l.warm_up + 1) * kVector));
  l.line = take(line);
  l.spare_line = take(line);
  l.border_row = take(l.row_bytes);
  l.rings = take(kWindowScratch);
  l.total = at + 64;
  return l;
}

// Everything a pass over rows needs; lives on the stack of Blur.
struct Context {
  const DifferenceJob* job;
  Layout l;
  uint8_t* scratch;
  int32_t left_pixels[256], right_pixels[256];  // byte offset in the row of each border pixel, or -1
  ptrdiff_t left, right;                        // how many
};

// ---- edge buffers --------------------------------------------------------------------------

HWY_INLINE uint8_t* EdgeBuffer(const Context& c, ptrdiff_t p) {
  return c.scratch + c.l.edges + p % c.l.edge_rows * c.l.edge_bytes + kVector;
}
// Where input vector 0 would stand, were the left (right) part of the edge buffer to go on.
HWY_INLINE ptrdiff_t LeftBase(const Layout& l) { return l.warm_up * kVector; }
HWY_INLINE ptrdiff_t RightBase(const Layout& l) {
  return (l.warm_up + l.interior_begin + 1 - l.interior_end) * kVector;
}

HWY_INLINE void CopyPixel(uint8_t* to, const uint8_t* from) {
  if constexpr (C == 4) {
    memcpy(to, from, 4);
  } else {
    for (ptrdiff_t i = 0; i < C; i++) to[i] = from[i];
  }
}

HWY_INLINE void CopyBorder(const Context& c, uint8_t* to, const uint8_t* row, const int32_t* pixels, ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; i++) {
    CopyPixel(to + i * C, pixels[i] < 0 ? c.job->outside : row + pixels[i]);
  }
}

// Copies row bytes [first, last) to `to`, in whole vectors where the row is long enough; these may also write up to
// a vector before and behind.
HWY_INLINE void CopyForward(uint8_t* to, const uint8_t* row, ptrdiff_t last, ptrdiff_t row_bytes) {
  if (RoundUp(last, kVector) > row_bytes) {
    memcpy(to, row, HWY_MIN(last, row_bytes));
    return;
  }
  for (ptrdiff_t i = 0; i < last; i += kVector) hn::StoreU(hn::LoadU(kBytes, row + i), kBytes, to + i);
}
HWY_INLINE void CopyToEnd(uint8_t* to, const uint8_t* row, ptrdiff_t first, ptrdiff_t row_bytes) {
  const ptrdiff_t count = row_bytes - first;
  if (RoundUp(count, kVector) > row_bytes) {
    memcpy(to, row + first, count);
    return;
  }
  for (ptrdiff_t i = count; i > 0; i -= kVector) {
    hn::StoreU(hn::LoadU(kBytes, row + first + i - kVector), kBytes, to + i - kVector);
  }
}

// The left part holds input bytes [-warm_up .. interior_begin), the right part [interior_end .. vectors), in vectors.
HWY_INLINE void FillEdges(const Context& c, uint8_t* buffer, const uint8_t* row) {
  const Layout& l = c.l;
  uint8_t* left = buffer + LeftBase(l) + l.shift - l.reach;  // where byte 0 of the row stands
  const ptrdiff_t left_end = l.interior_begin * kVector - l.shift + l.reach;
  const ptrdiff_t right_begin = l.interior_end * kVector - l.shift + l.reach;
  uint8_t* right = buffer + RightBase(l) + l.shift - l.reach;
  hn::StoreU(hn::Zero(kBytes), kBytes, buffer);
  if (left_end > 0) CopyForward(left, row, left_end, l.row_bytes);
  const ptrdiff_t from = HWY_MAX(right_begin, 0);
  if (from < l.row_bytes) CopyToEnd(right + from, row, from, l.row_bytes);
  CopyBorder(c, left - c.left * C, row, c.left_pixels, c.left);
  // A narrow image's right border may begin inside the left part, a wide image's right part inside the border.
  if (left_end > l.row_bytes) {
    const ptrdiff_t count = HWY_MIN(c.right, (left_end - l.row_bytes + C - 1) / C);
    CopyBorder(c, left + l.row_bytes, row, c.right_pixels, count);
  }
  const ptrdiff_t skip = right_begin > l.row_bytes ? (right_begin - l.row_bytes) / C : 0;
  if (skip < c.right) {
    CopyBorder(c, right + l.row_bytes + skip * C, row, c.right_pixels + skip, c.right - skip);
  }
  if (right_begin < 0) {
    const ptrdiff_t count = HWY_MIN(c.left, (C - 1 - right_begin) / C);
    CopyBorder(c, right - count * C, row, c.left_pixels + c.left - count, count);
  }
}

HWY_INLINE const uint8_t* SourceRow(const Context& c, ptrdiff_t p) {
  const ptrdiff_t y = c.job->rows->source(p);
  return y == box::kOutside ? c.scratch + c.l.border_row : c.job->in.row(y);
}

// One padded row as the kernel reads it: base addresses of input vector 0 in its three stretches.
struct RowSource {
  const uint8_t *left, *inside, *right;
};
HWY_INLINE RowSource SourceOf(const Context& c, ptrdiff_t p) {
  const uint8_t* buffer = EdgeBuffer(c, p);
  return {buffer + LeftBase(c.l), SourceRow(c, p) + c.l.reach - c.l.shift, buffer + RightBase(c.l)};
}

// ---- passes --------------------------------------------------------------------------------

// A vector of row bytes, read once for both uses of it.
HWY_INLINE V16 LoadWords(const uint8_t* p) {
  V16 v = hn::BitCast(kWords, hn::LoadU(kBytes, p));
  KeepInRegister(v);
  return v;
}
HWY_INLINE V16 EvenBytes(V16 v) { return hn::And(v, hn::Set(kWords, 0x00FF)); }
HWY_INLINE V16 OddBytes(V16 v) { return hn::ShiftRight<8>(v); }

// Two rows of a window of kRowsIn rows (2 or 3) that begins with a, b; the even and the odd bytes apart.
template <int kRowsIn>
HWY_INLINE void AddRows(const uint8_t* a, const uint8_t* b, const uint8_t* c, const uint8_t* d, Group<2>& even,
                        Group<2>& odd) {
  const V16 va = LoadWords(a), vb = LoadWords(b), vc = LoadWords(c);
  const V16 eb = EvenBytes(vb), ob = OddBytes(vb), ec = EvenBytes(vc), oc = OddBytes(vc);
  if constexpr (kRowsIn == 3) {
    const V16 vd = LoadWords(d);
    const V16 middle_even = hn::Add(eb, ec), middle_odd = hn::Add(ob, oc);
    even.lo.v = hn::Add(EvenBytes(va), middle_even);
    odd.lo.v = hn::Add(OddBytes(va), middle_odd);
    even.hi.v = hn::Add(middle_even, EvenBytes(vd));
    odd.hi.v = hn::Add(middle_odd, OddBytes(vd));
  } else {
    even.lo.v = hn::Add(EvenBytes(va), eb);
    odd.lo.v = hn::Add(OddBytes(va), ob);
    even.hi.v = hn::Add(eb, ec);
    odd.hi.v = hn::Add(ob, oc);
  }
}

HWY_INLINE void Change(const uint8_t* enters, const uint8_t* leaves, V16& even, V16& odd) {
  const V16 a = LoadWords(enters), b = LoadWords(leaves);
  even = hn::Sub(EvenBytes(a), EvenBytes(b));
  odd = hn::Sub(OddBytes(a), OddBytes(b));
}

struct PassRows {
  // What is read for two outputs: with a state the rows that enter and leave, first for the upper one, then for the
  // lower; without (kDirect) the rows of both windows.
  RowSource in[4];
  ptrdiff_t soon[2];   // which of these to prefetch for the next pass
  uint8_t* out[2];     // where output vector 0 would begin
  ptrdiff_t prefetch;  // bytes from the rows that enter to those that will enter in the next pass; 0: no
};

// Two output rows. kTaps: the window's height where kDirect.
template <class Window, MeanKind kKind, int kTaps>
HWY_NOINLINE void TwoRows(const Context& c, const MeanVectors& mean, const PassRows& rows) {
  const Layout l = c.l;
  const MeanVectors m = mean;
  Window window;
  window.Reset(c.scratch + l.rings, static_cast<int>(c.job->columns->ksize));
  uint8_t* const state = c.scratch + l.state;
  uint8_t* const line = c.scratch + l.line;
  uint8_t* const out0 = rows.out[0];
  uint8_t* const out1 = rows.out[1];
  const bool stream = l.stream;
  Group<2> even, odd;
  typename Window::Sums even_sum, odd_sum;

  // All positions are in bytes: `at` is kVector times the vector's number.
  const ptrdiff_t cut = l.shift > 0 ? 0 : -1;  // the vector in which the row begins
  const auto divide = [&](ptrdiff_t at, V8& first, V8& second) HWY_ATTR __attribute__((always_inline)) {
    if constexpr (kKind == MeanKind::kDirect) {
      first = FinishDirect(m, even_sum.lo.v, odd_sum.lo.v);
      second = FinishDirect(m, even_sum.hi.v, odd_sum.hi.v);
    } else {
      State<kKind> kept;
      kept.Load(state + at * kept.kScale);
      V8 above = hn::Zero(kBytes);
      if constexpr (kKind != MeanKind::kSum) above = hn::Load(kBytes, line + at);
      first = Finish<kKind, 0>(m, kept, even_sum, odd_sum, above);
      second = Finish<kKind, 1>(m, kept, even_sum, odd_sum, above);
      kept.Store(state + at * kept.kScale);
      if constexpr (kKind != MeanKind::kSum) hn::Store(above, kBytes, line + at);
    }
  };
  // `whole`: no part of the vector lies outside the row.
  const auto finish = [&](ptrdiff_t at, bool whole) HWY_ATTR __attribute__((always_inline)) {
    V8 first, second;
    divide(at, first, second);
    if (HWY_UNLIKELY(!whole)) {
      const size_t begin = at == 0 ? l.shift : 0;
      const size_t end = HWY_MIN(l.row_bytes + l.shift - at, static_cast<ptrdiff_t>(kVector));
      StoreBytes(first, kBytes, out0 + at, begin, end);
      StoreBytes(second, kBytes, out1 + at, begin, end);
    } else if (stream) {
      hn::Stream(first, kBytes, out0 + at);
      hn::Stream(second, kBytes, out1 + at);
    } else {
      hn::StoreU(first, kBytes, out0 + at);
      hn::StoreU(second, kBytes, out1 + at);
    }
  };
  const RowSource &in0 = rows.in[0], &in1 = rows.in[1], &in2 = rows.in[2], &in3 = rows.in[3];
  const uint8_t* soon0 = rows.in[rows.soon[0]].inside + rows.prefetch;
  const uint8_t* soon1 = rows.in[rows.soon[1]].inside + rows.prefetch;
  const bool prefetch = rows.prefetch != 0;
  const auto load = [&](const uint8_t* p0, const uint8_t* p1, const uint8_t* p2, const uint8_t* p3, ptrdiff_t at)
                        HWY_ATTR __attribute__((always_inline)) {
                          if constexpr (kKind == MeanKind::kDirect) {
                            AddRows<kTaps>(p0 + at, p1 + at, p2 + at, p3 + at, even, odd);
                          } else {
                            Change(p0 + at, p1 + at, even.lo.v, odd.lo.v);
                            Change(p2 + at, p3 + at, even.hi.v, odd.hi.v);
                          }
                        };
  ptrdiff_t at = -l.warm_up * kVector;
  for (; at < kBehind<Window> * kVector; at += kVector) {
    if (at < l.interior_begin * kVector) {
      load(in0.left, in1.left, in2.left, in3.left, at);
    } else if (at < l.interior_end * kVector) {
      load(in0.inside, in1.inside, in2.inside, in3.inside, at);
    } else {
      load(in0.right, in1.right, in2.right, in3.right, at);
    }
    window.Step(even, odd, even_sum, odd_sum);
  }
  // One output is finished while the next inputs are on their way: one hides the other's latency.
  const uint8_t *p0 = in0.inside, *p1 = in1.inside, *p2 = in2.inside, *p3 = in3.inside;
  const ptrdiff_t all = (l.vectors + Window::kLag) * kVector;
  for (ptrdiff_t end = HWY_MIN(l.interior_end * kVector, all);; end = all) {
    for (; at < end; at += kVector) {
      if (prefetch) {
        hwy::Prefetch(soon0 + at);
        hwy::Prefetch(soon1 + at);
      }
      load(p0, p1, p2, p3, at);
      const ptrdiff_t done = at - kBehind<Window> * kVector;
      finish(done, done != cut);
      window.Step(even, odd, even_sum, odd_sum);
    }
    if (end == all) break;
    p0 = in0.right, p1 = in1.right, p2 = in2.right, p3 = in3.right;
  }
  const ptrdiff_t last = (l.vectors - 1) * kVector;
  finish(last, last != cut && l.row_bytes + l.shift == last + kVector);
}

// Adds the window of the column sums in l.columns to the state, as one step, and leaves the output in l.line.
template <class Window, MeanKind kKind>
HWY_NOINLINE void OneStep(const Context& c, const MeanVectors& m) {
  const Layout& l = c.l;
  Window window;
  window.Reset(c.scratch + l.rings, static_cast<int>(c.job->columns->ksize));
  const uint16_t* columns = reinterpret_cast<const uint16_t*>(c.scratch + l.columns);
  uint8_t* state = c.scratch + l.state;
  uint8_t* line = c.scratch + l.line;
  Group<1> even, odd;
  typename Window::Sums even_sum, odd_sum;
  for (ptrdiff_t i = -l.warm_up; i < l.vectors + Window::kLag; i++) {
    even.v = hn::Load(kWords, columns);
    odd.v = hn::Load(kWords, columns + kLanes16);
    columns += 2 * kLanes16;
    window.Step(even, odd, even_sum, odd_sum);
    const ptrdiff_t n = i - Window::kLag;
    if (n < 0) continue;
    State<kKind> kept;
    kept.Load(state + n * kVector * kept.kScale);
    V8 above = hn::Load(kBytes, line + n * kVector);
    const V8 bytes = Finish<kKind, 0>(m, kept, even_sum, odd_sum, above);
    kept.Store(state + n * kVector * kept.kScale);
    hn::Store(kKind == MeanKind::kSum ? bytes : above, kBytes, line + n * kVector);
    if (m.even) hn::Store(bytes, kBytes, c.scratch + l.spare_line + n * kVector);
  }
}

// Sums padded rows [p0, p1) into l.columns, even and odd bytes apart.
HWY_INLINE void AddColumns(const Context& c, ptrdiff_t p0, ptrdiff_t p1) {
  const Layout& l = c.l;
  uint16_t* columns = reinterpret_cast<uint16_t*>(c.scratch + l.columns);
  const ptrdiff_t count = l.warm_up + l.vectors;
  for (ptrdiff_t p = p0; p < p1; p++) {
    const RowSource row = SourceOf(c, p);
    for (ptrdiff_t i = 0; i < count; i++) {
      const ptrdiff_t n = i - l.warm_up;
      const uint8_t* from = n < l.interior_begin ? row.left : n < l.interior_end ? row.inside : row.right;
      const V16 v = LoadWords(from + n * kVector);
      V16 even = EvenBytes(v), odd = OddBytes(v);
      if (p > p0) {
        even = hn::Add(even, hn::Load(kWords, columns + 2 * i * kLanes16));
        odd = hn::Add(odd, hn::Load(kWords, columns + (2 * i + 1) * kLanes16));
      }
      hn::Store(even, kWords, columns + 2 * i * kLanes16);
      hn::Store(odd, kWords, columns + (2 * i + 1) * kLanes16);
    }
  }
}

HWY_INLINE void FillRow(const Context& c, ptrdiff_t p) { FillEdges(c, EdgeBuffer(c, p), SourceRow(c, p)); }

// What differs between windows and kinds of mean. All that is done once a row stands in one copy outside.
struct RowKernels {
  void (*one_step)(const Context& c, const MeanVectors& m);
  void (*two_rows)(const Context& c, const MeanVectors& m, const PassRows& rows);
};
template <template <int> class Window, MeanKind kKind>
HWY_INLINE RowKernels KernelsOf() {
  return {OneStep<Window<1>, kKind>, TwoRows<Window<2>, kKind, 0>};
}

// The first output row of a band: the whole window enters.
HWY_NOINLINE void FirstRow(const Context& c, const MeanVectors& m, const RowKernels& kernels, ptrdiff_t y) {
  const Layout& l = c.l;
  const box::Mean& mean = c.job->mean;
  const ptrdiff_t ky = c.job->rows->ksize;
  uint8_t* state = c.scratch + l.state;
  if (mean.kind == MeanKind::kFloatRemainder) {
    const ptrdiff_t bytes = State<MeanKind::kFloatRemainder>::kScale * l.vectors * kVector;
    const VF start = hn::Set(kFloats, mean.float_start);
    for (ptrdiff_t at = 0; at < bytes; at += kVector) hn::Store(start, kFloats, reinterpret_cast<float*>(state + at));
  } else {
    const ptrdiff_t bytes = State<MeanKind::kSum>::kScale * l.vectors * kVector;
    const V16 start = hn::Set(kWords, mean.start);
    for (ptrdiff_t at = 0; at < bytes; at += kVector) hn::Store(start, kWords, reinterpret_cast<uint16_t*>(state + at));
  }
  memset(c.scratch + l.line, 0, l.vectors * kVector);
  for (ptrdiff_t j = 0; j < ky; j += mean.group_rows) {
    const ptrdiff_t end = HWY_MIN(j + mean.group_rows, ky);
    for (ptrdiff_t i = j; i < end; i++) FillRow(c, y + i);
    AddColumns(c, y + j, y + end);
    kernels.one_step(c, m);
  }
  memcpy(c.job->out.row(y), c.scratch + (mean.even ? l.spare_line : l.line) + l.shift, l.row_bytes);
}

// kDirect: the height of a window that is added anew for each row, else 0. Those two windows are the shortest work a
// call may have, and get a loop of their own.
template <int kDirect>
HWY_NOINLINE void BlurRows(const Context& c, const RowKernels& kernels, ptrdiff_t y0, ptrdiff_t y1, Band& band) {
  const Layout& l = c.l;
  const DifferenceJob& job = *c.job;
  const MeanVectors m = Broadcast(job.mean);
  const ptrdiff_t ky = job.rows->ksize;
  ptrdiff_t y = y0;
  if constexpr (kDirect > 0) {
    for (ptrdiff_t p = y; p < y + ky - 1; p++) FillRow(c, p);
  } else {
    FirstRow(c, m, kernels, y);
    y++;
  }
  constexpr ptrdiff_t kCheck = 2 << 20;  // bytes of output between checkpoints: below a millisecond
  const ptrdiff_t rows_between_checks = HWY_MAX(2, HWY_MIN(64, kCheck / l.row_bytes) / 2 * 2);
  for (ptrdiff_t rows_done = 0; y < y1; y += 2, rows_done += 2) {
    if (rows_done % rows_between_checks == 0) band.checkpoint();
    const bool both = y + 1 < y1;  // else the second row is worked out and thrown away
    const ptrdiff_t second = both ? y + 1 : y;
    FillRow(c, y + ky - 1);
    if (both) FillRow(c, second + ky - 1);
    PassRows rows;
    if constexpr (kDirect > 0) {
      for (ptrdiff_t i = 0; i < 4; i++) rows.in[i] = SourceOf(c, HWY_MIN(y + i, second + ky - 1));
      rows.soon[0] = kDirect - 1, rows.soon[1] = kDirect;
    } else {
      rows.in[0] = SourceOf(c, y + ky - 1);
      rows.in[1] = SourceOf(c, y - 1);
      rows.in[2] = SourceOf(c, second + ky - 1);
      rows.in[3] = SourceOf(c, second - 1);
      rows.soon[0] = 0, rows.soon[1] = 2;
    }
    rows.out[0] = job.out.row(y) - l.shift;
    rows.out[1] = both ? job.out.row(second) - l.shift : c.scratch + l.spare_line;
    rows.prefetch = y + 3 < y1 && l.stream ? 2 * job.in.row_stride : 0;
    if constexpr (kDirect > 0) {
      TwoRows<TapsWindow<C, kDirect, 2>, MeanKind::kDirect, kDirect>(c, m, rows);
    } else {
      kernels.two_rows(c, m, rows);
    }
  }
  if (l.stream) hwy::FlushStream();
}

template <int kTaps>
struct ByTaps {
  template <int kRows>
  using Window = TapsWindow<C, kTaps, kRows>;
};
template <bool kOddTaps, int kDelay>
struct ByPrefix {
  template <int kRows>
  using Window = PrefixWindow<C, kOddTaps, kDelay, kRows>;
};

template <bool kOddTaps>
struct ByHalves {
  template <int kRows>
  using Window = HalvesWindow<C, kOddTaps, kRows>;
};

template <bool kOddTaps>
HWY_INLINE RowKernels PrefixKernels(const DifferenceJob& job) {
  using InMemory = ByPrefix<kOddTaps, kInMemory>;
  if (job.mean.kind == MeanKind::kFloatRemainder) {
    return KernelsOf<ByHalves<kOddTaps>::template Window, MeanKind::kFloatRemainder>();
  }
  if (job.mean.kind == MeanKind::kWideRemainder) {
    return KernelsOf<InMemory::template Window, MeanKind::kWideRemainder>();
  }
  if constexpr (kRegisterDelays == 3) {
    switch (InMemory::template Window<2>::DelayBytes(static_cast<int>(job.columns->ksize)) / kVector) {
      case 0:
        return KernelsOf<ByPrefix<kOddTaps, 0>::template Window, MeanKind::kRemainder>();
      case 1:
        return KernelsOf<ByPrefix<kOddTaps, 1>::template Window, MeanKind::kRemainder>();
      case 2:
        return KernelsOf<ByPrefix<kOddTaps, 2>::template Window, MeanKind::kRemainder>();
    }
  }
  return KernelsOf<InMemory::template Window, MeanKind::kRemainder>();
}

HWY_INLINE RowKernels ChooseKernels(const DifferenceJob& job) {
  if (job.mean.kind != MeanKind::kSum) {
    if constexpr (C % 2 == 1) {
      if (job.columns->ksize % 2 == 1) return PrefixKernels<true>(job);
    }
    return PrefixKernels<false>(job);
  }
  switch (job.columns->ksize) {
#define FASTCV_TAPS(K) \
  case K:              \
    return KernelsOf<ByTaps<K>::template Window, MeanKind::kSum>()
    FASTCV_TAPS(2);
    FASTCV_TAPS(3);
    FASTCV_TAPS(4);
    FASTCV_TAPS(5);
    FASTCV_TAPS(6);
    FASTCV_TAPS(7);
    FASTCV_TAPS(8);
    FASTCV_TAPS(9);
    FASTCV_TAPS(10);
    FASTCV_TAPS(11);
    FASTCV_TAPS(12);
    FASTCV_TAPS(13);
    FASTCV_TAPS(14);
    FASTCV_TAPS(15);
    FASTCV_TAPS(16);
#undef FASTCV_TAPS
    default:
      return KernelsOf<ByTaps<1>::template Window, MeanKind::kSum>();
  }
}

void Blur(const DifferenceJob& job, ptrdiff_t y0, ptrdiff_t y1, uint8_t* scratch, Band& band) {
  Context c;
  c.job = &job;
  c.l = MakeLayout(job);
  c.scratch = scratch;
  c.left = job.columns->lead;
  c.right = job.columns->ksize - 1 - c.left;
  for (ptrdiff_t i = 0; i < c.left; i++) {
    const ptrdiff_t x = job.columns->source(i);
    c.left_pixels[i] = static_cast<int32_t>(x == box::kOutside ? -1 : x * C);
  }
  for (ptrdiff_t i = 0; i < c.right; i++) {
    const ptrdiff_t x = job.columns->source(c.left + job.in.width + i);
    c.right_pixels[i] = static_cast<int32_t>(x == box::kOutside ? -1 : x * C);
  }
  uint8_t* border_row = scratch + c.l.border_row;
  if (job.rows->border == Border::kConstant || job.rows->border == Border::kShrink) {
    for (ptrdiff_t x = 0; x < job.in.width; x++) CopyPixel(border_row + x * C, job.outside);
  }
  if (job.mean.kind != MeanKind::kDirect) return BlurRows<0>(c, ChooseKernels(job), y0, y1, band);
  if (job.columns->ksize == 2) return BlurRows<2>(c, {}, y0, y1, band);
  BlurRows<3>(c, {}, y0, y1, band);
}

size_t ScratchBytes(const DifferenceJob& job) { return static_cast<size_t>(MakeLayout(job).total); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fastcv
HWY_AFTER_NAMESPACE();
#endif
