// Points from distances: gradients and single steps of descent against their definitions; solves by what must hold of
// every answer; distances and alignments of known points by their definitions.
#include <algorithm>
#include <stdexcept>

#include "fastcv/mds.hpp"
#include "fuzz.hpp"
#include "mds/objective.hpp"
#include "mds/pairs.hpp"
#include "mds_reference.hpp"

namespace fastcv::fuzz {
namespace {

using mds::PairLoss;
using reference::Configuration;
using reference::Real;

// Relative error of one term of a sum of n: half of it is what the kernels state of 1 / sqrt in float32.
template <class T>
Real term_error(std::ptrdiff_t n) {
  return sizeof(T) == 4 ? 1.2e-6L + 1.2e-7L * std::sqrt(static_cast<Real>(n)) : 1e-14L;
}

std::string text(Real value) {
  char digits[40];
  std::snprintf(digits, sizeof digits, "%.17Lg", value);
  return digits;
}

// Multiples of 2^-16 of a power of two: no square of a difference leaves the range of float32, and some points
// coincide.
template <class T>
std::vector<T> points_of(Input& input, std::ptrdiff_t values, double unit) {
  std::vector<T> x(static_cast<std::size_t>(values));
  for (T& v : x) v = static_cast<T>(unit * input.pixel<std::uint16_t>() / 65536);
  return x;
}

double unit_of(Input& input) {
  constexpr double kUnits[] = {1, 1, 1.0 / 1024, 1024};
  return input.pick(kUnits);
}

// rows x columns numbers in memory of their own, to the byte; any orientation, rows some numbers apart.
template <class T>
class Table {
 public:
  Table(Input& input, std::ptrdiff_t rows, std::ptrdiff_t columns) : columns_(columns) {
    const std::ptrdiff_t gap = input.between(0, 5), odd = input.flag() ? 1 : 0;
    const std::uint8_t turn = input.byte();
    const bool transposed = (turn & 1) != 0;
    const std::ptrdiff_t line = transposed ? rows : columns, lines = transposed ? columns : rows;
    const std::ptrdiff_t pitch = (line + gap) * kItem;
    memory_.assign(static_cast<std::size_t>(odd + (lines - 1) * pitch + line * kItem), 0);
    memory_.shrink_to_fit();
    first_ = memory_.data() + odd;
    row_stride = transposed ? kItem : pitch;
    column_stride = transposed ? pitch : kItem;
    if (turn & 2) first_ += (rows - 1) * row_stride, row_stride = -row_stride;
    if (turn & 4) first_ += (columns - 1) * column_stride, column_stride = -column_stride;
  }
  void set(std::ptrdiff_t i, std::ptrdiff_t j, T value) { std::memcpy(at(i, j), &value, sizeof value); }
  T get(std::ptrdiff_t i, std::ptrdiff_t j) const {
    T value;
    std::memcpy(&value, first_ + i * row_stride + j * column_stride, sizeof value);
    return value;
  }
  template <class From>
  void fill(const std::vector<From>& values) {
    for (std::size_t k = 0; k < values.size(); k++) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(k);
      set(at / columns_, at % columns_, static_cast<T>(values[k]));
    }
  }
  char* data() const { return first_; }
  std::ptrdiff_t row_stride = 0, column_stride = 0;

