// denoise_tv: checks, planes, the choice of solver, and when to stop.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "fastcv/runtime.hpp"
#include "fastcv/tv.hpp"
#include "tv/denoise_plane.hpp"
#include "tv/denoise_primal_dual.hpp"
#include "tv/denoise_sigma.hpp"
#include "tv/denoise_splitting.hpp"

namespace fastcv {
namespace {

using tv::Certificate;
using tv::PlaneDual;
using tv::PlaneIo;
using tv::PlaneShape;

// ---- pixels in and out ---------------------------------------------------------------------------

// One plane of the images: the first of its channels, and how far apart its rows and slices are.
template <class Pixel>
struct Plane {
  ImageView<const Pixel> in;  // of slice 0; data: the plane's first channel
  ImageView<Pixel> out;
  std::ptrdiff_t in_slice, out_slice;
};

template <class Pixel>
Pixel* row_of(const ImageView<Pixel>& view, std::ptrdiff_t slice_stride, std::ptrdiff_t y) {
  ImageView<Pixel> slice = view;
  using Byte = std::conditional_t<std::is_const_v<Pixel>, const char, char>;
  slice.data = reinterpret_cast<Pixel*>(reinterpret_cast<Byte*>(view.data) + y / view.height * slice_stride);
  return slice.row(y % view.height);
}

template <class Pixel, class T>
void read_row(const void* context, int channel, std::ptrdiff_t y, std::ptrdiff_t x, std::ptrdiff_t count, T* to) {
  const Plane<Pixel>& p = *static_cast<const Plane<Pixel>*>(context);
  const std::ptrdiff_t step = p.in.channels;
  const Pixel* from = row_of(p.in, p.in_slice, y) + x * step + channel;
  if constexpr (std::is_same_v<Pixel, T>) {
    if (step == 1) return void(std::copy_n(from, count, to));
  }
  for (std::ptrdiff_t i = 0; i < count; i++) to[i] = static_cast<T>(from[i * step]);
}

template <class Pixel, class T>
double write_row(const void* context, int channel, std::ptrdiff_t y, std::ptrdiff_t x, std::ptrdiff_t count,
                 const T* from) {
  const Plane<Pixel>& p = *static_cast<const Plane<Pixel>*>(context);
  const std::ptrdiff_t step = p.out.channels;
  Pixel* to = row_of(p.out, p.out_slice, y) + x * step + channel;
  if constexpr (std::is_same_v<Pixel, T>) {
    if (step == 1) {
      std::copy_n(from, count, to);
    } else {
      for (std::ptrdiff_t i = 0; i < count; i++) to[i * step] = from[i];
    }
    return 0;
  } else {
    double error = 0;
    for (std::ptrdiff_t i = 0; i < count; i++) {
      constexpr T kHalfUlpIsHalf = T(1 << 23);  // adding it rounds to whole numbers, halves to even
      const T rounded = (from[i] + kHalfUlpIsHalf) - kHalfUlpIsHalf;
      to[i * step] = static_cast<Pixel>(rounded);
      error += static_cast<double>((rounded - from[i]) * (rounded - from[i]));
    }
    return error;
  }
}

template <class Pixel, class T>
double write_nothing(const void*, int, std::ptrdiff_t, std::ptrdiff_t, std::ptrdiff_t, const T*) {
  return 0;
}

// ---- one plane -----------------------------------------------------------------------------------

template <class T>
struct PlaneJob {
  PlaneShape shape;
  PlaneIo<T> io;
  double weight;
  const T* weights;
  bool missing;             // some pixel is NaN
  double slope;             // mean |grad f|
  double tol;
  const PlaneDual<T>* warm_start;
  const PlaneDual<T>* dual;
  int threads;
};

struct PlaneResult {
  Certificate certificate;
  std::int64_t iterations = 0;
  bool converged = false, fallback = false, stopped = false;
};

// How the gap has fallen so far tells when to look again: a look costs about two iterations.
class Watch {
 public:
  Watch(double tol, std::int64_t first, std::int64_t last) : tol_(tol), next_(std::min(first, last)), last_(last) {}
  std::int64_t next() const { return next_; }

