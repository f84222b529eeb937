// One pass of the Chambolle iteration over one row, and the wavefront that takes several passes through an image.
#if defined(FASTCV_TV_CHAMBOLLE_ROWS) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_TV_CHAMBOLLE_ROWS
#undef FASTCV_TV_CHAMBOLLE_ROWS
#else
#define FASTCV_TV_CHAMBOLLE_ROWS
#endif

#include <cstring>

#include "hwy/highway.h"
#include "tv/chambolle.hpp"
#include "tv/chambolle_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::tv {
namespace HWY_NAMESPACE {

// What a step reads and writes: q of row i and i + 1 before, of row i after; u of row i, overwritten by that of i + 1.
template <class T>
struct StepRows {
  const T* image;              // row i + 1
  const T *q0, *q1;            // row i
  const T *q0_next, *q1_next;  // row i + 1
  T *q0_after, *q1_after;      // row i
  T* u;                        // on entry row i
  const T* ahead;              // a row that will be needed soon: brought into the second-level cache
};

template <class T>
struct StepSums {
  double squares = 0;  // of u - image, row i + 1
  double norms = 0;    // of grad u, row i
  double change = 0;   // the largest of row i
};

// u of a row, where the pass begins: everything else comes with the steps.
template <class T>
HWY_NOINLINE double FirstRow(const T* image, const T* q0_before, const T* q0, const T* q1, ptrdiff_t width, T* u) {
  const hn::ScalableTag<T> d;
  constexpr ptrdiff_t kN = static_cast<ptrdiff_t>(kLanes<T>);
  LaneSum<T> squares;
  squares.clear();
  const auto at = [&](ptrdiff_t x, auto tail) HWY_ATTR __attribute__((always_inline)) {
    constexpr bool kTail = decltype(tail)::value;
    const auto f = kTail ? LoadFirst(d, image + x, static_cast<size_t>(width - x)) : hn::LoadU(d, image + x);
    const auto div = hn::Add(hn::Sub(hn::LoadU(d, q0 + x), hn::LoadU(d, q0_before + x)),
                             hn::Sub(hn::LoadU(d, q1 + x), hn::LoadU(d, q1 + x - 1)));
    hn::StoreU(hn::Add(f, div), d, u + x);
    squares.add_square(div);
  };
  // Summed in the same parts as in Step.
  ptrdiff_t x = 0;
  while (x + kN < width) {
    const ptrdiff_t stop = HWY_MIN(width - kN, x + kFlush * kN);
    for (; x < stop; x += kN) at(x, std::false_type());
    squares.flush();
  }
  at(x, std::true_type());
  squares.flush();
  return squares.total();
}

// The step at row i. kBottom: it is the last row of the image, there is no row i + 1.
template <Measure kMeasure, bool kUpdate, bool kBottom, class T>
HWY_NOINLINE void Step(const StepRows<T>& rows, ptrdiff_t width, T tau_value, T slope_value, StepSums<T>* sums) {
  const hn::ScalableTag<T> d;
  constexpr ptrdiff_t kN = static_cast<ptrdiff_t>(kLanes<T>);
  using V = hn::Vec<decltype(d)>;
  constexpr bool kGradient = kUpdate || kMeasure != Measure::kNothing;
  constexpr bool kEnergy = kMeasure != Measure::kNothing;
  constexpr bool kChange = kMeasure == Measure::kEnergyAndChange;
  const V tau = hn::Set(d, tau_value), slope = hn::Set(d, slope_value);
  LaneSum<T> squares, norms;
  squares.clear();
  norms.clear();
  V change = hn::Zero(d);
  // Copies: the compiler must assume that a store changes what `rows` points to.
  const StepRows<T> r = rows;
  V u = hn::LoadU(d, r.u);

  const auto at = [&](ptrdiff_t x, auto tail) HWY_ATTR __attribute__((always_inline)) {
    constexpr bool kTail = decltype(tail)::value;
    __builtin_prefetch(r.ahead + x, 0, 2);
    const size_t left = static_cast<size_t>(width - x);
    V gy = hn::Zero(d), u_below = hn::Zero(d);
    const V q0 = hn::LoadU(d, r.q0 + x);
    if constexpr (!kBottom) {
      const V f = kTail ? LoadFirst(d, r.image + x, left) : hn::LoadU(d, r.image + x);
      const V div = hn::Add(hn::Sub(hn::LoadU(d, r.q0_next + x), q0),
                            hn::Sub(hn::LoadU(d, r.q1_next + x), hn::LoadU(d, r.q1_next + x - 1)));
      u_below = hn::Add(f, div);
      if constexpr (kEnergy) squares.add_square(div);
      gy = hn::Sub(u_below, u);
    }
    if constexpr (kGradient) {
      V gx = hn::Sub(hn::LoadU(d, r.u + x + 1), u);
      if constexpr (kTail) gx = hn::IfThenElseZero(hn::FirstN(d, left - 1), gx);
      const V norm = hn::Sqrt(hn::MulAdd(gx, gx, hn::Mul(gy, gy)));
      if constexpr (kEnergy) norms.add(norm);
      if constexpr (kUpdate) {
        const V shrink = Reciprocal(d, hn::MulAdd(norm, slope, hn::Set(d, T(1))));
        const V q1 = hn::LoadU(d, r.q1 + x);
        const V q0_after = hn::Mul(hn::MulAdd(tau, gy, q0), shrink),
                q1_after = hn::Mul(hn::MulAdd(tau, gx, q1), shrink);
        if constexpr (kChange) {
          change = hn::Max(change, hn::Max(hn::Abs(hn::Sub(q0_after, q0)), hn::Abs(hn::Sub(q1_after, q1))));
        }
        hn::StoreU(q0_after, d, r.q0_after + x);
        hn::StoreU(q1_after, d, r.q1_after + x);
      }
    }
    if constexpr (!kTail) u = hn::LoadU(d, r.u + x + kN);
    if constexpr (!kBottom) hn::StoreU(u_below, d, r.u + x);
  };

  ptrdiff_t x = 0;
  while (x + kN < width) {
    const ptrdiff_t stop = HWY_MIN(width - kN, x + kFlush * kN);
    for (; x < stop; x += kN) at(x, std::false_type());
    if constexpr (kEnergy) {
      squares.flush();
      norms.flush();
    }
  }
  at(x, std::true_type());
  if constexpr (kEnergy) {
    squares.flush();
    norms.flush();
    sums->squares = squares.total();
    sums->norms = norms.total();
  }
  if constexpr (kChange) sums->change = static_cast<double>(hn::GetLane(hn::MaxOfLanes(d, change)));
}

template <Measure kMeasure, class T>
HWY_INLINE void StepOf(bool update, bool bottom, const StepRows<T>& r, const WavefrontJob<T>& job, StepSums<T>* sums) {
  if (bottom) {
    if (update) return Step<kMeasure, true, true>(r, job.width, job.tau, job.slope, sums);
    return Step<kMeasure, false, true>(r, job.width, job.tau, job.slope, sums);
  }
  if (update) return Step<kMeasure, true, false>(r, job.width, job.tau, job.slope, sums);
  Step<kMeasure, false, false>(r, job.width, job.tau, job.slope, sums);
}

// One band's way through a block of stages.
template <class T>
struct BandWavefront {
  const WavefrontJob<T>& job;
  ptrdiff_t y0, y1, pitch, halo;
  T *rows_u, *above, *below;  // `above`, `below`: q of the neighbours' rows, two planes each
  double* changes;

