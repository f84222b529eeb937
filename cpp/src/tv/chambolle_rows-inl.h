// The wavefront that takes several passes of the Chambolle iteration through an image.
#if defined(FASTCV_TV_CHAMBOLLE_ROWS) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_TV_CHAMBOLLE_ROWS
#undef FASTCV_TV_CHAMBOLLE_ROWS
#else
#define FASTCV_TV_CHAMBOLLE_ROWS
#endif

#include <cstring>

#include "hwy/highway.h"
#include "tv/chambolle.hpp"
#include "tv/chambolle_step-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::tv {
namespace HWY_NAMESPACE {

// Two rows at a time need more than 16 registers.
constexpr bool kPairs = HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64;
constexpr ptrdiff_t kBlockRows = kPairs ? 2 : 1;  // that a stage takes at a visit

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

  // The stages share the work of fetching what the first one reads and writes at its next visit.
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
    if (keeps(stage) && mine(y)) {
      PutRow(u, job.width, job.u + y * job.u_pitch, job.u_step);
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

  bool keeps(int stage) const { return stage == job.stages - 1 && job.u != nullptr; }
  bool updates(int stage) const { return stage < job.stages - 1 || job.update_last; }

  HWY_NOINLINE StepRows<T> rows_of(int stage, ptrdiff_t y, T* u) const {
    const ptrdiff_t next = HWY_MIN(y + 1, job.height - 1);  // not read at the bottom
    const bool update = updates(stage);
    return {job.image + next * job.image_pitch,
            before(stage, y, 0),
            before(stage, y, 1),
            before(stage, next, 0),
            before(stage, next, 1),
            update ? after(y, 0) : nullptr,
            update ? after(y, 1) : nullptr,
            u,
            ahead(stage, y + stage + kBlockRows + 2, u)};
  }

  template <Measure kMeasure>
  void record(int stage, ptrdiff_t y, const StepSums<T>& sums) const {
    if (kMeasure != Measure::kNothing) {
      if (y + 1 < job.height && mine(y + 1)) *energy(stage, y + 1) = sums.squares;
      if (mine(y)) *energy(stage, y) += job.weight * sums.norms;
    }
    if (kMeasure == Measure::kEnergyAndChange) changes[stage] = HWY_MAX(changes[stage], sums.change);
  }

  template <Measure kMeasure>
  void step(int stage, ptrdiff_t y, T* u) const {
    const bool bottom = y + 1 == job.height;
    StepSums<T> sums;
    StepOf<kMeasure>(updates(stage), bottom, rows_of(stage, y, u), job, &sums);
    record<kMeasure>(stage, y, sums);
    if (!bottom) keep_u(stage, y + 1, u);
  }

  template <Measure kMeasure>
  void step_pair(int stage, ptrdiff_t y, T* u) const {
    const StepRows<T> first = rows_of(stage, y, u), second = rows_of(stage, y + 1, u);
    StepSums<T> sums[2];
    StepPair<kMeasure>(first, second, job.width, job.tau, job.slope, sums);
    for (int i = 0; i < 2; i++) record<kMeasure>(stage, y + i, sums[i]);
  }

  // Rows [row, row + kBlockRows) of one stage, as far as there are such.
  template <Measure kMeasure>
  void visit(int stage, ptrdiff_t row) const {
    T* const u = rows_u + stage * pitch;
    const ptrdiff_t first = low(stage), from = HWY_MAX(row, first - 1), to = HWY_MIN(row + kBlockRows, high(stage));
    for (ptrdiff_t y = from; y < to;) {
      if (y < first) {
        first_row(stage, u);
        y++;
        continue;
      }
      if constexpr (kPairs && kMeasure != Measure::kEnergyAndChange) {  // that is rare: less code
        if (y + 1 < to && y + 2 < job.height && updates(stage) && !keeps(stage)) {
          step_pair<kMeasure>(stage, y, u);
          y += 2;
          continue;
        }
      }
      step<kMeasure>(stage, y++, u);
    }
  }

  template <Measure kMeasure>
  void run(Band& band) const {
    constexpr ptrdiff_t kCheck = 1 << 20;  // pixels between checkpoints: about half a millisecond
    ptrdiff_t done = 0;
    const ptrdiff_t last = high(0) + job.stages - 1;
    for (ptrdiff_t r = low(0) - 1; r < last; r += kBlockRows) {
      for (int stage = 0; stage < job.stages; stage++) visit<kMeasure>(stage, r - stage);
      done += kBlockRows * job.stages * job.width;
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
