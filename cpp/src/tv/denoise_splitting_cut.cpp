// The fast solver: how a plane is cut into tiles.
#include <algorithm>
#include <span>
#include <vector>

#include "tv/denoise_splitting.hpp"

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
Cut choose_cut(const PlaneShape& shape, std::ptrdiff_t item_size, std::ptrdiff_t record, int least_depth,
               int most_depth) {
  const std::ptrdiff_t pixel = shape.channels * kRecordVectors / 2 * item_size;
  const std::ptrdiff_t records = (shape.columns + record - 1) / record;
  Cut best;
  double least = 1e300;
  for (int depth = least_depth; depth <= most_depth; depth++) {
    const std::ptrdiff_t margin = round_up(kReach * depth, record);
    for (std::ptrdiff_t strips = 1; strips <= std::min<std::ptrdiff_t>(records, 64); strips++) {
      const std::ptrdiff_t width = std::min(
          shape.columns, round_up((shape.columns + strips - 1) / strips, record) + (strips > 1 ? 2 * margin : 0));
      const std::ptrdiff_t held = width * pixel * (2 * depth + kBlockRows + 2);
      if (depth > least_depth && held > kMostCache) continue;
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
SplittingSolver<T>::SplittingSolver(const PlaneShape& shape, int depth, int threads, std::span<T> room)
    : shape_(shape), threads_(threads), kernels_(splitting_kernels<T>(shape.channels, shape.isotropic)) {
  cut(depth, threads);
  state_.emplace(values_, &room);
  place(state_->data());
}

template <class T>
SplittingSolver<T>::SplittingSolver(const PlaneShape& shape, Passing passing, int threads)
    : shape_(shape), threads_(threads), kernels_(splitting_kernels<T>(shape.channels, shape.isotropic)) {
  cut(passing.iterations, threads, true);
  const int bands = band_count(static_cast<std::ptrdiff_t>(tiles_.size()), 1, threads);
  std::span<T> none;
  state_.emplace(checked_mul(values_, bands, "denoise_tv: a row"), &none);
  place(state_->data());
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
void SplittingSolver<T>::cut(int depth, int threads, bool passing) {
  const std::ptrdiff_t record = 2 * kernels_.lanes, size = sizeof(T), record_values = kRecordVectors * kernels_.lanes;
  const Cut chosen = choose_cut(shape_, size, record, passing ? depth : 1, passing ? depth : kDeepest);
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
      if (passing) {
        t.ring = 2 * depth_ + kBlockRows + 1;
        t.per_ring = (std::ptrdiff_t{1} << 32) / t.ring + 1;
      }
      offsets_.push_back(passing ? 0 : values_);
      const std::ptrdiff_t values = checked_mul(t.pitch, passing ? t.ring : t.rows, "denoise_tv: the image");
      values_ = passing ? std::max(values_, values) : values_ + values;
      widest = std::max(widest, t.records);
      tiles_.push_back(t);
    }
  }
  row_values_ = widest * record * shape_.channels;
  rows_.emplace(checked_mul(row_values_ * size, (depth_ + 5) * static_cast<std::ptrdiff_t>(tiles_.size()),
                            "denoise_tv: the image"));
}

template class SplittingSolver<float>;
template class SplittingSolver<double>;

}  // namespace fastcv::tv
