// One channel from the first pass to the stop: blocks of passes, the stop rule, and the way back when it fires
// inside a block.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "fastcv/tv.hpp"
#include "tv/chambolle.hpp"

namespace fastcv::tv {

// Rows of a channel, `pitch` values apart; their own values `step` apart.
template <class T>
struct Rows {
  T* data;
  std::ptrdiff_t pitch;
  std::ptrdiff_t step = 1;
};

struct Settings {
  double weight, eps, tau;
  std::int64_t passes;  // at least 1
  ChambolleStop stop;
  bool measure;
  int block;
  int threads;
  std::ptrdiff_t grain;  // rows
  int spare = 0;         // planes that the caller needs, from the same block of memory
};

// Holds the memory for channels of one shape, one after the other.
template <class T>
class Solver {
 public:
  Solver(const std::vector<std::ptrdiff_t>& shape, const Settings& settings);
  ~Solver();
  // image, of step 1, and result must not overlap.
  ChambolleReport solve(const Rows<const T>& image, const Rows<T>& result);

  // A plane for the caller: 0 to spare - 1, rows padded_pitch() apart.
  T* spare(int plane);

  class Passes;  // how a block is run: Wavefront for images, Sweep for volumes

 private:
  Settings settings_;
  std::int64_t hint_ = 0;
  std::unique_ptr<Passes> passes_;
};

}  // namespace fastcv::tv
