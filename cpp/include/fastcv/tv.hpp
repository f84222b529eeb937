// Total variation denoising (Rudin, Osher, Fatemi 1992): smooth areas, sharp edges.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

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

// ---- denoise_tv, an image in parts -------------------------------------------------------------
// For images that no one machine holds: parts of whole rows are worked on anywhere by the fast solver, and after each
// round of iterations the rows at their ends are exchanged, three for each iteration. A part begins at an even row of
// the image. What it computes of its own rows has the same bytes as in the whole image.

struct DenoisePartShape {
  std::ptrdiff_t rows, columns;  // with the neighbours' rows
  int channels;                  // 1, or 3 that are joint; of denoise_part_proven, any number
  bool isotropic;
};
struct DenoisePartLayout {
  std::ptrdiff_t values;      // of a state; its memory must be aligned to 64 bytes
  std::ptrdiff_t row_values;  // of a row that is taken or put
  std::ptrdiff_t strips;      // sums a row
};

// Iterations `done` + 1 to `done` + `iterations` since the start. sigma, slope: the first step, and how much each adds.
struct DenoisePartRound {
  double weight, sigma, slope;
  std::int64_t done, iterations;
  int num_threads;
};

template <class T>
DenoisePartLayout denoise_part_layout(const DenoisePartShape& shape);
// Rows [begin, begin + count) of a state to contiguous memory.
template <class T>
void denoise_part_take(const DenoisePartShape& shape, const T* state, std::ptrdiff_t begin, std::ptrdiff_t count,
                       T* rows);

// What one machine would do with an image of such a shape (rows: all of it). `ratio`: of the weight to the image's mean
// |grad f|; coarse_ratio: the same of the image at half its size, if its optimum is what the start is made of; else 0.
struct DenoisePlan {
  double ratio;
  bool tries_constant, tries_coarse;  // what comes first
  double sigma, slope;
  std::int64_t first_look;
  std::int64_t coarse_iterations;  // of an image at half the size, which nobody looks at in between
};
DenoisePlan denoise_plan(const DenoisePartShape& shape, double weight, double mean_slope, double coarse_ratio,
                         double tol);

struct DenoiseLook {
  std::int64_t iteration;
  double gap, objective;
};
struct DenoiseNext {
  std::int64_t iteration;
  bool stalled;
};
// When to look again, after these looks, of which the first was due at `first`; and whether to hope no more.
DenoiseNext denoise_next_look(double tol, std::int64_t first, std::int64_t last, const std::vector<DenoiseLook>& looks);

// The gap and the objective from the sums of all rows. proven: as of denoise_part_proven, whose sums hold the weight.
template <class T>
DenoiseLook denoise_part_certificate(const DenoisePartShape& shape, double weight, const T* low, const T* high,
                                     const double* sums, bool proven);

// The heavy weight. Of an image at half its size: nearly the optimum, to start from, with half the weight. half: row by
// row, of each channel u and q's components, columns side by side. Returns the ratio of its weight to its slope.
template <class T>
double denoise_part_coarse(const DenoisePartShape& shape, const T* pixels, double weight, int num_threads, T* half);

// What a state is made of. Of pixels, contiguous, channels last, and where `half` is not null such a start: its rows
// from half_first on, from first_row / 2 - 1 (0) to that of the part's last row; first_row: where the part begins in
// the image of image_rows. Or of the state before, but for `reach` rows above `begin` and from `end` on (null: there
// are none).
template <class T>
struct DenoisePartSource {
  const T* pixels = nullptr;
  const T* half = nullptr;
  std::ptrdiff_t half_first = 0, first_row = 0, image_rows = 0;
  const T* before = nullptr;
  std::ptrdiff_t reach = 0;
  const T *above = nullptr, *below = nullptr;
};
// A round: the state is made from its source, and goes through the iterations. u not null: then a look at rows
// [begin, end), the part's own: u, contiguous, held within the image's range (low, high: a value a channel); and of
// each row and strip the sums of (u - f)^2, |grad u| and the gap, three values side by side. dual: of all rows,
// [channel][axis][y][x]; right in those looked at. Or null.
template <class T>
void denoise_part_round(const DenoisePartShape& shape, const DenoisePartRound& round,
                        const DenoisePartSource<T>& source, const T* low, const T* high, std::ptrdiff_t begin,
                        std::ptrdiff_t end, T* state, T* u, double* sums, T* dual);
