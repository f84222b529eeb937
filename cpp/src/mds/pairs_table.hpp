// From a table of any strides and either type to a tile of numbers.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <type_traits>

#include "mds/pairs_kernels.hpp"

namespace fastcv::mds {

template <class T, class Source>
void copy_tile_of(const PairPasses<T>& passes, const PairTable& table, std::ptrdiff_t row, std::ptrdiff_t column,
                  std::ptrdiff_t rows, std::ptrdiff_t columns, std::ptrdiff_t row_step, std::ptrdiff_t column_step,
                  T* to) {
  const char* from = static_cast<const char*>(table.data) + row * table.row_stride + column * table.column_stride;
  const bool by_column = std::abs(table.row_stride) < std::abs(table.column_stride);  // along what lies together
  const std::ptrdiff_t outer = by_column ? columns : rows, inner = by_column ? rows : columns;
  const std::ptrdiff_t outer_stride = by_column ? table.column_stride : table.row_stride,
                       inner_stride = by_column ? table.row_stride : table.column_stride;
  const std::ptrdiff_t outer_step = by_column ? column_step : row_step, inner_step = by_column ? row_step : column_step;
  std::ptrdiff_t done = 0;
  if constexpr (std::is_same_v<T, Source>) {
    if (inner_stride == sizeof(T) && inner_step == 1) {
      for (std::ptrdiff_t i = 0; i < outer; i++)
        std::memcpy(to + i * outer_step, from + i * outer_stride, inner * sizeof(T));
      return;
    }
    if (inner_stride == sizeof(T) && inner_step == kTile && outer_step == 1 && outer == kTile)
      for (; done + kTile <= inner; done += kTile)
        passes.transpose(from + done * sizeof(T), outer_stride, to + done * kTile);
  }
  for (std::ptrdiff_t i = 0; i < outer; i++) {
    const char* p = from + i * outer_stride + done * inner_stride;
    for (std::ptrdiff_t j = done; j < inner; j++, p += inner_stride) {
      Source value;
      std::memcpy(&value, p, sizeof value);
      to[i * outer_step + j * inner_step] = static_cast<T>(value);
    }
  }
}

// to[i * row_step + j * column_step] = table[row + i][column + j].
template <class T>
void copy_tile(const PairPasses<T>& passes, const PairTable& table, std::ptrdiff_t row, std::ptrdiff_t column,
               std::ptrdiff_t rows, std::ptrdiff_t columns, std::ptrdiff_t row_step, std::ptrdiff_t column_step,
               T* to) {
  if (table.wide) return copy_tile_of<T, double>(passes, table, row, column, rows, columns, row_step, column_step, to);
  copy_tile_of<T, float>(passes, table, row, column, rows, columns, row_step, column_step, to);
}

}  // namespace fastcv::mds