 private:
  static constexpr std::ptrdiff_t kItem = sizeof(T);
  char* at(std::ptrdiff_t i, std::ptrdiff_t j) { return first_ + i * row_stride + j * column_stride; }
  std::ptrdiff_t columns_;
  std::vector<char> memory_;
  char* first_;
};

// Distances of any numbers: of points with errors, or of nothing. NaN where `missing`, in one direction or in both.
template <class T>
std::vector<T> distances_of(Input& input, std::ptrdiff_t n, double unit, bool asymmetric, bool missing) {
  std::vector<T> all(static_cast<std::size_t>(n * n), std::numeric_limits<T>::quiet_NaN());
  const bool metric = input.flag(), exact = input.flag();
  const Configuration hidden{n, 2, [&] {
                               const std::vector<double> x = points_of<double>(input, 2 * n, 1);
                               return std::vector<Real>(x.begin(), x.end());
                             }()};
  for (std::ptrdiff_t i = 0; i < n; i++)
    for (std::ptrdiff_t j = 0; j < i; j++) {
      const auto measure = [&] {
        const int b = input.pixel<std::uint8_t>();
        if (missing && b < 30) return std::numeric_limits<T>::quiet_NaN();
        const double noise = exact ? 1 : 0.75 + b / 512.0;
        return static_cast<T>(unit * (metric ? static_cast<double>(hidden.distance(i, j)) * noise : b / 128.0));
      };
      all[i * n + j] = measure();
      all[j * n + i] = asymmetric ? measure() : all[i * n + j];
    }
  return all;
}

// A number of points: mostly few, sometimes enough for the work of three threads.
std::ptrdiff_t size_of(Input& input, std::ptrdiff_t few, std::ptrdiff_t many) {
  return input.between(0, 15) == 0 ? input.between(few, many) : input.between(1, few);
}

// ---- gradients -----------------------------------------------------------------------------

// What the value may be wrong by: a residual's error is that of what it is the difference of.
Real value_error(PairLoss loss, Real d, Real measured, Real error) {
  const bool squares = loss == PairLoss::kSstress;
  const Real r = std::fabs(squares ? d * d - measured * measured : d - measured);
  const Real of_r = error * (squares ? d * d + measured * measured : d + measured);
  return 2 * r * of_r + of_r * of_r + error * r * r;
}

template <class T, class Stored>
void gradient(Input& input) {
  constexpr PairLoss kLosses[] = {PairLoss::kStress, PairLoss::kSstress, PairLoss::kGemanMcClure};
  const std::ptrdiff_t n = size_of(input, 50, 300), stride = mds::padded(n);
  const int k = static_cast<int>(input.between(1, 6));
  const PairLoss loss = input.pick(kLosses);
  const bool weighted = input.flag(), asymmetric = input.flag(), want_value = input.flag();
  const auto form =
      loss == PairLoss::kSstress && input.flag() ? mds::PairForm::kNegatedSquares : mds::PairForm::kDistances;
  const double unit = unit_of(input);
  const T scale = static_cast<T>(unit * unit * (1 + input.byte()) / 256);
  Table<Stored> distances(input, n, n), weights(input, n, n);
  const std::vector<T> x = points_of<T>(input, n * k, unit);
  const std::vector<T> measured = distances_of<T>(input, n, unit, asymmetric, weighted);
  distances.fill(measured);
  reference::PairsOracle oracle{{measured.begin(), measured.end()}, {}, loss, scale};
  if (weighted) {
    const std::vector<T> w = distances_of<T>(input, n, 1, asymmetric, false);
    weights.fill(w);
    oracle.weights.assign(w.begin(), w.end());
  }
  Configuration at{n, k, {x.begin(), x.end()}};
  std::vector<T> planes(static_cast<std::size_t>(k * stride), T(0)), g(planes.size());
  for (std::ptrdiff_t i = 0; i < n * k; i++) planes[i % k * stride + i / k] = x[i];
  const mds::PairTable table{distances.data(), sizeof(Stored) == 8, distances.row_stride, distances.column_stride};
  const mds::PairTable of_weights{weights.data(), sizeof(Stored) == 8, weights.row_stride, weights.column_stride};

  const auto run = [&](int threads) {
    mds::Pairs<T> pairs(n, weighted, form);
    pairs.pack(table, weighted ? &of_weights : nullptr, threads);
    std::fill(g.begin(), g.end(), T(7));
    const double value = pairs.gradient(loss, scale, k, planes.data(), g.data(), want_value, threads);
    std::vector<double> all(g.begin(), g.end());
    all.push_back(want_value ? value : 0);
    return all;
  };
  std::vector<Real> sizes;
  const std::vector<Real> expected = oracle.gradient(at, &sizes);
  const Real error = term_error<T>(n), value = oracle.value(at);
  Real slack = error * value + 1e-30L;
  for (std::ptrdiff_t i = 0; i < n; i++)
    for (std::ptrdiff_t j = 0; j < i; j++) {
      if (const Real w = oracle.weight(i, j, n); w != 0)
        slack += w * value_error(loss, at.distance(i, j), oracle.measured(i, j, n), error);
    }
  const auto check = [&](const std::vector<double>& got) {
    if (want_value && !(std::fabs(got.back() - value) <= slack)) fail("the loss is another");
    for (std::ptrdiff_t i = 0; i < k * stride; i++) {
      const std::ptrdiff_t point = i % stride, c = i / stride;
      if (point >= n) {
        if (got[i] != 0) fail("a gradient behind the last point");
      } else if (!(std::fabs(got[i] - expected[point * k + c]) <= error * sizes[point * k + c] + 1e-30L)) {
        fail("the gradient is another: loss " + std::to_string(static_cast<int>(loss)) + ", point " +
             std::to_string(point) + " of " + std::to_string(n) + ", " + text(got[i]) + ", not " +
             text(expected[point * k + c]));
      }
    }
  };
  on_every_target(false, run, check);
}

// ---- gradient descent ----------------------------------------------------------------------

template <class T, class Stored>
void descent(Input& input) {
  const std::ptrdiff_t n = size_of(input, 40, 200);
  const int k = static_cast<int>(input.between(1, 4));
  const double unit = unit_of(input);
  DescentOptions<T> o;
  o.loss = input.flag() ? DescentLoss::kStress : DescentLoss::kSstress;
  o.iterations = input.between(0, 12);
  const double curvature = (o.loss == DescentLoss::kStress ? 2 : 8 * unit * unit) * static_cast<double>(n);
  const bool automatic = input.flag();
  o.learning_rate = automatic ? 0 : static_cast<float>((1 + input.byte()) / 128.0 / curvature);
  const bool asymmetric = input.flag(), in_place = input.flag();
  Table<Stored> distances(input, n, n);
  Table<T> start(input, n, k), result(input, n, k);
  const std::vector<T> x = points_of<T>(input, n * k, unit);
  const std::vector<Stored> measured = distances_of<Stored>(input, n, unit, asymmetric, input.between(0, 15) == 0);
  distances.fill(measured);
  const DistancesView view{distances.data(), sizeof(Stored) == 8, distances.row_stride, distances.column_stride};
  Table<T>& to = in_place ? start : result;

  const auto run = [&](int threads) {
    DescentOptions<T> with = o;
    with.num_threads = threads;
    start.fill(x);
    const PointsView<T> from{start.data(), n, k, start.row_stride, start.column_stride};
    const DescentReport report = gradient_descent<T>(from, view, with, to.data(), to.row_stride, to.column_stride);
    std::vector<double> all;
    for (std::ptrdiff_t i = 0; i < n * k; i++) all.push_back(to.get(i / k, i % k));
    all.insert(all.end(), {static_cast<double>(report.iterations), report.learning_rate, double(report.diverged)});
    return all;
  };
  const auto check = [&](const std::vector<double>& got) {
    for (const double v : got)
      if (!std::isfinite(v)) fail("gradient_descent returns what is not finite");
    if (automatic || o.iterations != 1) return;  // more steps: errors grow as the descent likes
    reference::PairsOracle oracle{{measured.begin(), measured.end()}, {}};
    Configuration at{n, k, {x.begin(), x.end()}};
    if (o.loss == DescentLoss::kSstress) oracle.loss = PairLoss::kSstress;
    std::vector<Real> sizes;
    oracle.gradient(at, &sizes);
    reference::descend(at, oracle.distances, o.loss, static_cast<T>(o.learning_rate), 1);
    for (std::ptrdiff_t i = 0; i < n * k; i++) {
      // Where D is not symmetric, a direction's own may be twice the mean.
      const Real slack = o.learning_rate * 2 * term_error<T>(n) * sizes[i] +
                         2 * std::numeric_limits<T>::epsilon() * (std::fabs(at.x[i]) + std::fabs(Real(x[i])));
      if (!(std::fabs(got[i] - at.x[i]) <= slack)) fail("not a step of gradient descent");
    }
  };
  try {
    on_every_target(false, run, check);
  } catch (const std::invalid_argument&) {
    for (std::ptrdiff_t i = 0; i < n * k; i++)
      if (to.get(i / k, i % k) != (in_place ? x[i] : T(0))) fail("gradient_descent refused, and wrote");
  }
}

// ---- mds -----------------------------------------------------------------------------------

struct Losses {
  double last = INFINITY;
  static bool record(void* context, double loss) {
    Losses& self = *static_cast<Losses*>(context);
    if (!(loss <= self.last)) fail("the loss rises from " + text(self.last) + " to " + text(loss));
    self.last = loss;
    return false;
  }
};

template <class T>
MdsOptions<T> solve_options(Input& input, std::vector<T>& start, std::ptrdiff_t n, double unit) {
  constexpr MdsLoss kLosses[] = {MdsLoss::kStress, MdsLoss::kSstress, MdsLoss::kRobust};
  constexpr MdsInit kInits[] = {MdsInit::kClassical, MdsInit::kClassical, MdsInit::kRandom, MdsInit::kGiven};
  constexpr double kTols[] = {1e-6, 0, 1e-2, 1e-12};
  MdsOptions<T> o;
  o.dimensions = static_cast<int>(input.between(1, 4));
  o.loss = input.pick(kLosses);
  o.init = input.pick(kInits);
  o.max_iter = input.between(0, 60);
  o.tol = input.pick(kTols);
  o.seed = input.byte();
  start = points_of<T>(input, n * o.dimensions, o.init == MdsInit::kGiven && input.byte() % 4 > 0 ? unit : 1);
  if (o.init != MdsInit::kClassical) o.start = start.data();
  o.callback = [](void* context, std::int64_t, const T*, double loss) { return Losses::record(context, loss); };
  return o;
}

// Stress of each point by definition, from pairs that were measured in either direction.
template <class T>
void check_answer(const std::vector<double>& got, std::ptrdiff_t n, int d, const reference::PairsOracle& oracle) {
  const Real epsilon = 8 * std::numeric_limits<T>::epsilon();
  Real stress = 0, slack = 0, twice = 0;
  Configuration at{n, d, {got.begin(), got.begin() + n * d}};
  for (const double v : got)
    if (std::isnan(v)) fail("mds returns NaN");
  if (!std::all_of(at.x.begin(), at.x.end(), [](Real v) { return std::isfinite(v); })) fail("points at infinity");
  for (std::ptrdiff_t i = 0; i < n; i++) {
    twice += got[n * d + i];
    for (std::ptrdiff_t j = 0; j < i; j++) {
      const Real w = oracle.weight(i, j, n);
      if (w == 0) continue;
      Real largest = 0;
      for (int c = 0; c < d; c++) largest = std::max({largest, std::fabs(at.x[i * d + c]), std::fabs(at.x[j * d + c])});
      const Real length = at.distance(i, j), measured = oracle.measured(i, j, n);
      const Real r = std::fabs(length - measured), of_r = epsilon * (largest + length + measured);
      stress += w * r * r;
      slack += w * (2 * r * of_r + of_r * of_r);
    }
  }
  slack += 1e-9L * stress + 1e-300L;
  const double said = got[n * d + n];
  if (stress + slack >= std::numeric_limits<double>::max()) return;  // infinite, or nearly
  if (!(std::fabs(said - stress) <= slack)) {
    fail("the stress is another: " + text(said) + ", not " + text(stress) + " within " + text(slack));
  }
  if (!(std::fabs(twice - 2 * static_cast<Real>(said)) <= 1e-9L * twice + 1e-300L)) fail("stress_per_point is another");
}

// In a list a direction without a distance is no measurement, and its weight no weight: the other one's stands alone.
template <class T>
reference::PairsOracle of_list(std::vector<T> d, std::vector<T> w, std::ptrdiff_t n) {
  for (std::ptrdiff_t i = 0; i < n * n; i++) {
    const std::ptrdiff_t other = i % n * n + i / n;
    if (!w.empty() && !(w[i] > 0)) d[i] = std::numeric_limits<T>::quiet_NaN();
    if (std::isnan(d[i]) && !w.empty()) w[i] = w[other];
    if (std::isnan(d[other]) && !w.empty()) w[other] = w[i];
  }
  return {{d.begin(), d.end()}, {w.begin(), w.end()}};
}

template <class T>
void solved(Input& input, bool list) {
  const std::ptrdiff_t n = size_of(input, 24, 40);
  constexpr int kFloatExponents[] = {0, 0, 0, 10, -10, 50, -50}, kExponents[] = {0, 0, 0, 40, -40, 300, -300};
  const double unit = std::ldexp(1, sizeof(T) == 4 ? input.pick(kFloatExponents) : input.pick(kExponents));
  const bool weighted = input.flag(), missing = input.flag();
  std::vector<T> start, anchors;
  MdsOptions<T> o = solve_options(input, start, n, unit);
  MdsProblem<T> p;
  p.points = n;
  p.symmetrize = input.flag();
  const std::vector<T> measured = [&] {
    std::vector<T> d = distances_of<T>(input, n, unit, p.symmetrize, missing);
    constexpr T kBad[] = {T(-1), std::numeric_limits<T>::infinity(), std::numeric_limits<T>::max()};
    if (n > 1 && input.between(0, 31) == 0) d[1] = d[n] = input.pick(kBad);
    return d;
  }();
  std::vector<T> w;
  if (weighted) w = distances_of<T>(input, n, 1, p.symmetrize, false);
  Table<T> distances(input, n, n), weights(input, n, n);
  std::vector<std::int64_t> first, second, known;
  std::vector<T> of_pairs, of_weights;
  if (list) {
    for (std::ptrdiff_t i = 0; i < n; i++)
      for (std::ptrdiff_t j = 0; j < n; j++) {
        if (!p.symmetrize && j > i) continue;
        first.push_back(i), second.push_back(j);
        of_pairs.push_back(measured[i * n + j]);
        if (weighted) of_weights.push_back(i == j ? T(0) : w[i * n + j]);
      }
    p.pairs = static_cast<std::ptrdiff_t>(first.size());
    p.first = first.data(), p.second = second.data(), p.pair_distances = of_pairs.data();
    if (weighted) p.pair_weights = of_weights.data();
  } else {
    distances.fill(measured);
    weights.fill(w);
    p.distances = {reinterpret_cast<const T*>(distances.data()), distances.row_stride, distances.column_stride};
    if (weighted) p.weights = {reinterpret_cast<const T*>(weights.data()), weights.row_stride, weights.column_stride};
  }
  if (input.flag()) {
    for (std::int64_t i = input.between(0, 3); i < n && known.size() < 6; i += 1 + input.between(0, 4))
      known.push_back(i);
    anchors = points_of<T>(input, static_cast<std::ptrdiff_t>(known.size()) * o.dimensions, unit);
    p.anchors = static_cast<std::ptrdiff_t>(known.size());
    p.anchor_points = known.data(), p.anchor_positions = anchors.data();
  }
  std::vector<T> embedding(static_cast<std::size_t>(n * o.dimensions));
  std::vector<double> per_point(static_cast<std::size_t>(n));

  const auto run = [&](int threads) {
    MdsOptions<T> with = o;
    with.num_threads = threads;
    Losses losses;
    with.context = &losses;
    std::fill(embedding.begin(), embedding.end(), T(7));
    const MdsReport report = solve_mds(p, with, embedding.data(), per_point.data());
    std::vector<double> all(embedding.begin(), embedding.end());
    all.insert(all.end(), per_point.begin(), per_point.end());
    all.insert(all.end(), {report.stress, report.normalized_stress, static_cast<double>(report.iterations),
                           double(report.converged), double(report.unique)});
    return all;
  };
  const auto check = [&](const std::vector<double>& got) {
    const reference::PairsOracle oracle =
        list ? of_list(measured, w, n)
             : reference::PairsOracle{{measured.begin(), measured.end()}, {w.begin(), w.end()}};
    check_answer<T>(got, n, o.dimensions, oracle);
    for (std::ptrdiff_t k = 0; k < p.anchors * o.dimensions; k++) {
      if (got[known[k / o.dimensions] * o.dimensions + k % o.dimensions] != anchors[k]) fail("an anchor has moved");
    }
  };
  const auto refused = [&] {
    if (std::any_of(embedding.begin(), embedding.end(), [](T v) { return v != 7; })) fail("mds refused, and wrote");
  };
  try {
    on_every_target(false, run, check);
  } catch (const std::invalid_argument&) {
    refused();
  } catch (const std::domain_error&) {  // the loss of the start overflows
    refused();
  }
}

// ---- known points --------------------------------------------------------------------------

template <class T>
void distances(Input& input) {
  const std::ptrdiff_t n = size_of(input, 20, 300), m = size_of(input, 40, 300), k = input.between(1, 9);
  Table<T> x(input, n, k), y(input, m, k);
  const std::vector<T> of_x = points_of<T>(input, n * k, unit_of(input)), of_y = points_of<T>(input, m * k, 1);
  x.fill(of_x), y.fill(of_y);
  const PointsView<T> from{x.data(), n, k, x.row_stride, x.column_stride};
  const PointsView<T> to{y.data(), m, k, y.row_stride, y.column_stride};
  const auto run = [&](int threads) {
    std::vector<T> out(static_cast<std::size_t>(n * m), T(7));
    pairwise_distances<T>(from, to, out.data(), threads);
    return out;
  };
  const auto check = [&](const std::vector<T>& got) {
    for (std::ptrdiff_t i = 0; i < n * m; i++) {
      Real sum = 0;
      for (std::ptrdiff_t c = 0; c < k; c++) sum += std::pow(Real(of_x[i / m * k + c]) - of_y[i % m * k + c], 2);
      const Real right = std::sqrt(sum), bound = (k / 2.0L + 2) * std::numeric_limits<T>::epsilon() * right;
      if (!(std::fabs(got[i] - right) <= bound)) fail("pairwise_distances leaves its bound");
    }
  };
  on_every_target(false, run, check);
}

// The motion is orthogonal, its error is what was said, and no motion that is easily had is better.
void aligned(Input& input) {
  const std::ptrdiff_t n = input.between(1, 30), k = input.between(1, 4);
  const bool reflection = input.flag(), scale = input.flag();
  Table<double> x(input, n, k), y(input, n, k);
  const std::vector<double> of_x = points_of<double>(input, n * k, unit_of(input));
  const std::vector<double> of_y = input.flag() ? of_x : points_of<double>(input, n * k, 1);
  x.fill(of_x), y.fill(of_y);
  const Alignment a = procrustes({x.data(), n, k, x.row_stride, x.column_stride},
                                 {y.data(), n, k, y.row_stride, y.column_stride}, reflection, scale);
  double largest = 0;
  for (std::ptrdiff_t i = 0; i < n * k; i++) largest = std::max({largest, std::fabs(of_x[i]), std::fabs(of_y[i])});
  for (std::ptrdiff_t c = 0; c < k; c++)
    for (std::ptrdiff_t e = 0; e < k; e++) {
      double sum = 0;
      for (std::ptrdiff_t i = 0; i < k; i++) sum += a.rotation[i * k + c] * a.rotation[i * k + e];
      if (!(std::fabs(sum - (c == e)) <= 1e-9)) fail("procrustes: not a rotation");
    }
  if (a.reflected && !reflection) fail("procrustes mirrors");
  if (!(a.scale >= 0) || (!scale && a.scale != 1)) fail("procrustes scales");
  std::vector<double> mean_x(k, 0), mean_y(k, 0);
  for (std::ptrdiff_t i = 0; i < n * k; i++) mean_x[i % k] += of_x[i] / n, mean_y[i % k] += of_y[i] / n;
  double error = 0, unmoved = 0;
  for (std::ptrdiff_t i = 0; i < n; i++)
    for (std::ptrdiff_t c = 0; c < k; c++) {
      double moved = a.translation[c];
      for (std::ptrdiff_t e = 0; e < k; e++) moved += a.scale * a.rotation[e * k + c] * of_x[i * k + e];
      error += std::pow(of_y[i * k + c] - moved, 2) / n;
      const double other = scale ? 0 : of_x[i * k + c] - mean_x[c];  // shrunk to a point, or only shifted
      unmoved += std::pow(of_y[i * k + c] - mean_y[c] - other, 2) / n;
    }
  if (!(std::fabs(std::sqrt(error) - a.rmse) <= 1e-7 * largest)) fail("procrustes: the error is another");
  if (!(a.rmse <= std::sqrt(unmoved) + 1e-9 * largest)) fail("procrustes: standing still is better");
}

}  // namespace
}  // namespace fastcv::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fastcv::fuzz;
  Input input(data, size);
  switch (input.byte() % 14) {
    case 0:
      gradient<float, float>(input);
      break;
    case 1:
      gradient<double, double>(input);
      break;
    case 2:
      gradient<float, double>(input);
      break;
    case 3:
      descent<float, float>(input);
      break;
    case 4:
      descent<double, double>(input);
      break;
    case 5:
      descent<double, float>(input);
      break;
    case 6:
      distances<float>(input);
      break;
    case 7:
      distances<double>(input);
      break;
    case 8:
      aligned(input);
      break;
    case 9:
      solved<float>(input, false);
      break;
    case 10:
      solved<double>(input, false);
      break;
    case 11:
      solved<float>(input, true);
      break;
    default:
      solved<double>(input, true);
  }
  return 0;
}