  BandWavefront(const WavefrontJob<T>& j, ptrdiff_t begin, ptrdiff_t end, std::byte* scratch)
      : job(j), y0(begin), y1(end), pitch(padded_pitch<T>(j.width)), halo(j.halo ? j.stages - 1 : 0) {
    rows_u = reinterpret_cast<T*>(scratch);
    above = rows_u + job.stages * pitch + kPadBytes / sizeof(T);
    below = above + 2 * halo * pitch;
    // Zeros before and after every row; the rows themselves are written before they are read.
    if (halo > 0)
      memset(above - kPadBytes / sizeof(T), 0, static_cast<size_t>(4 * halo * pitch) * sizeof(T) + kPadBytes);
  }

  // Rows that a stage works on. Each stage needs one row more on both sides than the one after it.
  ptrdiff_t low(int stage) const { return HWY_MAX(ptrdiff_t{0}, y0 - (job.stages - 1 - stage)); }
  ptrdiff_t high(int stage) const { return HWY_MIN(job.height, y1 + (job.stages - 1 - stage)); }

  T* after(ptrdiff_t y, int axis) const {
    if (y < y0) return above + (2 * (y - y0 + halo) + axis) * pitch;
    if (y >= y1) return below + (2 * (y - y1) + axis) * pitch;
    return (axis == 0 ? job.to.vertical : job.to.horizontal) + y * job.to.pitch;
  }
  const T* before(int stage, ptrdiff_t y, int axis) const {
    if (stage > 0) return after(y, axis);
    return (axis == 0 ? job.from.vertical : job.from.horizontal) + y * job.from.pitch;
  }
  bool mine(ptrdiff_t y) const { return y0 <= y && y < y1; }
  double* energy(int stage, ptrdiff_t y) const { return job.energies + stage * job.height + y; }

