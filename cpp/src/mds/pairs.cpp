// The layout, the cut into parts, and the way from a table of any strides into both. The kernels are in pairs_*.cpp.
#include "mds/pairs.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "mds/objective.hpp"
#include "mds/pairs_kernels.hpp"
#include "mds/pairs_table.hpp"

namespace fastcv::mds {
namespace {

static_assert(kTile == kStride);

// More parts than threads there may be; each costs an addition for every point behind its first row.
constexpr int kMostParts = 64;
constexpr std::ptrdiff_t kPartPoints = 128;
constexpr std::ptrdiff_t kAhead = 4;  // tiles
// Below this many pairs a second thread costs more than it brings.
constexpr std::ptrdiff_t kPairsPerThread = 100'000;

constexpr std::ptrdiff_t kPage = 4096;

int useful_threads(std::ptrdiff_t pairs, int threads) {
  return static_cast<int>(std::clamp<std::ptrdiff_t>(pairs / kPairsPerThread, 1, threads));
}

// Asks for a tile ahead of its use: rows are far apart, and no processor sees them coming.
void prefetch_tile(const PairTable& table, std::ptrdiff_t row, std::ptrdiff_t column) {
  const char* const tile = static_cast<const char*>(table.data) + row * table.row_stride + column * table.column_stride;
  const bool by_column = std::abs(table.row_stride) < std::abs(table.column_stride);
  const std::ptrdiff_t outer = by_column ? table.column_stride : table.row_stride;
  const std::ptrdiff_t inner = by_column ? table.row_stride : table.column_stride;
  for (std::ptrdiff_t i = 0; i < kTile; i++) {
    __builtin_prefetch(tile + i * outer);
    __builtin_prefetch(tile + i * outer + (kTile - 1) * inner);
  }
}

// The tile at (row, column), and the one across the diagonal, both as [row][column].
template <class T>
void copy_tiles(const PairPasses<T>& passes, const PairTable& table, std::ptrdiff_t row, std::ptrdiff_t column,
                std::ptrdiff_t rows, std::ptrdiff_t columns, T* upper, T* lower) {
  copy_tile(passes, table, row, column, rows, columns, kTile, 1, upper);
  copy_tile(passes, table, column, row, columns, rows, 1, kTile, lower);
}

void merge(PairReport* all, const PairReport& part) {
  all->largest = std::max(all->largest, part.largest);
  all->asymmetry = std::max(all->asymmetry, part.asymmetry);
  all->weight_asymmetry = std::max(all->weight_asymmetry, part.weight_asymmetry);
  all->sum += part.sum;
  all->sum_squares += part.sum_squares;
  all->sum_fourths += part.sum_fourths;
  all->sum_weights += part.sum_weights;
  all->pairs += part.pairs;
  all->missing += part.missing;
  all->one_sided += part.one_sided;
  all->negative |= part.negative;
  all->infinite |= part.infinite;
  all->bad_weight |= part.bad_weight;
}

}  // namespace

template <class T>
Pairs<T>::Values::Values(std::ptrdiff_t count) : count_(count) {
  if (count == 0) return;
  memory_ = std::make_unique<Scratch>(
      static_cast<std::size_t>(checked_mul(count, sizeof(T), "mds: memory of the distances")));
}

template <class T>
Pairs<T>::Pairs(std::ptrdiff_t points, bool weighted, PairForm form)
    : points_(points),
      stride_(padded(points)),
      stripes_(stride_ / kTile),
      form_(form),
      distances_(checked_mul(kTile * kTile, checked_mul(stripes_, stripes_ + 1, "mds: pairs") / 2, "mds: pairs")),
      weights_(weighted ? stripe_offset(stripes_, stripes_) : 0) {}

template <class T>
int Pairs<T>::part_count(int dimensions) const {
  const std::ptrdiff_t by_memory = points_ / (kTile * std::max(dimensions, 1));  // together at most n^2 / 16 values
  return static_cast<int>(
      std::clamp<std::ptrdiff_t>(std::min(points_ / kPartPoints, by_memory), 1,
                                 std::min<std::ptrdiff_t>(kMostParts, std::max<std::ptrdiff_t>(stripes_, 1))));
}

template <class T>
std::ptrdiff_t Pairs<T>::part_begin(int part, int parts) const {
  // Row i has n - i pairs: parts of equal area.
  const double share = static_cast<double>(part) / parts;
  return part == parts ? stripes_ : static_cast<std::ptrdiff_t>(stripes_ * (1 - std::sqrt(1 - share)));
}

template <class T>
T* Pairs<T>::part_memory(std::ptrdiff_t values, int parts, const T* x) {
  const std::ptrdiff_t wanted = checked_mul(checked_mul(parts, values, "mds: gradient"), sizeof(T), "mds: gradient");
  const std::size_t bytes = static_cast<std::size_t>(wanted) + kPage;
  if (parts_bytes_ < bytes) {
    parts_ = std::make_unique<Scratch>(bytes);
    parts_bytes_ = bytes;
  }
  // Half a page away from x: a load of x whose address ends like that of a store to g just before would wait for it.
  const std::uintptr_t base = reinterpret_cast<std::uintptr_t>(parts_->data());
  const std::uintptr_t shift = (reinterpret_cast<std::uintptr_t>(x) + kPage / 2 - base) % kPage / 64 * 64;
  return reinterpret_cast<T*>(parts_->data() + shift);
}

template <class T>
void Pairs<T>::pack_tile(const PairPasses<T>& passes, const PairTable& distances, const PairTable* weights,
                         std::ptrdiff_t s, std::ptrdiff_t g, T (*tiles)[kTile * kTile], PairReport* report) {
  if (g + kAhead < points_ / kTile) {
    prefetch_tile(distances, s * kTile, (g + kAhead) * kTile);
    prefetch_tile(distances, (g + kAhead) * kTile, s * kTile);
  }
  const std::ptrdiff_t rows = std::min(kTile, points_ - s * kTile), columns = std::min(kTile, points_ - g * kTile);
  copy_tiles<T>(passes, distances, s * kTile, g * kTile, rows, columns, tiles[0], tiles[1]);
  if (weights) copy_tiles<T>(passes, *weights, s * kTile, g * kTile, rows, columns, tiles[2], tiles[3]);
  const std::ptrdiff_t at = stripe_offset(s, stripes_) + (g - s) * kBlock * kTile;
  passes.pack({tiles[0], tiles[1], weights ? tiles[2] : nullptr, weights ? tiles[3] : nullptr, distances_.data() + at,
               weighted() ? weights_.data() + at : nullptr, block_values(s, stripes_),
               form_ == PairForm::kNegatedSquares, static_cast<int>(rows), static_cast<int>(columns), s == g},
              report);
}

template <class T>
PairReport Pairs<T>::pack(const PairTable& distances, const PairTable* weights, int threads) {
  const int parts = part_count(1);
  const PairPasses<T> passes = pair_passes<T>();
  std::vector<PairReport> reports(parts);
  parallel_rows(parts, 1, useful_threads(points_ * points_ / 2, threads), [&](Band& band) {
    alignas(64) T tiles[4][kTile * kTile] = {};
    for (std::ptrdiff_t part = band.begin; part < band.end; part++) {
      for (std::ptrdiff_t s = part_begin(part, parts); s < part_begin(part + 1, parts); s++) {
        band.checkpoint();
        for (std::ptrdiff_t g = s; g < stripes_; g++)
          pack_tile(passes, distances, weights, s, g, tiles, &reports[part]);
      }
    }
  });
  PairReport all;
  for (const PairReport& report : reports) merge(&all, report);
  return all;
}

template <class T>
double Pairs<T>::gradient(PairLoss loss, double scale, int dimensions, const T* x, T* g, bool want_value, int threads) {
  const PairKernels<T> kernels =
      pair_kernels<T>(loss, dimensions, form_ == PairForm::kNegatedSquares, weighted(), want_value);
  const int parts = part_count(dimensions);
  const std::ptrdiff_t page = kPage / sizeof(T), gradient = checked_mul(dimensions, stride_, "mds: gradient");
  const std::ptrdiff_t values = (gradient + kBlock * kTile * dimensions + page - 1) / page * page;
  T* memory = part_memory(values, parts, x);
  double shares[kMostParts] = {};
  backwards_ = !backwards_;  // the distances read last are still in the cache
  parallel_rows(parts, 1, useful_threads(points_ * points_ / 2, threads), [&](Band& band) {
    for (std::ptrdiff_t k = band.begin; k < band.end; k++) {
      const int part = static_cast<int>(backwards_ ? band.end - 1 - (k - band.begin) : k);
      const std::ptrdiff_t begin = part_begin(part, parts), end = part_begin(part + 1, parts);
      T* sums = memory + part * values;
      for (int c = 0; c < dimensions; c++)
        std::memset(sums + c * stride_ + begin * kTile, 0, (stride_ - begin * kTile) * sizeof(T));
      const PairJob<T> job{distances_.data(), weights_.data(),       points_, stride_, stripes_,
                           dimensions,        static_cast<T>(scale), x,       sums,    sums + gradient};
      for (std::ptrdiff_t s = begin; s < end; s++) {
        band.checkpoint();
        shares[part] += kernels.stripe(job, s);
      }
    }
  });
  // Columns in front of a part's first row got nothing from it.
  const PairPasses<T> passes = pair_passes<T>();
  double value = 0;
  for (int part = 0; part < parts; part++) {
    value += shares[part];
    for (int c = 0; c < dimensions; c++)
      passes.add_up(memory + c * stride_, values, part + 1, kernels.gradient_factor, g + c * stride_,
                    part_begin(part, parts) * kTile, part_begin(part + 1, parts) * kTile);
  }
  return value * kernels.value_factor;
}

template class Pairs<float>;
template class Pairs<double>;

std::unique_ptr<Pairs<float>> narrowed(const Pairs<double>& wide) {
  auto narrow = std::make_unique<Pairs<float>>(wide.points(), wide.weighted(), wide.form_);
  const auto copy = [](const auto& from, const auto& to) {
    for (std::ptrdiff_t k = 0; k < from.count(); k++) to.data()[k] = static_cast<float>(from.data()[k]);
  };
  copy(wide.distances_, narrow->distances_);
  copy(wide.weights_, narrow->weights_);
  return narrow;
}

}  // namespace fastcv::mds
