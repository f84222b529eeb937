// The kernels of denoise_primal_dual.hpp for pixels of type T. In u and ubar, the last pixel is repeated behind
// the last column: what is done to the lanes there is wasted, and no column needs a tail.
#if defined(FASTCV_TV_DENOISE_PRIMAL_DUAL) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_TV_DENOISE_PRIMAL_DUAL
#undef FASTCV_TV_DENOISE_PRIMAL_DUAL
#else
#define FASTCV_TV_DENOISE_PRIMAL_DUAL
#endif

#include "tv/denoise_primal_dual.hpp"
#include "tv/sum-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::tv {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
HWY_INLINE hn::Vec<Lanes<T>> WeightAt(const PrimalDualJob<T>& job, const Line<T>& line, ptrdiff_t x) {
  const Lanes<T> d;
  return line.weight ? hn::LoadU(d, line.weight + x) : hn::Set(d, job.weight);
}

// From a pixel of `p` to the next one along the axis (x is the last).
template <class T>
HWY_INLINE hn::Vec<Lanes<T>> Difference(const PrimalDualJob<T>& job, const Line<T>& line, const T* p, int axis) {
  const Lanes<T> d;
  const ptrdiff_t after = axis == job.axes - 1 ? 1 : line.after[axis];
  return hn::Sub(hn::LoadU(d, p + after), hn::LoadU(d, p));
}

template <class T>
void DualLine(const PrimalDualJob<T>& job, const Line<T>& line) {
  const Lanes<T> d;
  const auto sigma = hn::Set(d, job.sigma), share = hn::Set(d, job.dual_share);
  const auto tiny = hn::Set(d, T(1e-30));  // a weight of 0 must not make 0 / 0
  const ptrdiff_t N = hn::Lanes(d);
  for (ptrdiff_t x = 0; x < job.columns; x += N) {
    const auto weight = hn::Mul(WeightAt(job, line, x), share);
    auto square = hn::Zero(d);
    for (int axis = 0; axis < job.axes; axis++) {
      if (!job.isotropic) square = hn::Zero(d);
      for (int c = 0; c < job.channels; c++) {
        T* q = line.q[axis] + c * job.channel_step + x;
        const auto v =
            hn::MulAdd(sigma, Difference(job, line, line.bar + c * job.channel_step + x, axis), hn::LoadU(d, q));
        hn::StoreU(v, d, q);
        square = hn::MulAdd(v, v, square);
      }
      if (job.isotropic && axis + 1 < job.axes) continue;
      const auto scale = hn::Div(weight, hn::Max(hn::Max(hn::Sqrt(square), weight), tiny));
      for (int done = job.isotropic ? 0 : axis; done <= axis; done++) {
        for (int c = 0; c < job.channels; c++) {
          T* q = line.q[done] + c * job.channel_step + x;
          hn::StoreU(hn::Mul(hn::LoadU(d, q), scale), d, q);
        }
      }
    }
  }
}

template <class T>
HWY_INLINE hn::Vec<Lanes<T>> Divergence(const PrimalDualJob<T>& job, const Line<T>& line, int c, ptrdiff_t x) {
  const Lanes<T> d;
  const T* along = line.q[job.axes - 1] + c * job.channel_step + x;
  auto div = hn::Sub(hn::LoadU(d, along), hn::LoadU(d, along - 1));
  for (int axis = 0; axis + 1 < job.axes; axis++) {
    div = hn::Add(div, hn::LoadU(d, line.q[axis] + c * job.channel_step + x));
    if (line.before[axis]) div = hn::Sub(div, hn::LoadU(d, line.before[axis] + c * job.channel_step + x));
  }
  return div;
}