// Means of two by two pixels, channels last; a last row or column without a partner counts twice.
template <class T>
void denoise_part_halve(const DenoisePartShape& shape, const T* pixels, T* half);

// The heaviest weight: the mean. sums: of each row's pixels, channels side by side.
template <class T>
void denoise_part_row_sums(const DenoisePartShape& shape, const T* pixels, double* sums);
// Of rows that begin at first_row of an image of `image` with such sums and range: what its certificate needs. Returns
// the largest norm of the dual field, and writes each row's squares, channels side by side.
template <class T>
double denoise_part_constant(const DenoisePartShape& image, const double* sums, const T* low, const T* high,
                             const T* pixels, std::ptrdiff_t first_row, std::ptrdiff_t rows, double* squares);
// Whether the mean is the optimum: then its gap and objective, and the mean of each channel.
template <class T>
bool denoise_part_constant_certificate(const DenoisePartShape& image, const double* sums, const T* low, const T* high,
                                       const double* squares, double largest, double weight, T* mean,
                                       DenoiseLook* look);

// As denoise_part_round, with the proven solver: any number of channels, and one row of neighbours for each
// iteration (and one more for the look). from, to: [field][channel][y][x], the four fields that go from round to
// round, `from` of all rows (null: from the pixels), `to` of [begin, end). u and sums: or null; the sums of |grad u|
// hold the weight.
template <class T>
void denoise_part_proven(const DenoisePartShape& shape, const DenoisePartRound& round, const T* low, const T* high,
                         std::ptrdiff_t begin, std::ptrdiff_t end, const T* pixels, const T* from, T* to, T* u,
                         double* sums);

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

// ---- Chambolle, an image in parts --------------------------------------------------------------
// For images that no one machine holds: parts of whole slices along the first axis (rows of an image) are worked on
// anywhere, and after each round of passes the slices at their ends are exchanged. What a part computes of its own
// slices has the same bytes as in the whole image, sums included.

// Where a part's dual variable stands: axis a, row y (of all leading axes together) at
// lead + a * plane + y * pitch, of `values` in all. What lies between is not for others to touch.
struct ChambolleLayout {
  std::ptrdiff_t lead, plane, pitch, values;
  int most_passes;  // in a round; what fits the cache
};
template <class T>
ChambolleLayout chambolle_layout(const std::vector<std::ptrdiff_t>& shape);

// A part and its neighbours' slices on both sides, as many as there are passes, except where the image ends.
template <class T>
struct ChambollePart {
  std::vector<std::ptrdiff_t> shape;  // with the neighbours' slices; at least two axes
  std::ptrdiff_t begin, end;          // its own slices
  const T* image;                     // contiguous
  const T* from;                      // the dual variable as laid out above; null: 0
  T* to;             // after the passes, of its own slices; may be null for one pass that neither updates nor measures
  T* u;              // of the last pass, its own slices, contiguous; or null
  double* energies;  // [pass][own row]: sum of (u - f)^2 + weight * sum of |grad u|; or null
  double* changes;   // [pass]: the largest |p_after - p|; or null. Needs `energies`.
  double weight, tau;  // > 0
  int passes;
  bool update_last;  // false: the last pass only makes u and its energy
  int num_threads;
};

// `to` must have zeros where no rows stand, as they are in fresh zeroed memory, and are left by this function.
template <class T>
void chambolle_part(const ChambollePart<T>& part);

}  // namespace fastcv