  // True: go on. `stalled`: two looks in a row saw no progress.
  void saw(std::int64_t iteration, const Certificate& c) {
    const double relative = c.objective > 0 ? c.gap / c.objective : 0;
    stalls_ = relative < kProgress * best_ ? 0 : stalls_ + 1;
    if (!std::isfinite(c.gap)) stalls_ = kStalls;
    // The gap falls about as the third power of the iterations.
    const double factor = std::pow(std::max(relative / tol_, 1.0), 0.31) * 1.03;
    best_ = std::min(best_, relative);
    const double wanted = static_cast<double>(iteration) * std::clamp(factor, 1.1, 2.0);
    next_ = std::min(last_, std::max(iteration + 2, static_cast<std::int64_t>(std::ceil(wanted))));
  }
  bool stalled() const { return stalls_ >= kStalls; }

 private:
  static constexpr double kProgress = 0.97;
  static constexpr int kStalls = 2;
  double tol_, best_ = std::numeric_limits<double>::infinity();
  std::int64_t next_, last_;
  int stalls_ = 0;
};

bool is_good(const Certificate& c, double tol) { return c.gap <= tol * c.objective; }

// Runs a solver until the certificate says enough, or nothing more is to be hoped for.
template <class T, class Solver>
void iterate(Solver& solver, const PlaneJob<T>& job, const DenoiseTvOptions& o, std::int64_t first, bool may_stall,
             PlaneResult* result) {
  Watch watch(job.tol, first, o.max_iter);
  for (std::int64_t n = 0; n < o.max_iter;) {
    solver.run(watch.next() - n);
    n = watch.next();
    result->iterations++;
    result->certificate = solver.check(job.io, job.dual);
    result->iterations = n;
    result->converged = is_good(result->certificate, job.tol);
    result->stopped = o.callback != nullptr && o.callback(o.context, n, result->certificate.gap);
    if (result->converged || result->stopped) return;
    watch.saw(n, result->certificate);
    if (may_stall && watch.stalled()) return;
  }
}

template <class T>
PlaneResult solve(const PlaneJob<T>& job, const DenoiseTvOptions& o) {
  PlaneResult result;
  const bool fits = job.shape.depth == 1 && (job.shape.channels == 1 || job.shape.channels == 3) && !job.missing &&
                    job.weights == nullptr && job.weight > 0;
  const double ratio = job.slope > 0 ? job.weight / job.slope : 1;
  if (fits && o.solver != TvSolver::kPrimalDual) {
    tv::SplittingSolver<T> solver(job.shape, o.depth, job.threads);
    solver.load(job.io);
    const double first_sigma = std::min(1.0, 1.4 * ratio);
    solver.set_weight(job.weight, first_sigma, 0.2 * first_sigma, o.relaxation);
    double first = 47 * ratio * std::pow(1e-3 / job.tol, 0.32);
    if (job.warm_start != nullptr) {
      solver.start(*job.warm_start, job.weight);
      first = 2;
    }
    iterate(solver, job, o, static_cast<std::int64_t>(std::clamp(first, 2.0, 60.0)), true, &result);
    if (result.converged || result.stopped || result.iterations >= o.max_iter || o.solver == TvSolver::kSplitting) {
      return result;
    }
    result.fallback = true;
  }
  const std::int64_t before = result.iterations;
  tv::PrimalDualSolver<T> solver(job.shape, job.weight, job.weights, job.threads);
  solver.load(job.io);
  if (job.warm_start != nullptr) solver.start(*job.warm_start);
  iterate(solver, job, o, job.warm_start != nullptr ? 4 : 16, false, &result);
  result.iterations += before;
  return result;
}

// ---- the whole call ------------------------------------------------------------------------------

template <class Pixel>
void check_arguments(const BatchView<const Pixel>& in, const BatchView<Pixel>& out, const DenoiseTvOptions& o) {
  const auto refuse = [](const char* text) { throw std::invalid_argument(std::string("denoise_tv: ") + text); };
  if (in.first.height != out.first.height || in.first.width != out.first.width ||
      in.first.channels != out.first.channels || in.count != out.count) {
    refuse("out must have the shape of image");
  }
  if (!(o.weight >= 0) || !std::isfinite(o.weight)) refuse("weight must be at least 0 and finite");
  if (!(o.tol > 0) || !std::isfinite(o.tol)) refuse("tol must be above 0 and finite");
  if (o.max_iter < 1) refuse("max_iter must be at least 1");
  if (!std::isfinite(o.sigma)) refuse("sigma must be finite");
  if (o.sigma != 0 && o.weights != nullptr) refuse("sigma and a weight for each pixel exclude each other");
  if (o.joint && in.first.channels > tv::kMostJoint) refuse("joint channels must be at most 64");
}

// Where every plane of a call lies.
template <class Pixel>
struct Call {
  using T = TvWork<Pixel>;
  const BatchView<const Pixel>& in;
  const BatchView<Pixel>& out;
  const DenoiseTvOptions& options;
  PlaneShape shape;
  std::ptrdiff_t images, planes_per_image;
  std::vector<bool> missing;           // by plane
  std::vector<std::ptrdiff_t> measured;

