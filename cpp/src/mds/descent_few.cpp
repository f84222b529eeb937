// Each pair once where the distances are symmetric, else every point against all; see descent_kernels.hpp.
#include "mds/descent_few.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "mds/objective.hpp"
#include "mds/pairs_table.hpp"

namespace fastcv::mds {
namespace {

constexpr std::ptrdiff_t kFew = 128, kFewPairs = 256;

// All distances, block after block of 16 rows, as [column][row of the block]: the layout of LanesJob.
template <class T>
class Square {
 public:
  Square(std::ptrdiff_t points, const PairTable& table)
      : points_(points), count_(padded(points) * points), memory_(static_cast<std::size_t>(count_) * sizeof(T)) {
    T* values = data();
    std::fill_n(values, count_, T(0));
    const PairPasses<T> passes = pair_passes<T>();
    for (std::ptrdiff_t i = 0; i < points; i += kTile)
      copy_tile<T>(passes, table, i, 0, std::min(kTile, points - i), points, 1, kTile, values + i * points);
    for (std::ptrdiff_t i = 0; i < points; i++) values[index(i, i)] = 0;
    check();
  }
  T* data() { return reinterpret_cast<T*>(memory_.data()); }
  const T* data() const { return reinterpret_cast<const T*>(memory_.data()); }
  std::ptrdiff_t count() const { return count_; }
  T at(std::ptrdiff_t i, std::ptrdiff_t j) const { return data()[index(i, j)]; }
  const DistanceSums& sums() const { return sums_; }

 private:
  std::ptrdiff_t index(std::ptrdiff_t i, std::ptrdiff_t j) const {
    return (i / kTile * points_ + j) * kTile + i % kTile;
  }
  void check() {
    double squares = 0, fourths = 0, least = 0, largest = 0, asymmetry = 0;
    for (std::ptrdiff_t k = 0; k < count_; k++) {
      const double d = data()[k], square = d * d;
      least = d < least ? d : least;
      largest = d > largest ? d : largest;
      squares += square;
      fourths += square * square;
    }
    if (!(squares <= std::numeric_limits<T>::max())) {
      bool missing = false, infinite = false;
      for (std::ptrdiff_t k = 0; k < count_; k++) {
        missing |= std::isnan(data()[k]);
        infinite |= std::isinf(data()[k]);
      }
      refuse_distances(false, infinite, missing);
    }
    refuse_distances(least < 0, false, false);
    for (std::ptrdiff_t i = 0; i < points_; i++)
      for (std::ptrdiff_t j = 0; j < i; j++)
        asymmetry = std::max(asymmetry, std::fabs(static_cast<double>(at(i, j)) - at(j, i)));
    sums_ = {squares / 2, fourths / 2, asymmetry <= kRounding * std::numeric_limits<T>::epsilon() * largest};
  }

  std::ptrdiff_t points_, count_;
  Scratch memory_;
  DistanceSums sums_;
};

// What both ways do with their kernels.
template <class T, class Kernels, class Job>
class Few : public Slope<T> {
 public:
  double gradient(const T* x, T* g) override {
    job_.x = const_cast<T*>(x);  // read only by this kernel
    job_.g = g;
    std::fill_n(g, values_, T(0));  // a ring leaves what lies behind its last vector
    const double value = kernels_.gradient(job_) * value_factor_;
    for (std::ptrdiff_t i = 0; i < values_; i++) g[i] *= kernels_.gradient_factor;
    return value;
  }
  void descend(T* x, T* g, double rate, std::int64_t steps) override {
    job_.x = x;
    job_.g = g;
    job_.rate = static_cast<T>(rate) * kernels_.gradient_factor;
    kernels_.descend(job_, steps);
  }
  void step(T* x, const T* g, double rate) override { step_(x, g, static_cast<T>(rate), values_); }

 protected:
  Few(const Kernels& kernels, double value_factor, void (*step)(T*, const T*, T, std::ptrdiff_t), std::ptrdiff_t values,
      const Job& job)
      : kernels_(kernels), value_factor_(value_factor), step_(step), values_(values), job_(job) {}

  Kernels kernels_;
  double value_factor_;
  void (*step_)(T*, const T*, T, std::ptrdiff_t);
  std::ptrdiff_t values_;
  Job job_;
};

// Every point against all.
template <class T>
class FewPoints : public Few<T, LanesKernels<T>, LanesJob<T>> {
 public:
  FewPoints(const LanesKernels<T>& kernels, DescentLoss loss, std::ptrdiff_t points, int dimensions, Square<T> square)
      : FewPoints::Few(kernels, ordered_factor(loss, kernels), kernels.step, dimensions * padded(points),
                       {points, padded(points), dimensions, nullptr, nullptr, nullptr, T(0)}),
        square_(std::move(square)) {
    if (loss == DescentLoss::kSstress) negate_squares(square_.data(), square_.count());
    this->job_.distances = square_.data();
    this->sums_ = square_.sums();
  }

