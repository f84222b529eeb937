// The fast solver: how a plane is cut into tiles, and the order of work.
#include "tv/denoise_splitting.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace fastcv::tv {
namespace {

constexpr std::ptrdiff_t kCache = 900 << 10;    // of a second-level cache of 1 MiB, what a wavefront may hold
constexpr std::ptrdiff_t kMostCache = 4 << 20;  // of a third-level cache, a thread
constexpr double kBeyond = 0.07;                // what an iteration from there costs more
constexpr double kCutting = 1.08;     // what strips cost beside their margins: shorter rows, copies of margins
constexpr int kDeepest = 16;          // iterations between two visits of the same memory
constexpr std::ptrdiff_t kReach = 3;  // pixels that one iteration looks beyond its own
constexpr double kVisit = 1.2;        // what bringing a pixel into the cache costs, in iterations on it
constexpr std::ptrdiff_t kLeastBand = 48 << 10;  // pixels: less is done sooner by one thread

struct Cut {
  std::ptrdiff_t strips = 1;
  int depth = 1;
};

std::ptrdiff_t round_up(std::ptrdiff_t value, std::ptrdiff_t to) { return (value + to - 1) / to * to; }

// Few strips with deep blocks, or many with small ones: what costs least. Does not look at threads, so that sums do not
// depend on them.
Cut choose_cut(const PlaneShape& shape, std::ptrdiff_t item_size, std::ptrdiff_t record) {
  const std::ptrdiff_t pixel = shape.channels * kRecordVectors / 2 * item_size;
  const std::ptrdiff_t records = (shape.columns + record - 1) / record;
  Cut best;
  double least = 1e300;
  for (int depth = 1; depth <= kDeepest; depth++) {
    const std::ptrdiff_t margin = round_up(kReach * depth, record);
    for (std::ptrdiff_t strips = 1; strips <= std::min<std::ptrdiff_t>(records, 64); strips++) {
      const std::ptrdiff_t width = std::min(
          shape.columns, round_up((shape.columns + strips - 1) / strips, record) + (strips > 1 ? 2 * margin : 0));
      const std::ptrdiff_t held = width * pixel * (2 * depth + kBlockRows + 2);
      if (depth > 1 && held > kMostCache) continue;
      const double cost = static_cast<double>(width) * strips / shape.columns * (strips > 1 ? kCutting : 1) *
                          (1 + kVisit / depth + (held > kCache ? kBeyond : 0));
      if (cost < least) {
        least = cost;
        best = {strips, depth};
      }
    }
  }
  return best;
}

}  // namespace

template <class T>
SplittingSolver<T>::SplittingSolver(const PlaneShape& shape, int depth, int threads)
    : shape_(shape), threads_(threads), kernels_(splitting_kernels<T>(shape.channels, shape.isotropic)) {
  cut(depth, threads);
  state_.emplace(checked_mul(values_, sizeof(T), "denoise_tv: the image"));
  place(reinterpret_cast<T*>(state_->data()));
}

template <class T>
SplittingSolver<T>::SplittingSolver(const PlaneShape& shape, int threads, Elsewhere)
    : shape_(shape), threads_(threads), kernels_(splitting_kernels<T>(shape.channels, shape.isotropic)) {
  cut(0, 1);
}

template <class T>
void SplittingSolver<T>::place(T* memory) {
  for (std::size_t i = 0; i < tiles_.size(); i++) tiles_[i].state = memory + offsets_[i];
}