  // The stages share the work of fetching what the first one reads and writes two rows later.
  const T* ahead(int stage, ptrdiff_t y, const T* otherwise) const {
    if (y >= high(0) || y >= job.height) return otherwise;
    switch (stage) {
      case 0:
        return before(0, y, 0);
      case 1:
        return before(0, y, 1);
      case 2:
        return job.image + y * job.image_pitch;
      case 3:
        return after(y, 0);
      case 4:
        return after(y, 1);
      default:
        return otherwise;
    }
  }

  void keep_u(int stage, ptrdiff_t y, const T* u) const {
    if (stage == job.stages - 1 && job.u != nullptr && mine(y)) {
      memcpy(job.u + y * job.u_pitch, u, static_cast<size_t>(job.width) * sizeof(T));
    }
  }

  void first_row(int stage, T* u) const {
    const ptrdiff_t y = low(stage);
    const T* q0 = before(stage, y, 0);
    const T* q0_before = y > 0 ? before(stage, y - 1, 0) : job.zeros;
    const double squares = FirstRow(job.image + y * job.image_pitch, q0_before, q0, before(stage, y, 1), job.width, u);
    if (job.measure != Measure::kNothing && mine(y)) *energy(stage, y) = squares;
    keep_u(stage, y, u);
  }

  template <Measure kMeasure>
  void step(int stage, ptrdiff_t y, T* u) const {
    const bool bottom = y + 1 == job.height;
    const ptrdiff_t next = bottom ? y : y + 1;  // not read at the bottom
    const bool update = stage < job.stages - 1 || job.update_last;
    const StepRows<T> rows{job.image + next * job.image_pitch,
                           before(stage, y, 0),
                           before(stage, y, 1),
                           before(stage, next, 0),
                           before(stage, next, 1),
                           update ? after(y, 0) : nullptr,
                           update ? after(y, 1) : nullptr,
                           u,
                           ahead(stage, y + stage + 4, u)};
    StepSums<T> sums;
    StepOf<kMeasure>(update, bottom, rows, job, &sums);
    if (kMeasure != Measure::kNothing) {
      if (!bottom && mine(y + 1)) *energy(stage, y + 1) = sums.squares;
      if (mine(y)) *energy(stage, y) += job.weight * sums.norms;
    }
    if (kMeasure == Measure::kEnergyAndChange) changes[stage] = HWY_MAX(changes[stage], sums.change);
    if (!bottom) keep_u(stage, y + 1, u);
  }

  template <Measure kMeasure>
  void run(Band& band) const {
    constexpr ptrdiff_t kCheck = 1 << 20;  // pixels between checkpoints: about half a millisecond
    ptrdiff_t done = 0;
    const ptrdiff_t last = high(0) + job.stages - 1;
    for (ptrdiff_t r = low(0) - 1; r < last; r++) {
      for (int stage = 0; stage < job.stages; stage++) {
        const ptrdiff_t y = r - stage;
        T* u = rows_u + stage * pitch;
        if (y == low(stage) - 1) {
          first_row(stage, u);
        } else if (y >= low(stage) && y < high(stage)) {
          step<kMeasure>(stage, y, u);
        }
      }
      done += job.stages * job.width;
      if (done >= kCheck) {
        band.checkpoint();
        done = 0;
      }
    }
  }
};

template <class T>
HWY_INLINE void RunWavefront(const WavefrontJob<T>& job, ptrdiff_t y0, ptrdiff_t y1, std::byte* scratch, Band& band) {
  BandWavefront<T> wave(job, y0, y1, scratch);
  wave.changes = job.changes + band.index * job.stages;
  switch (job.measure) {
    case Measure::kNothing:
      return wave.template run<Measure::kNothing>(band);
    case Measure::kEnergy:
      return wave.template run<Measure::kEnergy>(band);
    case Measure::kEnergyAndChange:
      memset(wave.changes, 0, static_cast<size_t>(job.stages) * sizeof(double));
      return wave.template run<Measure::kEnergyAndChange>(band);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::tv
HWY_AFTER_NAMESPACE();
#endif
