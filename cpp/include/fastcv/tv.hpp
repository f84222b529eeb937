// Total variation denoising (Rudin, Osher, Fatemi): smaller gradients, edges kept.
//
// ---- Chambolle -----------------------------------------------------------------------------
// scikit-image's denoise_tv_chambolle, iterate for iterate (A. Chambolle, "An algorithm for total variation
// minimization and applications", JMIV 20, 2004). For an image f of n axes, with p = 0 at first, pass k = 0, 1, ... is
//
//   u = f - div p
//   E = (sum of (u - f)^2 + weight * sum of |grad u|) / size
//   p <- (p - tau * grad u) / (1 + (tau / weight) * |grad u|)
//   stop when |E_before - E| < eps * E_first (kEnergy, from the second pass on), or max |p_after - p| < eps (kDual)
//
// and u of the last pass is the result: the last p does not enter it. grad: forward differences, 0 at the far border
// of each axis; |grad u| takes all axes together; div is its negative adjoint... with p_before = 0 outside, so
// (div p)_i = p_{i-1} - p_i here, summed over axes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fastcv {

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
// Memory: 20 bytes a pixel of one channel (float; 40: double), 24 (48) with what is copied.
template <class In, class Out>
void denoise_tv_chambolle(const ChannelsView<const In>& in, const ChannelsView<Out>& out,
                          const ChambolleOptions& options, ChambolleReport* reports);

}  // namespace fastcv
