// One pass of the Chambolle iteration over a volume of three or more axes: one sweep over the slices of the first axis,
// vectors along the last. u of two slices is held, so that every number is read and written once.
#if defined(FASTCV_TV_CHAMBOLLE_VOLUME) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_TV_CHAMBOLLE_VOLUME
#undef FASTCV_TV_CHAMBOLLE_VOLUME
#else
#define FASTCV_TV_CHAMBOLLE_VOLUME
#endif

#include <cstring>

#include "hwy/highway.h"
#include "tv/chambolle.hpp"
#include "tv/chambolle_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::tv {
namespace HWY_NAMESPACE {

// The rows that meet in one row of a volume. Index `leading`: the last axis.
template <class T>
struct VolumeRows {
  const T* q[kMostAxes];
  const T* q_before[kMostAxes];  // one step back along each leading axis
  const T* u_next[kMostAxes];    // one step forward; at the far border u itself, whose gradient is then 0
  T* after[kMostAxes];
};

// kLeading: the number of leading axes, or 0: only known at run time.
template <class T, int kLeading>
struct BandSweep {
  const SweepJob<T>& job;
  ptrdiff_t z0, z1;
  T *slice, *next_slice;
  double change = 0;

  static constexpr ptrdiff_t kN = static_cast<ptrdiff_t>(kLanes<T>);
  static constexpr hn::ScalableTag<T> d{};
  using V = hn::Vec<hn::ScalableTag<T>>;

  BandSweep(const SweepJob<T>& j, ptrdiff_t begin, ptrdiff_t end, std::byte* scratch)
      : job(j), z0(begin), z1(end), slice(reinterpret_cast<T*>(scratch)), next_slice(slice + j.slice_rows * j.pitch) {}

  HWY_INLINE int leading() const { return kLeading > 0 ? kLeading : job.leading; }

  // Position of row y of a slice along leading axis `axis` > 0.
  ptrdiff_t position(ptrdiff_t y, int axis) const { return y / job.steps[axis] % job.shape[axis]; }

  // u of row y of slice z, and the sum of (u - image)^2.
  HWY_NOINLINE void u_row(ptrdiff_t z, ptrdiff_t y, T* u) const {
    const ptrdiff_t row = z * job.slice_rows + y;
    VolumeRows<T> r;
    for (int a = 0; a < leading(); a++) {
      const bool first = a == 0 ? z == 0 : position(y, a) == 0;
      r.q[a] = job.from[a] + row * job.from_pitch;
      r.q_before[a] = first ? job.zeros : r.q[a] - job.steps[a] * job.from_pitch;
    }
    const T* q_last = job.from[leading()] + row * job.from_pitch;
    const T* image = job.image + row * job.image_pitch;
    PartSum<T> squares;
    for (ptrdiff_t x = 0; x < job.width; x += kN) {
      const ptrdiff_t left = job.width - x;
      V div = hn::Sub(hn::LoadU(d, q_last + x), hn::LoadU(d, q_last + x - 1));
      for (int a = 0; a < leading(); a++) {
        div = hn::Add(div, hn::Sub(hn::LoadU(d, r.q[a] + x), hn::LoadU(d, r.q_before[a] + x)));
      }
      const V f = left >= kN ? hn::LoadU(d, image + x) : LoadFirst(d, image + x, static_cast<size_t>(left));
      hn::StoreU(hn::Add(f, div), d, u + x);
      squares.add_square(div);
      if (x / kN % kFlush == kFlush - 1) squares.flush();
    }
    squares.flush();
    if (z >= z1) return;  // the next band's
    if (job.measure != Measure::kNothing) job.energies[row] = squares.total();
    if (job.u != nullptr) PutRow(u, job.width, job.u + row * job.u_pitch, job.u_step);
  }

