// The fast solver: the order of work.
#include "tv/denoise_splitting.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

namespace fastcv::tv {

// rhs = f + factor (rhs - f): c and t are in units of the weight.
template <class T>
void SplittingSolver<T>::scale_rhs(T factor) {
  const std::ptrdiff_t N = kernels_.lanes;
  each_tile([&](Band& band, int i) {
    const Tile<T>& t = tiles_[i];
    for (std::ptrdiff_t y = 0; y < t.rows; y++) {
      if (y % 32 == 0) band.checkpoint();
      for (std::ptrdiff_t m = 0; m < t.records * shape_.channels; m++) {
        T* record = t.row(y) + m * kRecordVectors * N;
        for (std::ptrdiff_t k = 0; k < 2 * N; k++) {
          const T f = record[kF * N + k];
          record[kRhs * N + k] = f + factor * (record[kRhs * N + k] - f);
        }
      }
    }
  });
}

template <class T>
void SplittingSolver<T>::set_weight(double weight, double first_sigma, double slope, double relaxation) {
  if (weight_ > 0 && done_ > 0 && weight != weight_) scale_rhs(static_cast<T>(weight / weight_));
  weight_ = weight;
  first_sigma_ = first_sigma;
  slope_ = slope;
  relaxation_ = relaxation;
  done_ = 0;
}

// The next `count` iterations' numbers.
template <class T>
void SplittingSolver<T>::make_stages(int count, Then then) {
  stages_.clear();
  for (int k = 0; k < count; k++) {
    const double sigma = first_sigma_ + slope_ * static_cast<double>(++done_);
    const double theta = (sigma + slope_) / sigma, over = (1 - relaxation_) * theta;
    const double diagonal = 1 / (1 + 4 * sigma);
    stages_.push_back({static_cast<T>(diagonal), static_cast<T>(sigma * diagonal),
                       static_cast<T>(relaxation_ * sigma / weight_), static_cast<T>(weight_),
                       static_cast<T>(1 + theta), static_cast<T>(theta), static_cast<T>(1 - over), static_cast<T>(over),
                       true});
  }
  last_ = stages_.back();
  stages_.back().dual = then != Then::kEnd;
  if (then == Then::kCheck) {  // it wants v in place of c, and turns it back
    stages_.back().keep_r = 0;
    stages_.back().keep_v = 1;
  }
}

// A walk through a tile from top to bottom: read_row(y, room) makes its rows, all iterations follow close behind, and
// behind the last one `look`, where it is not null.
template <class T>
template <class ReadRow>
void SplittingSolver<T>::walk(const Tile<T>& t, int strip, T* rows, const ReadRow& read_row, const Look* look,
                              Band& band) const {
  const int count = static_cast<int>(stages_.size());
  T* spare = rows + count * row_values_;  // behind t0 of each iteration
  std::memset(rows, 0, (count + 1) * row_values_ * sizeof(T));
  std::ptrdiff_t read = 0, seen = 0;
  for (std::ptrdiff_t r = 0; r < t.rows + 2 * count + kBlockRows; r += kBlockRows) {
    for (; read < std::min(t.rows, r + kBlockRows + 1); read++) read_row(read, spare + row_values_);
    kernels_.wavefront(t, stages_.data(), count, r, rows);
    // The last iteration is through with c of these rows, and with u of the one below.
    const std::ptrdiff_t through = std::min(t.rows, r - 2 * count + kBlockRows);
    for (; look != nullptr && seen < through; seen++) look_at(t, strip, seen, *look, spare);
    band.checkpoint();
  }
}

namespace {
constexpr auto kAsTheyAre = [](std::ptrdiff_t, void*) {};
}

template <class T>
void SplittingSolver<T>::run(std::int64_t iterations, bool check_follows) {
  for (std::int64_t left = iterations; left > 0;) {
    const int count = next_block(left);
    left -= count;
    check_interrupt();
    make_stages(count, left == 0 && check_follows ? Then::kCheck : Then::kGoOn);
    each_tile([&](Band& band, int i) { walk(tiles_[i], i % strips_, rows_of(i), kAsTheyAre, nullptr, band); });
    exchange();
  }
}

template <class T>
Certificate SplittingSolver<T>::pass(const PlaneIo<T>& io, const PlaneDual<T>* dual) {
  make_stages(depth_, Then::kEnd);
  std::vector<Sums> sums(strips_ * shape_.rows);
  const Look look = look_into(io, dual, &sums);
  each_tile([&](Band& band, int i) {
    Tile<T> t = tiles_[i];
    t.state += band.index * values_;
    Range<T> range = range_;  // known before: stays
    const auto pack = [&](std::ptrdiff_t y, T* room) {
      for (int c = 0; c < shape_.channels; c++) {
        const T* row = io.row(c, t.y0 + y, t.x0, t.columns, room);
        kernels_.pack(t, y, c, row, &range.low[c], &range.high[c]);
      }
    };
    walk(t, i % strips_, rows_of(i), pack, &look, band);
  });
  return certificate(sums);
}

template <class T>
std::vector<Sums> SplittingSolver<T>::run_part(const Feed& feed, std::ptrdiff_t iterations, const PlaneIo<T>* look_io,
                                               const PlaneDual<T>* dual) {
  std::vector<Sums> sums(look_io != nullptr ? strips_ * shape_.rows : 0);
  for (std::int64_t left = iterations; left > 0;) {
    const int count = next_block(left);
    const bool first = left == iterations;
    left -= count;
    const bool last = left == 0 && look_io != nullptr;
    check_interrupt();
    make_stages(count, last ? Then::kCheck : Then::kGoOn);
    std::optional<Look> look;
    if (last) look = look_into(*look_io, dual, &sums);
    each_tile([&](Band& band, int i) {
      std::vector<T> start_room;
      const auto fed = [&](std::ptrdiff_t y, T* room) { feed_row(feed, i, y, room, &start_room); };
      const Look* seen = look ? &*look : nullptr;
      if (first) {
        walk(tiles_[i], i % strips_, rows_of(i), fed, seen, band);
      } else {
        walk(tiles_[i], i % strips_, rows_of(i), kAsTheyAre, seen, band);
      }
    });
    exchange();
  }
  return sums;
}

// What a tile owns is right; its margins are copied from their owners.
template <class T>
void SplittingSolver<T>::exchange() {
  if (tiles_.size() == 1) return;
  each_tile([&](Band&, int i) { fill_margin(i); });
}

template <class T>
void SplittingSolver<T>::fill_margin(int tile) {
  const Tile<T>& to = tiles_[tile];
  const std::ptrdiff_t record = 2 * kernels_.lanes, values = kRecordVectors * kernels_.lanes * shape_.channels;
  const std::ptrdiff_t first = to.x0 / record;  // record 0's, in the image
  for (std::size_t o = 0; o < tiles_.size(); o++) {
    const Tile<T>& from = tiles_[o];
    if (static_cast<int>(o) == tile) continue;
    const std::ptrdiff_t from_first = from.x0 / record;
    const std::ptrdiff_t m0 = std::max(first, from_first + from.own_m0),
                         m1 = std::min(first + to.records, from_first + from.own_m1);
    const std::ptrdiff_t y0 = std::max(to.y0, from.y0 + from.own_y0),
                         y1 = std::min(to.y0 + to.rows, from.y0 + from.own_y1);
    if (m0 >= m1) continue;
    for (std::ptrdiff_t y = y0; y < y1; y++) {
      std::memcpy(to.row(y - to.y0) + (m0 - first) * values, from.row(y - from.y0) + (m0 - from_first) * values,
                  (m1 - m0) * values * sizeof(T));
    }
  }
}

template <class T>
typename SplittingSolver<T>::Look SplittingSolver<T>::look_into(const PlaneIo<T>& io, const PlaneDual<T>* dual,
                                                                std::vector<Sums>* sums) const {
  constexpr T kEpsilon = std::numeric_limits<T>::epsilon();
  const T weight = static_cast<T>(weight_);
  const T ascent = stages_.empty() || stages_.back().dual ? T(0) : last_.ascent;
  Look look{&io, dual, {weight, weight * (1 - 4 * kEpsilon), last_.keep_r, last_.keep_v, ascent, {}, {}}, sums};
  for (int c = 0; c < shape_.channels; c++) {
    look.job.low[c] = range_.low[c];
    look.job.high[c] = range_.high[c];
  }
  return look;
}

// Row y of a tile. rows: five of them, of which the first carries q from row to row, beginning with zeros.
template <class T>
void SplittingSolver<T>::look_at(const Tile<T>& t, int strip, std::ptrdiff_t y, const Look& look, T* rows) const {
  const std::ptrdiff_t record = 2 * kernels_.lanes, each = t.records * record;
  T *pixels[4], *q0[4], *q1[4];
  for (int c = 0; c < shape_.channels; c++) {
    pixels[c] = rows + row_values_ + c * each;
    q0[c] = pixels[c] + row_values_;
    q1[c] = q0[c] + row_values_;
  }
  const bool own = y >= t.own_y0 && y < t.own_y1, dual = look.dual != nullptr;
  Sums* sums = own ? &(*look.sums)[(t.y0 + y) * strips_ + strip] : nullptr;
  kernels_.check(t, look.job, y, rows, pixels, dual ? q0 : nullptr, dual ? q1 : nullptr, own, sums);
  if (!own) return;
  const std::ptrdiff_t x0 = t.own_m0 * record, count = std::min(t.own_m1 * record, t.columns) - x0;
  for (int c = 0; c < shape_.channels; c++) {
    sums->rounding += look.io->write(look.io->context, c, t.y0 + y, t.x0 + x0, count, pixels[c] + x0);
    if (!dual) continue;
    std::copy_n(q0[c] + x0, count, look.dual->row(c, 0, t.y0 + y) + t.x0 + x0);
    std::copy_n(q1[c] + x0, count, look.dual->row(c, 1, t.y0 + y) + t.x0 + x0);
  }
}

template <class T>
std::vector<Sums> SplittingSolver<T>::check_rows(const PlaneIo<T>& io, const PlaneDual<T>* dual) {
  std::vector<Sums> sums(strips_ * shape_.rows);
  const Look look = look_into(io, dual, &sums);
  each_tile([&](Band& band, int i) {
    T* rows = rows_of(i);
    std::memset(rows, 0, row_values_ * sizeof(T));
    for (std::ptrdiff_t y = 0; y < tiles_[i].rows; y++) {
      look_at(tiles_[i], i % strips_, y, look, rows);
      if (y % 32 == 0) band.checkpoint();
    }
  });
  return sums;
}

template <class T>
Certificate SplittingSolver<T>::check(const PlaneIo<T>& io, const PlaneDual<T>* dual) {
  return certificate(check_rows(io, dual));
}

template <class T>
Certificate SplittingSolver<T>::certificate(const std::vector<Sums>& sums) const {
  Sums total;
  for (const Sums& s : sums) total += s;
  return certify_splitting(total, shape_, range_, weight_);
}

template class SplittingSolver<float>;
template class SplittingSolver<double>;

}  // namespace fastcv::tv
