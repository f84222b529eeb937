// Box sums by doubling, in plain C++ (the lanes stand in doubling-inl.h): the blur of floats, and of uint16 with
// windows of moderate size.
//
//   rows of the image -> sums of 2, 4, 8, ... rows, kept in rings -> windows of rows: a line, padded by the border
//   -> sums of 2, 4, 8, ... neighbours in the line -> windows of the line -> means: a row of the output
//
// Lanes are columns throughout, channels are a stride. The part is cut into strips of columns, narrow enough that the
// rings stay in the second-level cache.
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
  static constexpr int kMostLevels = 40;

  explicit Doubling(std::ptrdiff_t window);
  std::ptrdiff_t kept(int level) const { return keeps[level]; }  // rows of sums of 2^level rows that are needed again

  int levels = 0;  // the largest sums are of 2^levels values
  int parts = 0;
  Part part[kMostLevels];
  std::ptrdiff_t keeps[kMostLevels];
};

// Windows of a few rows need no rings: groups of output rows are added up from the rows of the image.
constexpr int kDoublingGroup = 8;
constexpr std::ptrdiff_t kMostDirectRows = 128;
bool doubling_is_direct(const AxisPlan& rows);

// Everything that lies in the scratch memory. A value is one of the sums' type.
struct DoublingMemory {
  std::byte* line;                          // of `line_values` each: a group's rows, then the levels above 0
  std::byte* rings;                         // the rows of all levels but 0, as long
  std::byte* line_extra;                    // what AxisPlan::extra adds to the windows of a line
  std::byte *extra, *rest;                  // ... and to those of rows: high and low parts
  std::byte* outside;                       // a row of the border's pixel, in the image's type
  double* column_count;                     // pixels in the window of each of the strip's columns
  std::ptrdiff_t *border_to, *border_from;  // of the line, in the image's flat columns; -1 - channel: outside
  std::ptrdiff_t strip_values, line_values;
  std::ptrdiff_t line_lead;  // values of a line before the image's first
  std::size_t bytes;
};

constexpr std::ptrdiff_t kBlockBytes = 256;  // four of the widest vectors go through the vertical sums together

// Floats always; 16-bit images where sums of 32 bits do and the rings stay small. 8-bit ones never: see difference.hpp.
template <class T>
bool doubling_applies(const GeneralJob<T>& job);

template <class T>
std::size_t doubling_scratch_bytes(const GeneralJob<T>& job);

DoublingMemory plan_doubling(const AxisPlan& rows, const AxisPlan& columns, std::ptrdiff_t channels,
                             std::size_t value_bytes, std::size_t sum_bytes, std::byte* scratch);

}  // namespace fastcv::box