  template <Measure kMeasure>
  HWY_NOINLINE void dual_row(ptrdiff_t z, ptrdiff_t y) {
    const ptrdiff_t row = z * job.slice_rows + y;
    const int n = leading();
    VolumeRows<T> r;
    const T* const u_row = slice + y * job.pitch;
    for (int a = 0; a <= n; a++) {
      r.q[a] = job.from[a] + row * job.from_pitch;
      r.after[a] = job.to[a] + row * job.pitch;
    }
    r.u_next[0] = z + 1 < job.shape[0] ? next_slice + y * job.pitch : u_row;
    for (int a = 1; a < n; a++) {
      r.u_next[a] = position(y, a) + 1 < job.shape[a] ? u_row + job.steps[a] * job.pitch : u_row;
    }
    const V tau = hn::Set(d, job.tau), slope = hn::Set(d, job.slope), one = hn::Set(d, T(1));
    PartSum<T> norms;
    V largest = hn::Zero(d);
    for (ptrdiff_t x = 0; x < job.width; x += kN) {
      const V u = hn::LoadU(d, u_row + x);
      V along = hn::Sub(hn::LoadU(d, u_row + x + 1), u);
      if (x + kN >= job.width) {
        along = hn::IfThenElseZero(hn::FirstN(d, static_cast<size_t>(job.width - x - 1)), along);
      }
      V squares = hn::Mul(along, along);
      for (int a = 0; a < n; a++) {
        const V g = hn::Sub(hn::LoadU(d, r.u_next[a] + x), u);
        squares = hn::MulAdd(g, g, squares);
      }
      const V norm = hn::Sqrt(squares);
      const V shrink = Reciprocal(d, hn::MulAdd(norm, slope, one));
      const auto store = [&](int a, V g) HWY_ATTR __attribute__((always_inline)) {
        const V q = hn::LoadU(d, r.q[a] + x), q_after = hn::Mul(hn::MulAdd(tau, g, q), shrink);
        if constexpr (kMeasure == Measure::kEnergyAndChange) {
          largest = hn::Max(largest, hn::Abs(hn::Sub(q_after, q)));
        }
        hn::StoreU(q_after, d, r.after[a] + x);
      };
      store(n, along);
      for (int a = 0; a < n; a++) store(a, hn::Sub(hn::LoadU(d, r.u_next[a] + x), u));
      if constexpr (kMeasure != Measure::kNothing) {
        norms.add(norm);
        if (x / kN % kFlush == kFlush - 1) norms.flush();
      }
    }
    if constexpr (kMeasure != Measure::kNothing) {
      norms.flush();
      job.energies[row] += job.weight * norms.total();
    }
    if constexpr (kMeasure == Measure::kEnergyAndChange) {
      change = HWY_MAX(change, static_cast<double>(hn::GetLane(hn::MaxOfLanes(d, largest))));
    }
  }

  template <Measure kMeasure>
  void run(Band& band) {
    constexpr ptrdiff_t kCheck = 1 << 18;  // values between checkpoints: below a millisecond
    ptrdiff_t done = 0;
    const auto u_slice_row = [&](ptrdiff_t z, ptrdiff_t y, T* to) {
      u_row(z, y, to + y * job.pitch);
      if ((done += job.width) < kCheck) return;
      band.checkpoint();
      done = 0;
    };
    for (ptrdiff_t y = 0; y < job.slice_rows; y++) u_slice_row(z0, y, slice);
    for (ptrdiff_t z = z0; z < z1; z++) {
      for (ptrdiff_t y = 0; y < job.slice_rows; y++) {
        if (z + 1 < job.shape[0] && (job.update || z + 1 < z1)) u_slice_row(z + 1, y, next_slice);
        if (job.update) dual_row<kMeasure>(z, y);
      }
      T* const swapped = slice;
      slice = next_slice;
      next_slice = swapped;
    }
  }
};

template <int kLeading, class T>
HWY_INLINE void SweepBand(const SweepJob<T>& job, ptrdiff_t z0, ptrdiff_t z1, std::byte* scratch, Band& band) {
  BandSweep<T, kLeading> sweep(job, z0, z1, scratch);
  if (job.measure == Measure::kNothing) sweep.template run<Measure::kNothing>(band);
  if (job.measure == Measure::kEnergy) sweep.template run<Measure::kEnergy>(band);
  if (job.measure == Measure::kEnergyAndChange) sweep.template run<Measure::kEnergyAndChange>(band);
  job.changes[band.index] = sweep.change;
}

template <class T>
HWY_INLINE void RunSweep(const SweepJob<T>& job, ptrdiff_t z0, ptrdiff_t z1, std::byte* scratch, Band& band) {
  if (job.leading == 2) return SweepBand<2>(job, z0, z1, scratch, band);
  SweepBand<0>(job, z0, z1, scratch, band);
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::tv
HWY_AFTER_NAMESPACE();
#endif
