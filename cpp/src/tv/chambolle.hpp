// One block of passes over an image (wavefront), and one pass over a volume (sweep): the two kernels of the
// Chambolle iteration. q = -p, so that u = f + div q with the usual signs.
#pragma once

#include <cstddef>

#include "fastcv/runtime.hpp"

namespace fastcv::tv {

constexpr std::ptrdiff_t kPadBytes = 64;  // the widest vector

// Values from one row to the next of our own planes: whole vectors, one more of zeros, and rows that do not
// all fall into the same cache sets.
template <class T>
constexpr std::ptrdiff_t padded_pitch(std::ptrdiff_t width) {
  constexpr std::ptrdiff_t kLanes = kPadBytes / sizeof(T);
  std::ptrdiff_t pitch = ((width + kLanes - 1) / kLanes + 1) * kLanes;
  if (pitch * sizeof(T) % 4096 == 0) pitch += kLanes;
  return pitch;
}

// The dual variable: one plane an axis. Before the first value of every row, and after its last, stand zeros up to a
// vector; `pitch` 0: every row is the same one, of zeros.
template <class T>
struct Dual {
  T *vertical, *horizontal;
  std::ptrdiff_t pitch;
};

enum class Measure : unsigned char { kNothing, kEnergy, kEnergyAndChange };

template <class T>
struct WavefrontJob {
  const T* image;
  std::ptrdiff_t image_pitch;  // values; rows may end where memory does
  Dual<const T> from;
  Dual<T> to;
  std::ptrdiff_t height, width;
  T tau, slope;      // slope = tau / weight
  double weight;     // of the norms in the energy
  int stages;        // passes
  bool update_last;  // false: the last stage has no dual step
  Measure measure;
  double* energies;  // [stage][row], where measured
  double* changes;   // [band][stage], where measured
  T* u;              // of the last stage, or null
  std::ptrdiff_t u_pitch, u_step;
  const T* zeros;  // a row of them
  bool halo;       // bands meet: each works out for itself what it needs of its neighbours' rows
};

// How many passes go through rows of that width together: what the second-level cache holds.
template <class T>
int wavefront_stages(std::ptrdiff_t width);
template <class T>
std::size_t wavefront_scratch_bytes(std::ptrdiff_t width, int stages, bool halo);

// Rows [y0, y1) through all stages: stage s is at row r - s, so that the dual of `stages` rows stays in the cache.
template <class T>
void wavefront(const WavefrontJob<T>& job, std::ptrdiff_t y0, std::ptrdiff_t y1, std::byte* scratch, Band& band);

// One pass over a volume.
constexpr int kMostAxes = 64;  // NumPy's own limit

template <class T>
struct SweepJob {
  const T* image;
  std::ptrdiff_t image_pitch;
  int leading;                  // axes but the last
  const std::ptrdiff_t* shape;  // of the leading axes
  const std::ptrdiff_t* steps;  // rows from one position to the next along each of them
  std::ptrdiff_t slice_rows;    // steps[0]
  std::ptrdiff_t width, pitch;
  const T* const* from;       // q, one plane an axis
  std::ptrdiff_t from_pitch;  // 0: all rows are one of zeros
  T* const* to;
  T tau, slope;
  double weight;
  bool update;  // false: only u is wanted
  Measure measure;
  double* energies;  // [row], where measured
  double* changes;   // [band]
  T* u;              // or null
  std::ptrdiff_t u_pitch, u_step;
  const T* zeros;
};

// Slices [z0, z1) of the first axis. scratch: two slices of padded rows.
template <class T>
void sweep(const SweepJob<T>& job, std::ptrdiff_t z0, std::ptrdiff_t z1, std::byte* scratch, Band& band);

}  // namespace fastcv::tv