template <class T>
void SplittingSolver<T>::cut(int depth, int threads) {
  const std::ptrdiff_t record = 2 * kernels_.lanes, size = sizeof(T), record_values = kRecordVectors * kernels_.lanes;
  const Cut chosen = choose_cut(shape_, size, record);
  depth_ = depth > 0 ? depth : chosen.depth;
  const std::ptrdiff_t margin_rows = round_up(kReach * depth_, 2);
  const std::ptrdiff_t margin_records = (kReach * depth_ + record - 1) / record;
  const std::ptrdiff_t records = (shape_.columns + record - 1) / record;
  const std::ptrdiff_t strip_records = (records + chosen.strips - 1) / chosen.strips;
  strips_ = static_cast<int>((records + strip_records - 1) / strip_records);
  // A band should be much taller than its margins.
  const std::ptrdiff_t grain = std::max(4 * margin_rows, kLeastBand / std::max<std::ptrdiff_t>(1, shape_.columns));
  const std::ptrdiff_t bands = band_count(shape_.rows, grain, threads);
  const std::ptrdiff_t band_rows = round_up((shape_.rows + bands - 1) / bands, 2);

  std::ptrdiff_t widest = 0;
  for (std::ptrdiff_t y = 0; y < shape_.rows; y += band_rows) {
    for (std::ptrdiff_t m = 0; m < records; m += strip_records) {
      Tile<T> t;
      const std::ptrdiff_t y1 = std::min(shape_.rows, y + band_rows), m1 = std::min(records, m + strip_records);
      t.y0 = std::max<std::ptrdiff_t>(0, y - margin_rows);
      t.rows = std::min(shape_.rows, y1 + margin_rows) - t.y0;
      const std::ptrdiff_t m0 = std::max<std::ptrdiff_t>(0, m - margin_records);
      t.records = std::min(records, m1 + margin_records) - m0;
      t.x0 = m0 * record;
      t.columns = std::min(shape_.columns, t.x0 + t.records * record) - t.x0;
      t.own_y0 = y - t.y0;
      t.own_y1 = y1 - t.y0;
      t.own_m0 = m - m0;
      t.own_m1 = m1 - m0;
      t.channels = shape_.channels;
      t.pitch = checked_mul(t.records, record_values * shape_.channels, "denoise_tv: a row");
      if (t.pitch * size % 4096 == 0) t.pitch += 64 / size;  // rows would share the same few lines of the cache
      offsets_.push_back(values_);
      values_ += checked_mul(t.pitch, t.rows, "denoise_tv: the image");
      widest = std::max(widest, t.records);
      tiles_.push_back(t);
    }
  }
  // A tile's rows: t0 for each iteration of a block; or, in turn, pixels and dual values of a check.
  rows_values_ = widest * record * shape_.channels * std::max(depth_, 4);
  rows_.emplace(checked_mul(rows_values_ * size, static_cast<std::ptrdiff_t>(tiles_.size()), "denoise_tv: the image"));
}

