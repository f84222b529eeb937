// The ways of solve_mds: a complete matrix, or whatever was measured.
#pragma once

#include "fastcv/mds.hpp"
#include "mds/fit.hpp"
#include "mds/minimise.hpp"
#include "mds/pairs.hpp"

namespace fastcv::mds {

// Missing distances, lists of pairs, anchors, the robust loss. The scalars of the options and the lists of the problem
// have been checked; the matrix has not: see pack_checked.
template <class T>
MdsReport solve_network(const MdsProblem<T>& problem, const MdsOptions<T>& options, T* embedding,
                        double* stress_per_point);

// Packs the matrix of a problem, and refuses what solve_mds refuses of one: negative and infinite distances, asymmetry,
// bad weights. Missing pairs are the caller's to look at.
template <class T>
PairReport pack_checked(const MdsProblem<T>& problem, Pairs<T>* pairs, int threads);

// The loss of packed pairs, for minimise().
template <class T>
class PairObjective : public Objective<T> {
 public:
  // `scale`: of Geman-McClure, in squared units of the distances; may be changed between evaluations.
  PairObjective(Pairs<T>& pairs, PairLoss loss, int dimensions, int threads, double scale = 0)
      : pairs_(pairs), loss_(loss), dimensions_(dimensions), threads_(threads), scale_(scale) {}

  std::ptrdiff_t size() const override { return pairs_.points(); }
  std::ptrdiff_t stride() const override { return pairs_.stride(); }
  int dimensions() const override { return dimensions_; }
  double evaluate(const T* x, T* g) override {
    return pairs_.gradient(loss_, scale_, dimensions_, x, g, true, threads_);
  }
  void set_scale(double scale) { scale_ = scale; }

 private:
  Pairs<T>& pairs_;
  PairLoss loss_;
  int dimensions_, threads_;
  double scale_;
};

// The share of a sum of squares that rounding in T leaves: residuals of 4 ulp of the distances.
template <class T>
double rounding_share() {
  const double ulp = 4.0 * static_cast<double>(sizeof(T) == 4 ? 0x1p-23 : 0x1p-52);
  return ulp * ulp;
}

// Whether the fit needs no improvement, and proves by itself that the matrix is one that solve_mds takes: its squares
// neither vanish nor overflow, and no residual leaves room for asymmetry that would be refused.
bool exact_fit(const Fit& f, std::ptrdiff_t n, double share);

MdsReport report_of(const Fit& f, std::int64_t iterations, Stop stop);

// The first step and the floor of minimise() for a loss of these pairs.
template <class T>
void scale_to(const PairReport& report, std::ptrdiff_t points, MdsLoss loss, MinimiseOptions<T>* options);

// Between rows of positions (points x dimensions) and coordinate after coordinate, zeros behind the last point.
template <class T>
void to_coordinates(const T* rows, std::ptrdiff_t points, int dimensions, T* x, std::ptrdiff_t stride);
template <class T>
void to_rows(const T* x, std::ptrdiff_t stride, std::ptrdiff_t points, int dimensions, T* rows);

// Moves the mean of each coordinate to 0.
template <class T>
void centre(T* x, std::ptrdiff_t stride, std::ptrdiff_t points, int dimensions);

// Points in one place never part by themselves, and a coordinate in which all agree stays flat: the gradient does not
// see them. Are there any? And: shakes such points, and such coordinates, by up to `amount`, always the same way.
template <class T>
bool some_coincide(const T* x, std::ptrdiff_t stride, std::ptrdiff_t points, int dimensions);
template <class T>
void part_coincident(T* x, std::ptrdiff_t stride, std::ptrdiff_t points, int dimensions, double amount);

// minimise()'s callback on top of the user's, which takes rows.
template <class T>
class RowCallback {
 public:
  RowCallback(const MdsOptions<T>& options, std::ptrdiff_t points, std::ptrdiff_t stride);
  void install(MinimiseOptions<T>* options);
  // As if minimise() had called.
  bool operator()(std::int64_t iteration, const T* x, double loss);

 private:
  const MdsOptions<T>& options_;
  std::ptrdiff_t points_, stride_;
  Scratch rows_;
};

}  // namespace fastcv::mds
