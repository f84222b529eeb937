// Total variation denoising (Rudin, Osher, Fatemi 1992): smooth areas, sharp edges.
#pragma once

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

}  // namespace fastcv
