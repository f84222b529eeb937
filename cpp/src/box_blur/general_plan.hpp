// The general blur's way through an image, in plain C++ (the lanes stand in general_*-inl.h).
//
//   The part is cut into strips of columns, a strip into bands of rows, as many as a vector has lanes.
//   vertical    sums of columns, lanes = columns                      input rows  -> tile
//   transpose   lanes = rows of the band from here on                  tile        -> slots, one vector a
//   column horizontal  windows of slots                                       slots       -> sums, one vector
//   a column divide      sums -> values of the image's type, packed             sums        -> packed back
//   transpose                                              packed      -> output rows
//
// With the rows in the lanes a step to the right is a step to another vector: channels, borders and windows
// of any size are plain addresses. A slot stands for a source column; where the border says that position p
// of the padded axis shows column s again, `position[p]` says so, and nothing is copied.
#pragma once

#include <cstddef>
#include <cstdint>

#include "box_blur/general.hpp"

namespace fastcv::box {

// How an integer job adds up: the widths of a column's sum and of a window's.
enum class SumWidth { k16Then32, k32Then32, k32Then64, k64Then64 };
template <class T>
SumWidth sum_width(const GeneralJob<T>& job);

// Bytes that one flat column (a channel of a pixel) needs. A slot is 64 on every target: memory for the
// widest.
struct ColumnBytes {
  std::size_t state;  // between one band and the next
  std::size_t sum;    // a window's sum for all rows of a band
  std::size_t slide;  // horizontal state, one a channel
};

// Pixels [first, last] of the source, in the order in which outputs need them. The slots of a strip are a
// stream of flat columns, which passes through a ring; a run begins at column `begin` of the stream, a
// multiple of kTileColumns and of the channels.
struct SourceRun {
  std::ptrdiff_t first, last, begin;
};

constexpr std::ptrdiff_t kTileColumns = 128;
// Larger outputs are written around the caches, where all rows allow it.
constexpr std::ptrdiff_t kStreamBytes = 8 << 20;
constexpr int kMostRuns = 8;

struct Strip {
  std::ptrdiff_t x0, x1;
  SourceRun runs[kMostRuns];
  int run_count;
  std::ptrdiff_t ring;         // flat columns; those of the border's value stand behind
  std::ptrdiff_t first_reach;  // the stream up to here is what the first window needs
};

// Everything that lies in the scratch memory.
struct GeneralMemory {
  const void** rows;                      // input rows of the positions [y0, y1 + window - 1)
  void* outside;                          // a row of the border's value
  double *row_count, *row_inverse;        // one an output row: pixels in its window; lanes of no row count 1
  double *column_count, *column_inverse;  // one a flat column of the part
  std::ptrdiff_t* position;               // places in the ring of the strip's positions [x0, x1 + window - 1)
  std::ptrdiff_t* reach;                  // one a chunk: the stream up to here is what its windows need
  std::byte *state, *tile, *slots, *slide, *sums, *packed;
  std::ptrdiff_t strip_width;  // pixels
  std::ptrdiff_t chunk_width;  // pixels that go through horizontal, divide and back together
  std::size_t bytes;
};

template <class T>
ColumnBytes column_bytes(const GeneralJob<T>& job);

// Lays out the scratch memory and fills what is the same for all strips.
template <class T>
GeneralMemory plan_part(const GeneralJob<T>& job, const Rectangle& part, std::byte* scratch);

// At least 1: an empty window slides over one position that counts nothing.
inline std::ptrdiff_t sliding_window(const AxisPlan& plan) { return plan.window > 0 ? plan.window : 1; }

// Pixels of the window of output `at`: the divisor.
inline double window_count(const AxisPlan& plan, std::ptrdiff_t at) {
  return static_cast<double>(plan.border == Border::kShrink ? plan.count(at) : plan.ksize);
}

Strip plan_strip(const GeneralMemory& memory, const AxisPlan& columns, std::ptrdiff_t channels, std::ptrdiff_t x0,
                 std::ptrdiff_t x1);
std::ptrdiff_t place_of(const Strip& strip, std::ptrdiff_t channels, std::ptrdiff_t pixel);  // in the ring

// floor((s + bias) / area) == ((s + bias) * multiplier) >> (32 + shift) for s + bias < 2^31.
struct Magic {
  std::uint32_t multiplier, bias, area;
  int shift;
  bool even;  // a quotient without remainder is a tie
};
Magic make_magic(std::int64_t area, Rounding rounding);

// The same with one fused multiply-add in float: (s + bias) * inverse + kRounder, rounded to a whole number
// by the addition; its low 16 bits are the quotient. `exact`: for all sums of this area that occur.
struct FloatMagic {
  float inverse;
  std::int32_t bias;
  bool exact;
};
constexpr float kRounder = (1 << 23) + (1 << 20);
constexpr std::uint32_t kRounderBits = 0x4B100000;
FloatMagic make_float_magic(std::int64_t area, std::int64_t largest, Rounding rounding);

// One integer quotient, where no shorter way is exact.
std::uint64_t exact_quotient(std::uint64_t sum, std::uint64_t count, Rounding rounding);

}  // namespace fastcv::box
