// denoise_tv: checks, planes, and the search for a weight.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "fastcv/runtime.hpp"
#include "fastcv/tv.hpp"
#include "tv/denoise_plane.hpp"
#include "tv/denoise_sigma.hpp"
#include "tv/denoise_solve.hpp"
#include "tv/finite.hpp"

namespace fastcv {
namespace {

using tv::Moments;
using tv::PlaneDual;
using tv::PlaneIo;
using tv::PlaneJob;
using tv::PlaneResult;
using tv::PlaneShape;
using tv::PlaneSolve;

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
const T* find_row(const void* context, int channel, std::ptrdiff_t y, std::ptrdiff_t x) {
  const Plane<Pixel>& p = *static_cast<const Plane<Pixel>*>(context);
  if constexpr (std::is_same_v<Pixel, T>) {
    if (p.in.channels == 1) return row_of(p.in, p.in_slice, y) + x + channel;
  }
  return nullptr;
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
  std::vector<bool> missing;  // by plane
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
void scan(Call<Pixel>* call, int threads) {
  call->missing.assign(call->planes(), false);
  call->measured.assign(call->planes(), call->values_per_plane());
  if constexpr (std::is_floating_point_v<Pixel>) {
    constexpr std::ptrdiff_t kGrain = 64 << 10;  // values
    const std::ptrdiff_t values = call->in.first.row_values(), height = call->in.first.height;
    std::atomic<bool> finite{true};
    parallel_rows(call->in.count * height, 1 + kGrain / values, threads, [&](Band& band) {
      for (std::ptrdiff_t y = band.begin; y < band.end; y++) {
        if (y % 64 == 0) band.checkpoint();
        if (!tv::all_finite(call->in[y / height].row(y % height), values)) finite = false;
      }
    });
    if (finite) return;
    for (std::ptrdiff_t n = 0; n < call->in.count; n++) {
      for (std::ptrdiff_t y = 0; y < height; y++) {
        check_interrupt();
        const Pixel* row = call->in[n].row(y);
        for (std::ptrdiff_t i = 0; i < values; i++) {
          if (std::isfinite(row[i])) continue;
          if (!std::isnan(row[i])) throw std::invalid_argument("denoise_tv: image must not hold infinite values");
          const std::ptrdiff_t plane = (call->options.volume ? 0 : n * call->planes_per_image) +
                                       (call->options.joint ? 0 : i % call->in.first.channels);
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

// ---- one image -----------------------------------------------------------------------------------

struct ImageResult {
  PlaneResult total;  // certificate: the sums over its planes
  double weight = 0, sigma = 0;
  bool all_noise = false;
};

// Solves every plane, or goes on where the last call ended; stops early when a callback says so.
template <class T>
PlaneResult solve_planes(std::vector<std::unique_ptr<PlaneSolve<T>>>& planes, double weight, double tol,
                         double rms_bound = 0) {
  PlaneResult total = PlaneResult::none();
  for (auto& plane : planes) {
    total += (*plane)(weight, tol, rms_bound);
    if (total.stopped) break;
  }
  return total;
}

// Everything is noise: each channel becomes its mean.
template <class T>
void write_means(const std::vector<PlaneJob<T>>& jobs, ImageResult* result) {
  result->total.certificate.gap = 0;
  for (const PlaneJob<T>& job : jobs) {
    for (int c = 0; c < job.shape.channels; c++) {
      const Moments m = moments(job.shape, job.io, c);
      const std::vector<T> row(job.shape.columns, static_cast<T>(m.mean()));
      for (std::ptrdiff_t y = 0; y < job.shape.depth * job.shape.rows; y++) {
        check_interrupt();
        result->total.certificate.rounding += job.io.write(job.io.context, c, y, 0, job.shape.columns, row.data());
      }
      result->total.certificate.objective += 0.5 * m.square;
      result->total.certificate.residual += m.square;
    }
  }
  result->all_noise = true;
  result->weight = std::numeric_limits<double>::infinity();
}

// At most so many solves find the weight. While searching, u need be known only to so much of sigma.
constexpr int kMostSolves = 6;
constexpr double kSearchBound = 0.1;

template <class Pixel>
ImageResult solve_image(const Call<Pixel>& call, std::ptrdiff_t image, int threads) {
  using T = TvWork<Pixel>;
  const DenoiseTvOptions& o = call.options;
  const std::ptrdiff_t count = call.planes_per_image, first = image * count;
  std::vector<Plane<Pixel>> planes(count);
  std::vector<PlaneJob<T>> jobs(count);
  for (std::ptrdiff_t c = 0; c < count; c++) {
    planes[c] = call.plane(first + c);
    const PlaneIo<T> io{&planes[c], &read_row<Pixel, T>, &write_row<Pixel, T>, &find_row<Pixel, T>};
    jobs[c] = {call.shape,
               io,
               static_cast<const T*>(o.weights),
               call.missing[first + c],
               {},
               {},
               threads,
               o.sigma == 0 && planes[c].in.data != planes[c].out.data};
    if (o.warm_start != nullptr) jobs[c].warm_start = call.dual_of(const_cast<void*>(o.warm_start), first + c);
    if (o.dual != nullptr) jobs[c].dual = call.dual_of(o.dual, first + c);
  }
  ImageResult result;
  if (o.sigma == 0) {
    result.weight = o.weight;
    result.total = PlaneResult::none();
    for (const PlaneJob<T>& job : jobs) {  // one plane's memory at a time
      std::vector<std::unique_ptr<PlaneSolve<T>>> one;
      one.push_back(std::make_unique<PlaneSolve<T>>(job, o));
      result.total += solve_planes(one, o.weight, o.tol);
      if (result.total.stopped) break;
    }
    return result;
  }

  double square = 0, measured = 0, noise = 0;
  for (const PlaneJob<T>& job : jobs) {
    for (int c = 0; c < job.shape.channels; c++) {
      const Moments m = moments(job.shape, job.io, c);
      square += m.square;
      measured += static_cast<double>(m.count);
      if (o.sigma < 0) noise += std::pow(noise_level(job.shape, job.io, c), 2);
    }
  }
  result.sigma = o.sigma > 0 ? o.sigma : std::sqrt(noise / static_cast<double>(call.in.first.channels));
  if (result.sigma >= std::sqrt(square / measured) && result.sigma > 0) {
    write_means(jobs, &result);
    return result;
  }
  std::vector<std::unique_ptr<PlaneSolve<T>>> solves;
  for (const PlaneJob<T>& job : jobs) solves.push_back(std::make_unique<PlaneSolve<T>>(job, o));
  if (result.sigma == 0) {  // no noise was found
    result.total = solve_planes(solves, 0, o.tol);
    return result;
  }
  tv::WeightSearch search(result.sigma);
  bool exact = false;
  for (int n = 1; n <= kMostSolves; n++) {
    exact = exact || n + 1 >= kMostSolves;
    const std::int64_t iterations = result.total.iterations;
    result.weight = search.weight();
    result.total = solve_planes(solves, result.weight, o.tol, exact ? 0 : kSearchBound * result.sigma);
    result.total.iterations += iterations;
    if (result.total.stopped) return result;
    search.saw(std::sqrt(result.total.certificate.residual / measured));
    if (!search.met()) continue;
    if (exact) break;
    exact = true;
    search.stay(result.weight);
  }
  result.total.converged = result.total.converged && search.met();
  return result;
}

}  // namespace

template <class Pixel>
DenoiseTvInfo denoise_tv(const BatchView<const Pixel>& in, const BatchView<Pixel>& out, const DenoiseTvOptions& o) {
  check_arguments(in, out, o);
  Call<Pixel> call(in, out, o);
  DenoiseTvInfo info;
  info.converged = true;
  if (call.planes() == 0 || call.values_per_plane() == 0) return info;
  const int threads = thread_count(o.num_threads);
  scan(&call, threads);

  std::vector<ImageResult> results(call.images);
  constexpr std::ptrdiff_t kSmall = 128 << 10;  // values: several such images go to as many threads
  if (call.images > 1 && call.values_per_plane() * call.planes_per_image < kSmall && o.callback == nullptr) {
    parallel_rows(call.images, 1, threads, [&](Band& band) {
      for (std::ptrdiff_t i = band.begin; i < band.end; i++) {
        band.checkpoint();
        results[i] = solve_image(call, i, 1);
      }
    });
  } else {
    for (std::ptrdiff_t i = 0; i < call.images && !info.stopped; i++) {
      results[i] = solve_image(call, i, threads);
      info.stopped = results[i].total.stopped;
    }
  }

  double measured = 0;
  PlaneResult total = PlaneResult::none();
  for (const ImageResult& r : results) {
    total += r.total;
    info.all_noise = info.all_noise || r.all_noise;
    info.weight += r.weight / static_cast<double>(results.size());
    info.sigma += r.sigma / static_cast<double>(results.size());
  }
  info.iterations = total.iterations;
  info.gap = total.certificate.gap;
  info.objective = total.certificate.objective;
  info.converged = total.converged;
  info.fallback = total.fallback;
  for (const std::ptrdiff_t count : call.measured) measured += static_cast<double>(count);
  info.rms_bound = std::sqrt(2 * info.gap / measured) + std::sqrt(total.certificate.rounding / measured);
  return info;
}

template DenoiseTvInfo denoise_tv(const BatchView<const std::uint8_t>&, const BatchView<std::uint8_t>&,
                                  const DenoiseTvOptions&);
template DenoiseTvInfo denoise_tv(const BatchView<const std::uint16_t>&, const BatchView<std::uint16_t>&,
                                  const DenoiseTvOptions&);
template DenoiseTvInfo denoise_tv(const BatchView<const float>&, const BatchView<float>&, const DenoiseTvOptions&);
template DenoiseTvInfo denoise_tv(const BatchView<const double>&, const BatchView<double>&, const DenoiseTvOptions&);

}  // namespace fastcv
