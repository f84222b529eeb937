// A start for the fast solver where the weight is heavy: the optimum of the image at half its size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tv/denoise_memory.hpp"
#include "tv/denoise_plane.hpp"

namespace fastcv::tv {

// Rows of such an optimum: u and q's two components. Row 0 is the coarse image's row `first`.
template <class T>
struct HalfRows {
  const T *u, *q0, *q1;
  std::ptrdiff_t u_channel, q_channel, pitch;  // values from a channel to the next, from a row to the next
  std::ptrdiff_t first = 0;
  const T* u_row(int channel, std::ptrdiff_t y) const { return u + channel * u_channel + (y - first) * pitch; }
  const T* q0_row(int channel, std::ptrdiff_t y) const { return q0 + channel * q_channel + (y - first) * pitch; }
  const T* q1_row(int channel, std::ptrdiff_t y) const { return q1 + channel * q_channel + (y - first) * pitch; }
};

constexpr std::int64_t kCoarseIterations = 30;  // on each level; more save less on the fine one than they cost

// At half the size a pixel stands for four, and an edge between two for two: per pixel that is the same problem with
// half the weight. What is found there, and at half of that size first, is right in all but its details.
template <class T>
class CoarseStart {
 public:
  // Its planes lie in the front of `room`, where they fit.
  CoarseStart(const PlaneShape& fine, const PlaneIo<T>& io, int threads, std::span<T>* room);
  // Of an image that is halved already.
  enum AsItIs : std::uint8_t { kAsItIs };
  CoarseStart(const PlaneShape& shape, int threads, const PlaneIo<T>& io, AsItIs, std::span<T>* room);
  // Nearly: a fixed number of iterations on each level. Costs about a third as many on the fine one. Works in `room`,
  // where that is large enough: the fine level's state, which is not in use yet, always is.
  void solve(double weight, std::span<T> room);

  const PlaneShape& shape() const { return shape_; }
  PlaneIo<T> io() const;
  PlaneDual<T> dual() const { return {planes_.data() + values(), shape_}; }
  // Channel by channel.
  const T* image(int channel, std::ptrdiff_t y) const {
    return planes_.data() + channel * shape_.pixels() + y * shape_.columns;
  }
  HalfRows<T> half() const {
    const std::ptrdiff_t pixels = shape_.pixels();
    const T *u = planes_.data(), *q = u + values();
    return {u, q, q + pixels, pixels, 2 * pixels, shape_.columns};
  }
  // The weight, beside the mean |grad f| at half the size.
  double ratio() const { return ratio_; }
  // Whether halving pays, for such a ratio on the fine level.
  static bool pays(const PlaneShape& shape, double ratio);

 private:
  std::ptrdiff_t values() const { return shape_.pixels() * shape_.channels; }

  PlaneShape shape_;
  int threads_;
  double ratio_ = 0;
  Values<T> planes_;  // f, then u; and the dual field
};

// Row y of an image at half its size: means of four pixels; a last one without a partner counts twice. room: four such
// rows.
template <class T>
void halve_row(const PlaneShape& fine, const PlaneIo<T>& io, int channel, std::ptrdiff_t y, T* room, T* to);

}  // namespace fastcv::tv