template <class T>
void SplittingSolver<T>::load(const PlaneIo<T>& io) {
  std::vector<Range<T>> ranges(tiles_.size());
  parallel_rows(static_cast<std::ptrdiff_t>(tiles_.size()), 1, threads_, [&](Band& band) {
    for (std::ptrdiff_t i = band.begin; i < band.end; i++) {
      const Tile<T>& t = tiles_[i];
      T* pixels = reinterpret_cast<T*>(rows_->data()) + i * rows_values_;
      for (int c = 0; c < shape_.channels; c++) {
        ranges[i].low[c] = std::numeric_limits<T>::infinity();
        ranges[i].high[c] = -std::numeric_limits<T>::infinity();
      }
      for (std::ptrdiff_t y = 0; y < t.rows; y++) {
        for (int c = 0; c < shape_.channels; c++) {
          io.read(io.context, c, t.y0 + y, t.x0, t.columns, pixels);
          kernels_.pack(t, y, c, pixels, &ranges[i].low[c], &ranges[i].high[c]);
        }
        if (y % 64 == 0) band.checkpoint();
      }
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
void fine_row0(const CoarseStart<T>& coarse, int channel, std::ptrdiff_t y, std::ptrdiff_t rows, std::ptrdiff_t x,
               std::ptrdiff_t count, T* q0) {
  if (y < 0 || y + 1 >= rows) return void(std::fill_n(q0, count, T(0)));
  const PlaneDual<T> dual = coarse.dual();
  const T* here = dual.row(channel, 0, y / 2) + x;
  const T* other = y % 2 == 1 ? here : y >= 2 ? dual.row(channel, 0, y / 2 - 1) + x : nullptr;
  for (std::ptrdiff_t j = 0; j < count; j++) q0[j] = here[j] + (other != nullptr ? other[j] : T(0));
}

template <class T>
void fine_row1(const CoarseStart<T>& coarse, int channel, std::ptrdiff_t y, std::ptrdiff_t columns, std::ptrdiff_t x,
               std::ptrdiff_t count, T* even, T* odd) {
  const T* here = coarse.dual().row(channel, 1, y / 2) + x;
  T left = x > 0 ? here[-1] : T(0);
  for (std::ptrdiff_t j = 0; j < count; j++) {
    even[j] = left + here[j];
    odd[j] = 2 * here[j];
    left = here[j];
  }
  if (2 * (x + count) == columns + 1) even[count - 1] = 0;
}

}  // namespace

template <class T>
void SplittingSolver<T>::start(const CoarseStart<T>& coarse, double weight) {
  const T scale = static_cast<T>(1 / weight);
  parallel_rows(static_cast<std::ptrdiff_t>(tiles_.size()), 1, threads_, [&](Band& band) {
    for (std::ptrdiff_t i = band.begin; i < band.end; i++) {
      const Tile<T>& t = tiles_[i];
      const std::ptrdiff_t x = t.x0 / 2, count = (t.columns + 1) / 2, padded = (t.records + 1) * kernels_.lanes;
      std::vector<T> rows(5 * padded);
      T *u = rows.data(), *up = u + padded, *down = up + padded, *even = down + padded, *odd = even + padded + 1;
      for (std::ptrdiff_t y = 0; y < t.rows; y++) {
        for (int c = 0; c < shape_.channels; c++) {
          std::copy_n(coarse.image(c, (t.y0 + y) / 2) + x, count, u);
          fine_row0(coarse, c, t.y0 + y - 1, shape_.rows, x, count, up);
          fine_row0(coarse, c, t.y0 + y, shape_.rows, x, count, down);
          fine_row1(coarse, c, t.y0 + y, shape_.columns, x, count, even, odd);
          odd[-1] = x > 0 ? 2 * coarse.dual().row(c, 1, (t.y0 + y) / 2)[x - 1] : T(0);
          kernels_.start(t, y, c, {u, up, down, even, odd, scale});
        }
        if (y % 32 == 0) band.checkpoint();
      }
    }
  });
  done_ = 0;
}

// rhs = f + factor (rhs - f): c and t are in units of the weight.
template <class T>
void SplittingSolver<T>::scale_rhs(T factor) {
  const std::ptrdiff_t N = kernels_.lanes;
  parallel_rows(static_cast<std::ptrdiff_t>(tiles_.size()), 1, threads_, [&](Band& band) {
    for (std::ptrdiff_t i = band.begin; i < band.end; i++) {
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

template <class T>
void SplittingSolver<T>::run(std::int64_t iterations, bool check_follows) {
  std::vector<Stage<T>> stages;
  for (std::int64_t left = iterations; left > 0;) {
    // Blocks of nearly equal depth.
    const std::int64_t blocks = (left + depth_ - 1) / depth_;
    const int count = static_cast<int>((left + blocks - 1) / blocks);
    left -= count;
    check_interrupt();
    stages.clear();
    for (int k = 0; k < count; k++) {
      const double sigma = first_sigma_ + slope_ * static_cast<double>(++done_);
      const double theta = (sigma + slope_) / sigma, over = (1 - relaxation_) * theta;
      const double diagonal = 1 / (1 + 4 * sigma);
      stages.push_back({static_cast<T>(diagonal), static_cast<T>(sigma * diagonal),
                        static_cast<T>(relaxation_ * sigma / weight_), static_cast<T>(weight_),
                        static_cast<T>(1 + theta), static_cast<T>(theta), static_cast<T>(1 - over),
                        static_cast<T>(over)});
    }
    last_ = stages.back();
    if (left == 0 && check_follows) {  // it wants v in place of c, and turns it back
      stages.back().keep_r = 0;
      stages.back().keep_v = 1;
    }
    parallel_rows(static_cast<std::ptrdiff_t>(tiles_.size()), 1, threads_, [&](Band& band) {
      for (std::ptrdiff_t i = band.begin; i < band.end; i++) {
        const Tile<T>& t = tiles_[i];
        T* t0 = reinterpret_cast<T*>(rows_->data()) + i * rows_values_;
        std::memset(t0, 0, rows_values_ * sizeof(T));
        for (std::ptrdiff_t r = 0; r < t.rows + 2 * count + kBlockRows; r += kBlockRows) {
          kernels_.wavefront(t, stages.data(), count, r, t0);
          band.checkpoint();
        }
      }
    });
    exchange();
  }
}

// What a tile owns is right; its margins are copied from their owners.
template <class T>
void SplittingSolver<T>::exchange() {
  if (tiles_.size() == 1) return;
  parallel_rows(static_cast<std::ptrdiff_t>(tiles_.size()), 1, threads_, [&](Band& band) {
    for (std::ptrdiff_t i = band.begin; i < band.end; i++) fill_margin(static_cast<int>(i));
  });
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
Certificate SplittingSolver<T>::check(const PlaneIo<T>& io, const PlaneDual<T>* dual) {
  Sums total;
  for (const Sums& s : check_rows(io, dual)) total += s;
  double reach = 4 * weight_;
  for (int c = 0; c < shape_.channels; c++) {
    reach = std::max(reach, 4 * weight_ + static_cast<double>(range_.high[c]) - range_.low[c]);
  }
  return certify<T>(total, shape_, weight_, reach);
}

template <class T>
std::vector<Sums> SplittingSolver<T>::check_rows(const PlaneIo<T>& io, const PlaneDual<T>* dual) {
  constexpr T kEpsilon = std::numeric_limits<T>::epsilon();
  const std::ptrdiff_t record = 2 * kernels_.lanes;
  CheckJob<T> job{
      static_cast<T>(weight_), static_cast<T>(weight_) * (1 - 4 * kEpsilon), last_.keep_r, last_.keep_v, {}, {}};
  for (int c = 0; c < shape_.channels; c++) {
    job.low[c] = range_.low[c];
    job.high[c] = range_.high[c];
  }
  std::vector<Sums> sums(strips_ * shape_.rows);
  parallel_rows(static_cast<std::ptrdiff_t>(tiles_.size()), 1, threads_, [&](Band& band) {
    for (std::ptrdiff_t i = band.begin; i < band.end; i++) {
      const Tile<T>& t = tiles_[i];
      const std::ptrdiff_t row_values = t.records * record;
      T* above = reinterpret_cast<T*>(rows_->data()) + i * rows_values_;
      std::memset(above, 0, row_values * shape_.channels * sizeof(T));
      T *pixels[4], *q0[4], *q1[4];
      for (int c = 0; c < shape_.channels; c++) {
        pixels[c] = above + row_values * (shape_.channels + c);
        q0[c] = above + row_values * (2 * shape_.channels + c);
        q1[c] = above + row_values * (3 * shape_.channels + c);
      }
      const std::ptrdiff_t x0 = t.own_m0 * record, count = std::min(t.own_m1 * record, t.columns) - x0;
      for (std::ptrdiff_t y = 0; y < t.rows; y++) {
        const bool own = y >= t.own_y0 && y < t.own_y1;
        kernels_.check(t, job, y, above, pixels, dual ? q0 : nullptr, dual ? q1 : nullptr, own,
                       own ? &sums[(t.y0 + y) * strips_ + i % strips_] : nullptr);
        if (y % 32 == 0) band.checkpoint();
        if (!own) continue;
        Sums& s = sums[(t.y0 + y) * strips_ + i % strips_];
        for (int c = 0; c < shape_.channels; c++) {
          s.rounding += io.write(io.context, c, t.y0 + y, t.x0 + x0, count, pixels[c] + x0);
          if (dual == nullptr) continue;
          std::memcpy(dual->row(c, 0, t.y0 + y) + t.x0 + x0, q0[c] + x0, count * sizeof(T));
          std::memcpy(dual->row(c, 1, t.y0 + y) + t.x0 + x0, q1[c] + x0, count * sizeof(T));
        }
      }
    }
  });
  return sums;
}

template class SplittingSolver<float>;
template class SplittingSolver<double>;

}  // namespace fastcv::tv
