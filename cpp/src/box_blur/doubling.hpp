// Box sums by doubling, in plain C++ (the lanes stand in doubling-inl.h): the blur of floats and of 16-bit images while
// the window is not large. Everything else is done by the general blur.
//
//   rows of the image -> windows of rows, eight output rows at a time (a shared tree of sums and what each adds to it)
//   -> lines, padded by the border -> sums of 2, 4, 8, ... neighbours -> windows of the line -> means
//
// Lanes are columns throughout, channels are a stride. The part is cut into strips of columns, so narrow that the rows
// of a window stay in the second-level cache.
#pragma once

#include <cstddef>
#include <cstdint>

#include "box_blur/general.hpp"

namespace fastcv::box {

// A window as parts of 2^level values side by side, the smallest first; adding them in this order, no value passes
// through more than log2(window) + 1 additions. The same order everywhere: a window's bytes depend on its values alone.
struct Doubling {
  struct Part {
    int level;
    std::ptrdiff_t before;  // values of the window that the smaller parts hold
  };
  static constexpr int kMostLevels = 8;

  explicit Doubling(std::ptrdiff_t window);

  int levels = 0;  // the largest sums are of 2^levels values
  int parts = 0;
  Part part[kMostLevels];
};

constexpr std::ptrdiff_t kMostDoublingWindow = 56;  // below 2^kMostLevels; beyond, constant cost wins
constexpr int kDoublingGroup = 8;                   // output rows that are worked on together
constexpr std::ptrdiff_t kBlockBytes = 256;         // four of the widest vectors

// Everything that lies in the scratch memory. A value is one of the sums' type.
struct DoublingMemory {
  std::byte* lines;                         // of `line_values` each: a group's rows, then the levels above 0
  std::byte* outside;                       // a row of the border's pixel, in the image's type
  std::ptrdiff_t *border_to, *border_from;  // of the line, in the image's flat columns; -1 - channel: outside
  std::ptrdiff_t strip_values, line_values;
  std::ptrdiff_t line_lead;  // values of a line before the image's first
  std::size_t bytes;
};

// Colours that are not weighted, windows that are not cut and do not reach around the image.
template <class T>
bool doubling_applies(const GeneralJob<T>& job);

template <class T>
DoublingMemory plan_doubling(const GeneralJob<T>& job, std::byte* scratch);

}  // namespace fastcv::box
