// A start for the fast solver where the weight is heavy: the optimum of the image at half its size.
#pragma once

#include <cstddef>
#include <span>

#include "tv/denoise_memory.hpp"
#include "tv/denoise_plane.hpp"

namespace fastcv::tv {

// At half the size a pixel stands for four, and an edge between two for two: per pixel that is the same problem with
// half the weight. What is found there, and at half of that size first, is right in all but its details.
template <class T>
class CoarseStart {
 public:
  // Its planes lie in the front of `room`, where they fit.
  CoarseStart(const PlaneShape& fine, const PlaneIo<T>& io, int threads, std::span<T>* room);
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

}  // namespace fastcv::tv