 private:
  Square<T> square_;
};

// Each pair once.
template <class T>
class FewPairs : public Few<T, RingKernels<T>, RingJob<T>> {
 public:
  FewPairs(const RingKernels<T>& kernels, DescentLoss loss, std::ptrdiff_t points, int dimensions,
           const Square<T>& square)
      : FewPairs::Few(kernels, kernels.value_factor * (loss == DescentLoss::kSstress ? 2 : 1),
                      lanes_kernels<T>(pair_loss(loss), dimensions).step, dimensions * padded(points),
                      {points, padded(points), nullptr, nullptr, nullptr, nullptr, T(0)}) {
    const std::ptrdiff_t lanes = kernels.lanes, tiles = points / lanes, left = points - tiles * lanes;
    const std::ptrdiff_t packed =
        points <= lanes ? points / 2 * 3 * lanes : (tiles * tiles * lanes / 2 + left * (tiles + 1)) * lanes;
    memory_ = std::make_unique<Scratch>(static_cast<std::size_t>(packed + 3 * this->values_) * sizeof(T));
    T* memory = reinterpret_cast<T*>(memory_->data());
    this->job_.packed = memory;
    this->job_.turned = memory + packed;
    const bool squares = loss == DescentLoss::kSstress;
    const auto distance = [&](std::ptrdiff_t i, std::ptrdiff_t j) {
      const T mean = (square.at(i, j) + square.at(j, i)) / 2;
      return squares ? -mean * mean : mean;
    };
    if (points <= lanes) {
      pack_ring(distance, memory);
    } else {
      pack_tiles(distance, memory);
    }
    this->sums_ = square.sums();
  }

 private:
  // For each turn of the one vector: distances, and the lanes of the turn and of the way back.
  template <class Distance>
  void pack_ring(const Distance& distance, T* to) {
    const std::ptrdiff_t lanes = this->kernels_.lanes, points = this->job_.points;
    for (std::ptrdiff_t r = 1; r <= points / 2; r++, to += 3 * lanes) {
      auto* there = reinterpret_cast<LaneNumber<T>*>(to + lanes);
      LaneNumber<T>* back = there + lanes;
      for (std::ptrdiff_t i = 0; i < lanes; i++) {
        // Half a turn: the upper half meets itself.
        const bool meets = i < points && (2 * r < points || i < r);
        to[i] = meets ? distance(i, (i + r) % points) : T(0);
        there[i] = static_cast<LaneNumber<T>>(meets ? (i + r) % points : i);
        back[i] = static_cast<LaneNumber<T>>(i < points ? (i + points - r) % points : i);
      }
    }
  }
  // For each two vectors and each turn; then a row for each point that is left over.
  template <class Distance>
  void pack_tiles(const Distance& distance, T* to) {
    const std::ptrdiff_t lanes = this->kernels_.lanes, points = this->job_.points, tiles = points / lanes;
    for (std::ptrdiff_t t = 0; t < tiles; t++)
      for (std::ptrdiff_t u = t; u < tiles; u++)
        for (std::ptrdiff_t r = u == t ? 1 : 0; r < (u == t ? lanes / 2 + 1 : lanes); r++)
          for (std::ptrdiff_t i = 0; i < lanes; i++) {
            const bool meets = u > t || 2 * r < lanes || i < r;
            *to++ = meets ? distance(t * lanes + i, u * lanes + (i + r) % lanes) : T(0);
          }
    for (std::ptrdiff_t p = tiles * lanes; p < points; p++)
      for (std::ptrdiff_t j = 0; j < (tiles + 1) * lanes; j++)
        *to++ = j < tiles * lanes || (j > p && j < points) ? distance(p, j) : T(0);
  }

  std::unique_ptr<Scratch> memory_;
};

}  // namespace

template <class T>
std::unique_ptr<Slope<T>> make_slope_of_few(DescentLoss loss, std::ptrdiff_t points, int dimensions,
                                            const PairTable& table) {
  RingKernels<T> rings;
  if ((dimensions == 2 || dimensions == 3) && points <= kFewPairs) rings = ring_kernels<T>(pair_loss(loss), dimensions);
  if (rings.lanes == 0 && points > kFew) return nullptr;
  Square<T> square(points, table);
  if (rings.lanes > 0 && square.sums().symmetric)
    return std::make_unique<FewPairs<T>>(rings, loss, points, dimensions, square);
  if (points > kFew) return nullptr;
  const LanesKernels<T> lanes = lanes_kernels<T>(pair_loss(loss), dimensions);
  return std::make_unique<FewPoints<T>>(lanes, loss, points, dimensions, std::move(square));
}

template std::unique_ptr<Slope<float>> make_slope_of_few(DescentLoss, std::ptrdiff_t, int, const PairTable&);
template std::unique_ptr<Slope<double>> make_slope_of_few(DescentLoss, std::ptrdiff_t, int, const PairTable&);

}  // namespace fastcv::mds
