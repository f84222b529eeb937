// The distances of all pairs of n points, each pair once, in the order in which the kernels read them; and the losses
// and gradients made of them.
#pragma once

#include <cstddef>
#include <memory>

#include "fastcv/runtime.hpp"
#include "mds/objective.hpp"

namespace fastcv::mds {

template <class T>
struct PairPasses;

// rho of a pair's distance d in space and its measured distance D.
enum class PairLoss : unsigned char {
  kStress,        // (d - D)^2
  kSstress,       // (d^2 - D^2)^2
  kGemanMcClure,  // s r^2 / (s + r^2), r = d - D and s = scale: at most s, whatever r is
};

// What is stored of each pair. kNegatedSquares, -D^2: for s-stress alone, which is then a tenth faster.
enum class PairForm : unsigned char { kDistances, kNegatedSquares };

// A square table of numbers, float or double, any strides (bytes).
struct PairTable {
  const void* data = nullptr;
  bool wide = false;  // double
  std::ptrdiff_t row_stride = 0, column_stride = 0;
};

template <class T>
class Pairs;
std::unique_ptr<Pairs<float>> narrowed(const Pairs<double>& wide);  // the same pairs, rounded

// What pack() saw off the diagonal, for the checks of its callers. A pair of weight 0 is not looked at further.
struct PairReport {
  double largest = 0;      // of all distances
  double asymmetry = 0;    // max |D_ij - D_ji|; pairs given in one direction only do not count
  double sum = 0;          // of weight * D, pairs once
  double sum_squares = 0;  // of weight * D^2
  double sum_fourths = 0;  // of weight * D^4
  double sum_weights = 0;
  std::ptrdiff_t pairs = 0;                 // of weight > 0
  std::ptrdiff_t missing = 0;               // D is NaN in both directions
  std::ptrdiff_t one_sided = 0;             // D is NaN in one direction: the other one counts
  bool negative = false, infinite = false;  // a distance
  double weight_asymmetry = 0;
  bool bad_weight = false;  // negative, infinite or NaN
};

// The layout, the same for every SIMD target: points in stripes of 16 rows; a stripe has four blocks of 4 rows; a block
// has, for each group of 16 columns from the diagonal on, 4 x 16 values. Zeros stand where a pair would come twice (on
// and below the diagonal) and behind the last point. n^2 / 2 + 8 n values.
//
// Results are the same bytes for any number of threads: the stripes are cut into parts by n and the dimensions alone,
// each part adds to a gradient of its own, and those are added in their order.
template <class T>
class Pairs {
 public:
  // Memory for `points`; `weighted`: also for a weight of each pair. Undefined until pack().
  Pairs(std::ptrdiff_t points, bool weighted, PairForm form = PairForm::kDistances);

  std::ptrdiff_t points() const { return points_; }
  std::ptrdiff_t stride() const { return stride_; }  // of positions and gradients, see Objective
  bool weighted() const { return weights_.data() != nullptr; }

  // Reads both triangles once; D_ij and D_ji are averaged. Without `weights` all weights are 1. Missing pairs get
  // weight 0 if weighted(), and otherwise distance 0: then the caller must look at the report.
  PairReport pack(const PairTable& distances, const PairTable* weights, int threads);

  // Returns the sum of w rho(d_ij, D_ij) over pairs, its gradient in g. Both are stored coordinate after coordinate,
  // with zeros behind the last point. Sums: float64 across blocks of at most 1024 columns. `want_value` false: may
  // return NaN. float32: 1 / sqrt is the processor's estimate and a Newton step, good to 4e-7; float64: exact square
  // roots.
  double gradient(PairLoss loss, double scale, int dimensions, const T* x, T* g, bool want_value, int threads);

 private:
  friend std::unique_ptr<Pairs<float>> narrowed(const Pairs<double>& wide);

  class Values {  // none, or `count` values
   public:
    explicit Values(std::ptrdiff_t count);
    std::ptrdiff_t count() const { return count_; }
    T* data() const { return memory_ ? reinterpret_cast<T*>(memory_->data()) : nullptr; }

   private:
    std::ptrdiff_t count_;
    std::unique_ptr<Scratch> memory_;
  };
  int part_count(int dimensions) const;
  // The tile in stripe `s`, group `g`, and the one across the diagonal.
  void pack_tile(const PairPasses<T>& passes, const PairTable& distances, const PairTable* weights, std::ptrdiff_t s,
                 std::ptrdiff_t g, T (*tiles)[kStride * kStride], PairReport* report);
  std::ptrdiff_t part_begin(int part, int parts) const;  // its first stripe
  T* part_memory(std::ptrdiff_t values, int parts, const T* x);

  std::ptrdiff_t points_, stride_, stripes_;
  PairForm form_;
  Values distances_, weights_;
  std::unique_ptr<Scratch> parts_;
  std::size_t parts_bytes_ = 0;
  bool backwards_ = false;
};

extern template class Pairs<float>;
extern template class Pairs<double>;

}  // namespace fastcv::mds
