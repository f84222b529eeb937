// Total variation denoising (Rudin, Osher, Fatemi 1992): smooth areas, sharp edges.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "fastcv/image_view.hpp"

namespace fastcv {

// ---- denoise_tv: the optimum, with a proof of how near -----------------------------------------
//
//   minimise over u:   P(u) = 1/2 sum (u - f)^2 + sum weight |grad u|
//
// grad: forward differences, 0 across the far edge. |.|: the Euclidean norm of a pixel's differences (isotropic),
// or the sum of their magnitudes (anisotropic); of all channels together when they are joint. Sums run over pixels.
//
// The proof: for any u and any q with |q| <= weight (in the norm dual to the one above),
//   gap(u, q) = 1/2 sum (u - f - div q)^2 + sum (weight |grad u| - q . grad u)  >=  P(u) - min P,
// every term >= 0, and, P being strongly convex, sum (u - u*)^2 <= 2 gap. It is computed for the very u that is
// returned (of integers: before the one rounding at the end), summed in float64, and raised by a bound of its own
// rounding errors.
//
// A NaN pixel is missing: it has no data term, u fills it within [min f, max f], and the gap gains, over such
// pixels, max over t in [min f, max f] of (t - u) div q, so that it stays a bound (of the measured pixels' error).

enum class TvSolver : std::uint8_t {
  kAuto,
  kSplitting,   // the fast one alone; tests
  kPrimalDual,  // the one with a proof alone; tests
};

struct DenoiseTvOptions {
  double weight = 0.1;            // >= 0, in the units of the pixels
  const void* weights = nullptr;  // TvWork<T>, one a pixel of space, contiguous, >= 0: multiplies `weight`
  double tol = 1e-3;              // of the gap, relative to P(u); > 0
  std::int64_t max_iter = 1000;   // >= 1, for each plane
  bool joint = false;             // one norm over the channels; else each channel is a problem of its own
  bool isotropic = true;
  bool volume = false;  // the batch axis is a third axis of space

  // > 0: the weight is searched for which ||u - f||^2 = N sigma^2 over an image's measured pixels; < 0: with a
  // sigma estimated from the image; 0: `weight` it is.
  double sigma = 0;

  // The dual field of an earlier call on an image of this geometry, as written to `dual`. Null: none. Of type
  // TvWork<T>, contiguous: [image][channel][axis][z][y][x], axes in the order of the image's own, 0 at the far edge.
  const void* warm_start = nullptr;
  void* dual = nullptr;

  // Called on the caller's thread after each check of the gap (of the plane at work); true: stop.
  bool (*callback)(void* context, std::int64_t iteration, double gap) = nullptr;
  void* context = nullptr;

  int num_threads = 0;  // 0: see thread_count
  TvSolver solver = TvSolver::kAuto;
  int depth = 0;            // tests: iterations between two visits of the same memory; 0: what fits the cache
  double relaxation = 1.6;  // tests: a value that diverges
};

struct DenoiseTvInfo {
  std::int64_t iterations = 0;  // the most that a plane took
  double gap = 0;               // summed over all planes, as is the objective
  double objective = 0;         // P(u)
  double rms_bound = 0;         // of returned - optimum, over measured pixels, in their units
  double weight = 0;            // the one used (`sigma`: found), averaged over images
  double sigma = 0;             // that was asked for or estimated, averaged over images
  bool converged = false;       // every plane: gap <= tol * objective (and `sigma`, where given, was met)
  bool fallback = false;        // the fast method did not get there, and the proven one took over
  bool stopped = false;         // by the callback
  bool all_noise = false;       // `sigma` is at least the image's own deviation: the result is its mean
};

template <class T>
using TvWork = std::conditional_t<std::is_same_v<T, double>, double, float>;

// `in` and `out` have the same geometry; they may be the same memory with the same strides, else must not overlap.
// T: uint8_t, uint16_t, float, double. Result: the same bytes for any number of threads and any strides.
// Throws std::invalid_argument for infinite pixels and planes without a single measured one; `out` is then untouched.
template <class T>
DenoiseTvInfo denoise_tv(const BatchView<const T>& in, const BatchView<T>& out, const DenoiseTvOptions& options);

// ---- Chambolle -----------------------------------------------------------------------------
// scikit-image's denoise_tv_chambolle, iterate for iterate (A. Chambolle, "An algorithm for total variation
// minimization and applications", JMIV 20, 2004). For an image f of n axes, with p = 0 at first (the negative of
// scikit-image's), pass k = 0, 1, ... is
//
//   u = f + div p
//   E = (sum of (u - f)^2 + weight * sum of |grad u|) / size
//   p <- (p + tau * grad u) / (1 + (tau / weight) * |grad u|)
//   stop when |E_before - E| < eps * E_first (kEnergy, from the second pass on), or max |p_after - p| < eps (kDual)
//
// and u of the last pass is the result: the last p does not enter it. grad: forward differences, 0 at the far border
// of each axis; |grad u| takes all axes together; div: the negative adjoint of grad.

// Numbers on a grid of any number of axes, any strides (bytes).
template <class T>
struct GridView {
  T* data = nullptr;
  int axes = 0;
  const std::ptrdiff_t* shape = nullptr;
  const std::ptrdiff_t* strides = nullptr;
};

enum class ChambolleStop : std::uint8_t { kEnergy, kDual };

struct ChambolleOptions {
  double weight = 0.1;              // finite, >= 0; 0: the image itself
  double eps = 2e-4;                // >= 0; 0: max_num_iter passes
  std::int64_t max_num_iter = 200;  // >= 0; 0 and 1: the image itself
  double tau = 0;                   // > 0; 0: 1 / (2 axes)
  ChambolleStop stop = ChambolleStop::kEnergy;
  bool measure = false;  // fill in energy and change of the reports also where the stop rule does not need them
  int num_threads = 0;   // 0: see thread_count
  int block = 0;         // passes that go through the image together; 0: chosen. The result is the same.
};

struct ChambolleReport {
  std::int64_t iterations = 0;  // passes
  double energy = 0;            // E of the result
  double change = 0;  // what the stop rule compared with eps in the last pass: |E_before - E| / E_first, or max |dp|
  bool converged = false;  // the stop rule fired
};

// `channels` images of one geometry, each denoised by itself; channel_stride: bytes from one to the next.
template <class T>
struct ChannelsView {
  GridView<T> first;
  std::ptrdiff_t count = 1;
  std::ptrdiff_t channel_stride = 0;
};

// In: uint8_t or uint16_t (divided by 255 and 65535, as img_as_float does) to double, float to float, double to double.
// `in` and `out` have the same geometry and must not overlap, except when they are the same memory with the same
// strides. `reports`: one a channel, or null. Images must be finite: std::invalid_argument, and nothing is written.
// Sums are float64, over rows in their order: the same bytes for any number of threads, any block, any strides.
// Memory: 16 bytes a pixel of one channel (float; 32: double), 24 (48) with what is copied.
template <class In, class Out>
void denoise_tv_chambolle(const ChannelsView<const In>& in, const ChannelsView<Out>& out,
                          const ChambolleOptions& options, ChambolleReport* reports);

}  // namespace fastcv
