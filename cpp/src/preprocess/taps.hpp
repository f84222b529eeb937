// One axis of a resize as weights: output i is the sum of weight[i][t] * pixel[start[i] + t].
#pragma once

#include <vector>

#include "fastcv/preprocess.hpp"

namespace fastcv::preprocess {

struct Taps {
  std::ptrdiff_t count = 0, taps = 1;
  std::vector<std::ptrdiff_t> start;  // never falls; start + taps never passes the last pixel
  std::vector<float> weight;          // count x taps; each row adds up to 1 as nearly as floats can
  std::ptrdiff_t begin = 0, end = 0;  // every pixel read lies in [begin, end)

  const float* weights(std::ptrdiff_t i) const { return weight.data() + i * taps; }
};

Taps make_taps(const AxisPlacement& axis, Interpolation interpolation, bool antialias);

}  // namespace fastcv::preprocess
