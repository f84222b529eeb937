// What pairs.cpp asks of the SIMD files: one stripe of 16 rows at a time (see pairs.hpp for the layout).
#pragma once

#include <cstddef>

#include "mds/pairs.hpp"

namespace fastcv::mds {

inline constexpr std::ptrdiff_t kTile = 16, kBlock = 4;

// Where a stripe's values begin, and how many each of its blocks has.
inline std::ptrdiff_t stripe_offset(std::ptrdiff_t stripe, std::ptrdiff_t stripes) {
  return kTile * kTile * (stripe * stripes - stripe * (stripe - 1) / 2);
}
inline std::ptrdiff_t block_values(std::ptrdiff_t stripe, std::ptrdiff_t stripes) {
  return kBlock * kTile * (stripes - stripe);
}

template <class T>
struct PairJob {
  const T* distances;
  const T* weights;  // null: all 1
  std::ptrdiff_t points, stride, stripes;
  int dimensions;
  T scale;
  const T* x;
  T* g;     // added to, from the stripe's first column on
  T* rows;  // kBlock * kTile * dimensions values of scratch memory
};

// 16 x 16 numbers of each triangle, [row][column] of the upper one in both.
template <class T>
struct TileJob {
  const T *upper, *lower;
  const T *upper_weights, *lower_weights;  // null: all 1
  T *distances, *weights;                  // in the layout of the kernels; weights may be null
  std::ptrdiff_t pitch;                    // from a block to the next
  bool squares;                            // -D^2 is stored
  int rows, columns;                       // of them are pairs
  bool diagonal;                           // only columns right of the row are
};

template <class T>
struct PairKernels {
  double (*stripe)(const PairJob<T>& job, std::ptrdiff_t stripe);  // returns its share of the loss
  T gradient_factor;                                               // of the sums in g
  double value_factor;                                             // of the share
};

template <class T>
PairKernels<T> pair_kernels(PairLoss loss, int dimensions, bool squares, bool weighted, bool want_value);

template <class T>
struct PairPasses {
  // Averages and stores a tile, and adds what it saw to the report.
  void (*pack)(const TileJob<T>& job, PairReport* report);
  // to[j * kTile + i] = value j of row i, 16 x 16; rows at any address, `pitch` bytes apart.
  void (*transpose)(const char* from, std::ptrdiff_t pitch, T* to);
  // out[i] = factor * sum over k of parts[k * step + i] in their order, i in [begin, end), multiples of kTile.
  void (*add_up)(const T* parts, std::ptrdiff_t step, int count, T factor, T* out, std::ptrdiff_t begin,
                 std::ptrdiff_t end);
};
template <class T>
PairPasses<T> pair_passes();

}  // namespace fastcv::mds
