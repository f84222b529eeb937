// The fast solver: its state from pixels, from a dual field, or from the optimum at half the size.
#include <algorithm>
#include <limits>
#include <vector>

#include "tv/denoise_splitting.hpp"

namespace fastcv::tv {

template <class T>
void SplittingSolver<T>::read_tiles(const PlaneIo<T>& io, bool pack) {
  std::vector<Range<T>> ranges(tiles_.size());
  each_tile([&](Band& band, int i) {
    const Tile<T>& t = tiles_[i];
    T* pixels = rows_of(i);
    for (int c = 0; c < shape_.channels; c++) {
      ranges[i].low[c] = std::numeric_limits<T>::infinity();
      ranges[i].high[c] = -std::numeric_limits<T>::infinity();
    }
    for (std::ptrdiff_t y = pack ? 0 : t.own_y0; y < (pack ? t.rows : t.own_y1); y++) {
      for (int c = 0; c < shape_.channels; c++) {
        const T* row = io.row(c, t.y0 + y, t.x0, t.columns, pixels);
        if (pack) {
          kernels_.pack(t, y, c, row, &ranges[i].low[c], &ranges[i].high[c]);
        } else {
          kernels_.range(row, t.columns, &ranges[i].low[c], &ranges[i].high[c]);
        }
      }
      if (y % 64 == 0) band.checkpoint();
    }
  });
  range_ = ranges[0];
  for (const Range<T>& r : ranges) {
    for (int c = 0; c < shape_.channels; c++) {
      range_.low[c] = std::min(range_.low[c], r.low[c]);
      range_.high[c] = std::max(range_.high[c], r.high[c]);
    }
  }
  done_ = 0;
}

template <class T>
void SplittingSolver<T>::load(const PlaneIo<T>& io) {
  read_tiles(io, true);
}

template <class T>
void SplittingSolver<T>::find_range(const PlaneIo<T>& io) {
  read_tiles(io, false);
}

template <class T>
void SplittingSolver<T>::start(const PlaneDual<T>& dual, double weight) {
  const std::ptrdiff_t N = kernels_.lanes;
  const T scale = static_cast<T>(1 / weight);
  parallel_rows(static_cast<std::ptrdiff_t>(tiles_.size()), 1, threads_, [&](Band& band) {
    for (std::ptrdiff_t i = band.begin; i < band.end; i++) {
      const Tile<T>& t = tiles_[i];
      for (std::ptrdiff_t y = 0; y < t.rows; y++) {
        for (int c = 0; c < shape_.channels; c++) {
          const T* q0 = dual.row(c, 0, t.y0 + y);
          const T* q1 = dual.row(c, 1, t.y0 + y);
          const T* above = t.y0 + y > 0 ? dual.row(c, 0, t.y0 + y - 1) : nullptr;
          for (std::ptrdiff_t x = t.x0; x < t.x0 + t.columns; x++) {
            const std::ptrdiff_t in = x - t.x0, lane = in / 2 % N;
            T* p = t.row(y) + (in / (2 * N) * shape_.channels + c) * kRecordVectors * N + in % 2 * N + lane;
            const T div = q0[x] - (above != nullptr ? above[x] : T(0)) + q1[x] - (x > 0 ? q1[x - 1] : T(0));
            p[kC0 * N] = q0[x] * scale;
            p[kC1 * N] = q1[x] * scale;
            p[kU * N] = p[kRhs * N] = p[kF * N] + div;
          }
        }
        if (y % 16 == 0) band.checkpoint();
      }
    }
  });
  done_ = 0;
}

namespace {

// A row of the fine image's dual field, made from the coarse one's: q0 (two by two pixels alike), and q1 of even and of
// odd pixels. The coarse value on an edge of two coarse pixels counts twice, as the fine weight is twice as large;
// inside a coarse pixel lies the mean of its two edges: so div q, and with it u - f, comes out the same. 0 at the far
// edges.
template <class T>
void fine_row0(const HalfRows<T>& half, int channel, std::ptrdiff_t y, std::ptrdiff_t rows, std::ptrdiff_t x,
               std::ptrdiff_t count, T* q0) {
  if (y < 0 || y + 1 >= rows) return void(std::fill_n(q0, count, T(0)));
  const T* here = half.q0_row(channel, y / 2) + x;
  const T* other = y % 2 == 1 ? here : y >= 2 ? half.q0_row(channel, y / 2 - 1) + x : nullptr;
  for (std::ptrdiff_t j = 0; j < count; j++) q0[j] = here[j] + (other != nullptr ? other[j] : T(0));
}

template <class T>
void fine_row1(const HalfRows<T>& half, int channel, std::ptrdiff_t y, std::ptrdiff_t columns, std::ptrdiff_t x,
               std::ptrdiff_t count, T* even, T* odd) {
  const T* here = half.q1_row(channel, y / 2) + x;
  T left = x > 0 ? here[-1] : T(0);
  odd[-1] = 2 * left;
  for (std::ptrdiff_t j = 0; j < count; j++) {
    even[j] = left + here[j];
    odd[j] = 2 * here[j];
    left = here[j];
  }
  if (2 * (x + count) == columns + 1) even[count - 1] = 0;
}

}  // namespace

// Row y of a tile, packed before.
template <class T>
void SplittingSolver<T>::start_row(const HalfRows<T>& half, const Tile<T>& t, std::ptrdiff_t y,
                                   std::ptrdiff_t first_row, std::ptrdiff_t image_rows, T scale,
                                   std::vector<T>* room) const {
  const std::ptrdiff_t x = t.x0 / 2, count = (t.columns + 1) / 2, padded = (t.records + 1) * kernels_.lanes;
  room->resize(5 * padded);
  T *u = room->data(), *up = u + padded, *down = up + padded, *even = down + padded, *odd = even + padded + 1;
  const std::ptrdiff_t image_y = first_row + t.y0 + y;
  for (int c = 0; c < shape_.channels; c++) {
    std::copy_n(half.u_row(c, image_y / 2) + x, count, u);
    fine_row0(half, c, image_y - 1, image_rows, x, count, up);
    fine_row0(half, c, image_y, image_rows, x, count, down);
    fine_row1(half, c, image_y, shape_.columns, x, count, even, odd);
    kernels_.start(t, y, c, {u, up, down, even, odd, scale});
  }
}

template <class T>
void SplittingSolver<T>::start(const HalfRows<T>& half, double weight, std::ptrdiff_t first_row,
                               std::ptrdiff_t image_rows) {
  const T scale = static_cast<T>(1 / weight);
  each_tile([&](Band& band, int i) {
    std::vector<T> room;
    for (std::ptrdiff_t y = 0; y < tiles_[i].rows; y++) {
      start_row(half, tiles_[i], y, first_row, image_rows, scale, &room);
      if (y % 32 == 0) band.checkpoint();
    }
  });
  done_ = 0;
}

// Row y of a tile of a part, from where `feed` says.
template <class T>
void SplittingSolver<T>::feed_row(const Feed& feed, int tile, std::ptrdiff_t y, T* room,
                                  std::vector<T>* start_room) const {
  const Tile<T>& t = tiles_[tile];
  if (feed.pixels != nullptr) {
    T low = 0, high = 0;
    for (int c = 0; c < shape_.channels; c++) {
      kernels_.pack(t, y, c, feed.pixels->row(c, t.y0 + y, t.x0, t.columns, room), &low, &high);
    }
    if (feed.half != nullptr) {
      start_row(*feed.half, t, y, feed.first_row, feed.image_rows, static_cast<T>(1 / weight_), start_room);
    }
    return;
  }
  const std::ptrdiff_t values = kRecordVectors * kernels_.lanes * shape_.channels;
  const std::ptrdiff_t first = t.x0 / (2 * kernels_.lanes), columns = shape_.columns;
  const std::ptrdiff_t row_values = (columns + 2 * kernels_.lanes - 1) / (2 * kernels_.lanes) * values;
  const T* from = feed.state + offsets_[tile] + y * t.pitch;
  if (feed.above != nullptr && y < feed.begin && y >= feed.begin - feed.reach) {
    from = feed.above + (y - feed.begin + feed.reach) * row_values + first * values;
  } else if (feed.below != nullptr && y >= feed.end && y < feed.end + feed.reach) {
    from = feed.below + (y - feed.end) * row_values + first * values;
  }
  std::copy_n(from, t.records * values, t.row(y));
}

template class SplittingSolver<float>;
template class SplittingSolver<double>;

}  // namespace fastcv::tv