  Call(const BatchView<const Pixel>& input, const BatchView<Pixel>& output, const DenoiseTvOptions& o)
      : in(input), out(output), options(o) {
    const std::ptrdiff_t channels = in.first.channels;
    shape.depth = o.volume ? in.count : 1;
    shape.rows = in.first.height;
    shape.columns = in.first.width;
    shape.channels = o.joint ? static_cast<int>(channels) : 1;
    shape.isotropic = o.isotropic;
    images = o.volume ? 1 : in.count;
    planes_per_image = o.joint ? 1 : channels;
  }
  std::ptrdiff_t planes() const { return images * planes_per_image; }
  std::ptrdiff_t values_per_plane() const { return shape.pixels() * shape.channels; }

  Plane<Pixel> plane(std::ptrdiff_t i) const {
    Plane<Pixel> p{in[i / planes_per_image], out[i / planes_per_image], in.image_stride, out.image_stride};
    p.in.data += i % planes_per_image;
    p.out.data += i % planes_per_image;
    return p;
  }

  PlaneDual<T> dual_of(void* data, std::ptrdiff_t i) const {
    return {static_cast<T*>(data) + i * shape.axes() * values_per_plane(), shape};
  }
};

// Counts the measured pixels of each plane; refuses infinite ones.
template <class Pixel>
void scan(Call<Pixel>* call) {
  call->missing.assign(call->planes(), false);
  call->measured.assign(call->planes(), call->values_per_plane());
  if constexpr (std::is_floating_point_v<Pixel>) {
    const std::ptrdiff_t channels = call->in.first.channels;
    for (std::ptrdiff_t n = 0; n < call->in.count; n++) {
      const ImageView<const Pixel> image = call->in[n];
      for (std::ptrdiff_t y = 0; y < image.height; y++) {
        const Pixel* row = image.row(y);
        Pixel sums[4] = {};
        std::ptrdiff_t i = 0;
        for (; i + 4 <= image.row_values(); i += 4) {  // 0 unless some value is not finite
          for (int k = 0; k < 4; k++) sums[k] += row[i + k] * Pixel(0);
        }
        for (; i < image.row_values(); i++) sums[0] += row[i] * Pixel(0);
        if (sums[0] + sums[1] + sums[2] + sums[3] == 0) continue;
        for (i = 0; i < image.row_values(); i++) {
          if (std::isfinite(row[i])) continue;
          if (!std::isnan(row[i])) throw std::invalid_argument("denoise_tv: image must not hold infinite values");
          const std::ptrdiff_t plane = (call->options.volume ? 0 : n * call->planes_per_image) +
                                       (call->options.joint ? 0 : i % channels);
          call->missing[plane] = true;
          call->measured[plane]--;
        }
      }
    }
    for (const std::ptrdiff_t measured : call->measured) {
      if (measured == 0) throw std::invalid_argument("denoise_tv: image must not be NaN throughout (of any channel)");
    }
  }
}

}  // namespace

template <class Pixel>
DenoiseTvInfo denoise_tv(const BatchView<const Pixel>& in, const BatchView<Pixel>& out, const DenoiseTvOptions& o) {
  using T = TvWork<Pixel>;
  check_arguments(in, out, o);
  Call<Pixel> call(in, out, o);
  DenoiseTvInfo info;
  info.converged = true;
  if (call.planes() == 0 || call.values_per_plane() == 0) return info;
  scan(&call);

  const int threads = thread_count(o.num_threads);
  const std::ptrdiff_t planes = call.planes();
  std::vector<PlaneResult> results(planes);
  std::vector<double> weights(call.images, o.weight);
  const auto job_of = [&](std::ptrdiff_t i, const Plane<Pixel>& plane, const PlaneDual<T>* warm, const PlaneDual<T>* dual,
                          int plane_threads) {
    const PlaneIo<T> io{&plane, &read_row<Pixel, T>, &write_row<Pixel, T>};
    return PlaneJob<T>{call.shape,
                       io,
                       weights[i / call.planes_per_image],
                       static_cast<const T*>(o.weights),
                       call.missing[i],
                       tv::mean_slope(call.shape, io),
                       o.tol,
                       warm,
                       dual,
                       plane_threads};
  };
  const auto solve_plane = [&](std::ptrdiff_t i, int plane_threads) {
    const Plane<Pixel> plane = call.plane(i);
    const PlaneDual<T> warm = call.dual_of(const_cast<void*>(o.warm_start), i), dual = call.dual_of(o.dual, i);
    results[i] = solve(job_of(i, plane, o.warm_start ? &warm : nullptr, o.dual ? &dual : nullptr, plane_threads), o);
  };
  constexpr std::ptrdiff_t kSmall = 128 << 10;  // pixels: several such planes go to as many threads
  if (planes > 1 && call.values_per_plane() < kSmall && o.callback == nullptr) {
    parallel_rows(planes, 1, threads, [&](Band& band) {
      for (std::ptrdiff_t i = band.begin; i < band.end; i++) {
        band.checkpoint();
        solve_plane(i, 1);
      }
    });
  } else {
    for (std::ptrdiff_t i = 0; i < planes; i++) solve_plane(i, threads);
  }

  double measured = 0, rounding = 0;
  for (std::ptrdiff_t i = 0; i < planes; i++) {
    const PlaneResult& r = results[i];
    info.iterations = std::max(info.iterations, r.iterations);
    info.gap += r.certificate.gap;
    info.objective += r.certificate.objective;
    info.converged = info.converged && r.converged;
    info.fallback = info.fallback || r.fallback;
    info.stopped = info.stopped || r.stopped;
    rounding += r.certificate.rounding;
    measured += static_cast<double>(call.measured[i]);
  }
  info.rms_bound = std::sqrt(2 * info.gap / measured) + std::sqrt(rounding / measured);
  for (const double w : weights) info.weight += w / static_cast<double>(weights.size());
  return info;
}

template DenoiseTvInfo denoise_tv(const BatchView<const std::uint8_t>&, const BatchView<std::uint8_t>&,
                                  const DenoiseTvOptions&);
template DenoiseTvInfo denoise_tv(const BatchView<const std::uint16_t>&, const BatchView<std::uint16_t>&,
                                  const DenoiseTvOptions&);
template DenoiseTvInfo denoise_tv(const BatchView<const float>&, const BatchView<float>&, const DenoiseTvOptions&);
template DenoiseTvInfo denoise_tv(const BatchView<const double>&, const BatchView<double>&, const DenoiseTvOptions&);

}  // namespace fastcv