template <class T>
void PrimalLine(const PrimalDualJob<T>& job, const Line<T>& line) {
  const Lanes<T> d;
  const auto tau = hn::Set(d, job.tau), shrink = hn::Set(d, job.shrink), theta = hn::Set(d, job.theta),
             one = hn::Set(d, T(1));
  const ptrdiff_t N = hn::Lanes(d);
  for (int c = 0; c < job.channels; c++) {
    const auto low = hn::Set(d, job.low[c]), high = hn::Set(d, job.high[c]);
    T *u = line.u + c * job.channel_step, *bar = line.bar + c * job.channel_step;
    const T* f = line.f + c * job.channel_step;
    for (ptrdiff_t x = 0; x < job.columns; x += N) {
      const auto pixel = hn::LoadU(d, f + x), old = hn::LoadU(d, u + x);
      const auto measured = hn::Eq(pixel, pixel);
      const auto pull = hn::Add(hn::IfThenElseZero(measured, pixel), Divergence(job, line, c, x));
      const auto moved = hn::Mul(hn::MulAdd(tau, pull, old), hn::IfThenElse(measured, shrink, one));
      const auto now = hn::Min(hn::Max(moved, low), high);
      hn::StoreU(now, d, u + x);
      hn::StoreU(hn::MulAdd(theta, hn::Sub(now, old), now), d, bar + x);
    }
    for (T* p : {u, bar}) hn::StoreU(hn::Set(d, p[job.columns - 1]), d, p + job.columns);
  }
}

template <class T>
void CheckLine(const PrimalDualJob<T>& job, const Line<T>& line, Sums* sums) {
  const Lanes<T> d;
  const auto zero = hn::Zero(d), half = hn::Set(d, T(0.5));
  const ptrdiff_t N = hn::Lanes(d);
  DoubleSum<T> residual, variation, gap;
  for (ptrdiff_t x = 0; x < job.columns; x += N) {
    const auto inside = hn::FirstN(d, static_cast<size_t>(job.columns - x < N ? job.columns - x : N));
    const auto weight = WeightAt(job, line, x);
    auto slope = zero, square = zero, product = zero;
    for (int axis = 0; axis < job.axes; axis++) {
      for (int c = 0; c < job.channels; c++) {
        const auto step = Difference(job, line, line.u + c * job.channel_step + x, axis);
        square = hn::MulAdd(step, step, square);
        product = hn::MulAdd(hn::LoadU(d, line.q[axis] + c * job.channel_step + x), step, product);
      }
      if (job.isotropic && axis + 1 < job.axes) continue;
      slope = hn::Add(slope, hn::Sqrt(square));
      square = zero;
    }
    variation.add(hn::IfThenElseZero(inside, hn::Mul(weight, slope)));
    gap.add(hn::IfThenElseZero(inside, hn::Max(hn::MulSub(weight, slope, product), zero)));
    for (int c = 0; c < job.channels; c++) {
      const auto u = hn::LoadU(d, line.u + c * job.channel_step + x),
                 f = hn::LoadU(d, line.f + c * job.channel_step + x);
      const auto div = Divergence(job, line, c, x);
      // Not Ne: of NaN it is false on some targets.
      const auto measured = hn::And(hn::Eq(f, f), inside), missing = hn::AndNot(hn::Eq(f, f), inside);
      const auto e = hn::IfThenElseZero(measured, hn::Sub(u, f));
      const auto g = hn::IfThenElseZero(measured, hn::Sub(hn::Sub(u, f), div));
      const auto best =
          hn::Max(hn::Mul(hn::Sub(hn::Set(d, job.low[c]), u), div), hn::Mul(hn::Sub(hn::Set(d, job.high[c]), u), div));
      residual.add(hn::Mul(e, e));
      gap.add(hn::MulAdd(hn::Mul(half, g), g, hn::IfThenElseZero(missing, best)));
    }
  }
  *sums = {residual.total(), variation.total(), gap.total(), 0};
}

template <class T>
PrimalDualKernels<T> KernelsOfLines() {
  return {HWY_MAX_BYTES / static_cast<int>(sizeof(T)), &DualLine<T>, &PrimalLine<T>, &CheckLine<T>};
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::tv
HWY_AFTER_NAMESPACE();
#endif
