// solve_network: from start to result; the loss from one start after the other, until what is left looks like noise.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <sstream>
#include <stdexcept>

#include "fastcv/runtime.hpp"
#include "mds/minimise.hpp"
#include "mds/network_consensus.hpp"
#include "mds/network_loss.hpp"
#include "mds/network_mirror.hpp"
#include "mds/network_unique.hpp"
#include "mds/robust.hpp"
#include "mds/solve.hpp"
#include "mds/starts.hpp"

namespace fastcv::mds {
namespace {

constexpr std::ptrdiff_t kLandmarks = 30;  // more find the same minima (measured: 25 to all of 550)
constexpr double kExact = 1e-24;           // of sum w D^2: a normalized stress of 1e-12
constexpr std::ptrdiff_t kFew = 20;
constexpr int kMirrorRounds = 8, kGatherRounds = 8;
constexpr int kLifts = 3;
constexpr int kLiftDimensions = 2;
constexpr double kLiftSize = 0.1;  // of the mean distance: how far points start outside of their space
constexpr double kLiftPenalties[] = {1e-3, 1e-2, 1e-1, 1};

// Parts that nothing connects with the others; or, if there are anchors, that have none.
std::vector<std::vector<std::int32_t>> lost_parts(const Network& network, const Graph& graph) {
  std::vector<std::vector<std::int32_t>> parts = graph.parts();
  if (network.anchor_count() == 0 && parts.size() == 1) return {};
  std::erase_if(parts, [&](const auto& part) { return part.back() >= network.free; });  // ascending: anchors are last
  return parts;
}

void refuse_disconnected(const Network& network, const Graph& graph) {
  const auto lost = lost_parts(network, graph);
  if (lost.empty()) return;
  constexpr std::size_t kShown = 4;
  std::ostringstream text;
  text << "mds: distances must connect all points" << (network.anchor_count() > 0 ? " with anchors, got " : ", got ")
       << lost.size() << (network.anchor_count() > 0 ? " without: " : " parts: ");
  for (std::size_t k = 0; k < std::min(kShown, lost.size()); k++) {
    text << (k > 0 ? ", {" : "{");
    for (std::size_t i = 0; i < std::min(kShown, lost[k].size()); i++) {
      text << (i > 0 ? ", " : "") << network.original[lost[k][i]];
    }
    if (lost[k].size() > kShown) text << ", ... " << lost[k].size() << " points";
    text << "}";
  }
  if (lost.size() > kShown) text << ", ...";
  throw std::invalid_argument(text.str());
}

template <class T>
class Solver {
 public:
  Solver(const Network& network, const Graph& graph, const MdsOptions<T>& options)
      : network_(network),
        graph_(graph),
        options_(options),
        threads_(thread_count(options.num_threads)),
        loss_(network, options.loss, network.dimensions, threads_),
        floor_(kExact * network.squares()) {
    if (options.loss == MdsLoss::kSstress) {  // of (D^2)^2, and residuals are 2 D as large
      double fourth = 0;
      for (const Pair& p : network.pairs) fourth += p.weight * std::pow(p.distance, 4);
      floor_ = 4 * kExact * fourth;
    }
  }

  void run() {
    if (options_.init != MdsInit::kClassical) {
      attempt(user_start());
    } else if (options_.loss == MdsLoss::kRobust) {
      search_robust();
    } else {
      search();
    }
  }

  const Positions& best() const { return best_; }
  const Minimum& minimum() const { return minimum_; }
  double floor() const { return floor_; }

 private:
  static constexpr std::ptrdiff_t kRobustLandmarks = 200;

  // Starts from the cheapest to the dearest, until one fits.
  void search() {
    const Positions start = shortest_path_start(network_, graph_, kLandmarks, mostly_measured(network_));
    attempt(start);
    mirror();
    if (fits()) return;
    attempt(spectral_start(network_, graph_));
    mirror();
    for (int k = 0; k < kLifts && !fits(); k++) {
      lift(k % 2 == 0 ? start : best_, options_.seed + k);
      mirror();
    }
  }

  // Wrong distances spoil a start in one way or another; the least loss tells.
  void search_robust() {
    attempt(shortest_path_start(network_, graph_, kRobustLandmarks, false));
    const std::vector<double> planes = to_planes(best_, network_.dimensions, network_.free, network_.dimensions);
    if (all_explained(network_, planes.data(), scale_)) return;
    attempt(shortest_path_start(network_, graph_, kRobustLandmarks, true));
    Network consistent = network_;
    consistent.pairs = consistent_pairs(network_, graph_);
    const Graph graph(consistent);
    if (consistent.pairs.size() < network_.pairs.size() && !stopped_ && lost_parts(consistent, graph).empty()) {
      MdsOptions<T> o = options_;
      o.loss = MdsLoss::kStress;
      o.callback = nullptr;
      Solver inner(consistent, graph, o);
      inner.run();
      attempt(inner.best(), Scale::kNear);
    }
    mirror();
    gather();
  }

  // Either exact, or no point stands out from the noise. Among few points none can: all starts are cheap for these.
  bool fits() const {
    if (!stopped_ && minimum_.value > floor_ && network_.free < kFew) return false;
    return stopped_ || minimum_.value <= floor_ || misfits(network_, graph_, loss_.rho(), best_).empty();
  }

  Positions user_start() const {
    const int d = network_.dimensions;
    Positions x = network_.positions();
    double mean = 0;
    for (const Pair& p : network_.pairs) mean += p.distance / static_cast<double>(network_.pairs.size());
    for (std::ptrdiff_t i = 0; i < network_.free; i++) {
      for (int c = 0; c < d; c++) {
        const double value = options_.start[network_.original[i] * d + c];
        x[i * d + c] = options_.init == MdsInit::kRandom ? 2 * mean * (value - 0.5)
                                                         : (value - network_.origin[c]) / network_.scale;
      }
    }
    network_.place_anchors(x);
    return x;
  }

  MinimiseOptions<double> minimise_options(const NetworkLoss& loss) {
    MinimiseOptions<double> o;
    o.max_iter = options_.max_iter;
    o.tol = options_.tol;
    o.floor = floor_;
    o.first_step = loss.first_step();
    return o;
  }

  // The nearest minimum, kept if it is the lowest.
  void attempt(Positions x, Scale from = Scale::kFar) {
    if (stopped_) return;
    std::vector<double> planes = to_planes(x, network_.dimensions, network_.free, network_.dimensions);
    MinimiseOptions<double> o = minimise_options(loss_);
    if (options_.callback != nullptr) {
      o.callback = &Solver::report;
      o.context = this;
    }
    Minimum found;
    double scale = 0;
    if (options_.loss == MdsLoss::kRobust) {
      found = minimise_robust(loss_, network_, from, planes.data(), o, &scale);
      // Compared by the smaller scale: it is the one at which the good distances fit.
      if (!best_.empty() && scale < scale_) minimum_.value = robust_value(best_, scale);
      if (!best_.empty() && scale > scale_) found.value = robust_value_of_planes(planes, scale_);
    } else {
      found = minimise(loss_, planes.data(), o);
    }
    stopped_ = found.stop == Stop::kCallback;
    if (!best_.empty() && !(found.value < minimum_.value)) return;
    from_planes(planes.data(), network_.free, x, network_.dimensions);
    scale_ = best_.empty() ? scale : std::min(scale_, scale);
    best_ = std::move(x);
    minimum_ = found;
  }

  double robust_value(const Positions& x, double scale) {
    return robust_value_of_planes(to_planes(x, network_.dimensions, network_.free, network_.dimensions), scale);
  }
  double robust_value_of_planes(const std::vector<double>& planes, double scale) {
    std::vector<double> g(planes.size());
    loss_.set_mu2(scale * scale);
    return loss_.evaluate(planes.data(), g.data());
  }

  void mirror() {
    for (int round = 0; round < kMirrorRounds && !stopped_ && minimum_.value > floor_; round++) {
      const double before = minimum_.value;
      Positions x = best_;
      if (mirror_points(network_, graph_, loss_.rho(), misfits(network_, graph_, loss_.rho(), x), x) == 0) return;
      attempt(std::move(x), Scale::kNear);
      if (!(minimum_.value < before)) return;
    }
  }

  // The same with points that their own distances call elsewhere.
  void gather() {
    for (int round = 0; round < kGatherRounds && !stopped_; round++) {
      const double before = robust_value(best_, scale_);
      Positions x = best_;
      if (move_to_consensus(network_, graph_, {MdsLoss::kRobust, scale_ * scale_}, x) == 0) return;
      minimum_.value = before;
      attempt(std::move(x), Scale::kNear);
      if (!(minimum_.value < before)) return;
    }
  }

  // Points that cannot pass each other in a plane can do so in space (rank relaxation): the loss is minimised with
  // further coordinates, and then these are pressed flat.
  void lift(const Positions& from, std::uint64_t seed) {
    if (stopped_) return;
    const int d = network_.dimensions, high = d + kLiftDimensions;
    NetworkLoss lifted(network_, options_.loss, high, threads_);
    std::vector<double> planes = to_planes(from, d, network_.free, high);
    const std::ptrdiff_t stride = lifted.stride();
    double mean = 0;
    for (const Pair& p : network_.pairs) mean += p.distance / static_cast<double>(network_.pairs.size());
    Draws draws(seed + 17);
    for (int c = d; c < high; c++) {
      for (std::ptrdiff_t i = 0; i < network_.free; i++) {
        // About normal: the sum of four.
        const double z = draws.centred() + draws.centred() + draws.centred() + draws.centred();
        planes[c * stride + i] = kLiftSize * mean * std::sqrt(3.0) * z;
      }
    }
    MinimiseOptions<double> o = minimise_options(lifted);
    o.tol = 1e-4;
    minimise(lifted, planes.data(), o);
    if (network_.anchor_count() == 0) turn_to_axes(planes, stride, high);
    o.max_iter = std::min<std::int64_t>(o.max_iter, 100);
    for (const double penalty : kLiftPenalties) {
      lifted.set_penalty(penalty);
      minimise(lifted, planes.data(), o);
    }
    Positions x = from;
    from_planes(planes.data(), network_.free, x, d);
    attempt(std::move(x));
  }

  // Without anchors nothing says which coordinates are the further ones: those of the least extent.
  void turn_to_axes(std::vector<double>& planes, std::ptrdiff_t stride, int dimensions) const {
    Positions x(network_.points * dimensions);
    from_planes(planes.data(), network_.free, x, dimensions);
    std::vector<std::int32_t> all(network_.free);
    std::iota(all.begin(), all.end(), 0);
    const Spread spread = spread_of(all, x, dimensions);
    for (int c = 0; c < dimensions; c++) {
      const double* axis = spread.axes.column(dimensions - 1 - c);
      for (std::ptrdiff_t i = 0; i < network_.free; i++) {
        double sum = 0;
        for (int e = 0; e < dimensions; e++) sum += axis[e] * (x[i * dimensions + e] - spread.mean[e]);
        planes[c * stride + i] = sum;
      }
    }
  }

  static bool report(void* context, std::int64_t iteration, const double* planes, double value) {
    return static_cast<Solver*>(context)->report_step(iteration, planes, value);
  }

  // What is reported never rises, so that of a further start only the part is that leads below the best so far.
  bool report_step(std::int64_t iteration, const double* planes, double value) {
    if (reported_ > 0 && (iteration == 0 || !(value < lowest_))) return false;
    lowest_ = value;
    const int d = network_.dimensions;
    Positions x = network_.positions();
    from_planes(planes, network_.free, x, d);
    network_.place_anchors(x);
    std::vector<T> out(x.size());
    for (std::ptrdiff_t i = 0; i < network_.points; i++) {
      for (int c = 0; c < d; c++) {
        out[network_.original[i] * d + c] = static_cast<T>(x[i * d + c] * network_.scale + network_.origin[c]);
      }
    }
    // A factor at a time: the power may overflow, and infinity times a loss of 0 is NaN.
    for (int k = options_.loss == MdsLoss::kSstress ? 4 : 2; k > 0; k--) value *= network_.scale;
    return options_.callback(options_.context, reported_++, out.data(), value);
  }

  const Network& network_;
  const Graph& graph_;
  const MdsOptions<T>& options_;
  int threads_;
  NetworkLoss loss_;
  double floor_;
  Positions best_;
  Minimum minimum_;
  double scale_ = 0;
  bool stopped_ = false;
  std::int64_t reported_ = 0;
  double lowest_ = 0;
};

// The stress of the result as it is returned, in T: over all pairs, anchors' own included.
template <class T>
void report_stress(const Network& network, const T* embedding, double* per_point, MdsReport& report) {
  const int d = network.dimensions;
  std::fill_n(per_point, network.points, 0.0);
  double squares = 0;
  for (const std::vector<Pair>* pairs : {&network.pairs, &network.known}) {
    for (const Pair& p : *pairs) {
      const std::ptrdiff_t i = network.original[p.a], j = network.original[p.b];
      double squared = 0;
      for (int c = 0; c < d; c++) {
        const double gap = (double{embedding[i * d + c]} - double{embedding[j * d + c]}) / network.scale;
        squared += gap * gap;
      }
      const double r = std::sqrt(squared) - p.distance, term = p.weight * r * r;
      report.stress += term;
      squares += p.weight * p.distance * p.distance;
      per_point[i] += term;
      per_point[j] += term;
    }
  }
  report.normalized_stress = squares > 0 ? std::sqrt(report.stress / squares) : 0;
  // Twice: the square of a scale may be infinite, and a share 0.
  const double unit = network.scale;
  report.stress = report.stress * unit * unit;
  for (std::ptrdiff_t i = 0; i < network.points; i++) per_point[i] = per_point[i] * unit * unit;
}

void centre(const Network& network, Positions& x) {
  const int d = network.dimensions;
  for (int c = 0; c < d; c++) {
    double mean = 0;
    for (std::ptrdiff_t i = 0; i < network.points; i++) mean += x[i * d + c] / static_cast<double>(network.points);
    for (std::ptrdiff_t i = 0; i < network.points; i++) x[i * d + c] -= mean;
  }
}

}  // namespace

template <class T>
MdsReport solve_network(const MdsProblem<T>& problem, const MdsOptions<T>& options, T* embedding,
                        double* stress_per_point) {
  const Network network = build_network(problem, options);
  const Graph graph(network);
  refuse_disconnected(network, graph);
  MdsReport report;
  Positions x = network.positions();
  network.place_anchors(x);
  report.reason = reason(Stop::kFloor);
  report.converged = true;
  if (!network.pairs.empty()) {
    Solver<T> solver(network, graph, options);
    solver.run();
    x = solver.best();
    report.iterations = solver.minimum().iterations;
    report.converged = solver.minimum().converged();
    report.reason = reason(solver.minimum().stop);
  }
  if (const std::string doubt = why_not_unique(network, graph, x); !doubt.empty()) {
    report.unique = false;
    report.reason += "; not unique: " + doubt;
  }
  if (network.anchor_count() == 0) centre(network, x);
  const int d = network.dimensions;
  for (std::ptrdiff_t i = 0; i < network.points; i++) {
    for (int c = 0; c < d; c++) {
      embedding[network.original[i] * d + c] = static_cast<T>(x[i * d + c] * network.scale + network.origin[c]);
    }
  }
  // Anchors are returned to the bit.
  for (std::ptrdiff_t k = 0; k < problem.anchors; k++) {
    std::copy_n(problem.anchor_positions + k * d, d, embedding + problem.anchor_points[k] * d);
  }
  report_stress(network, embedding, stress_per_point, report);
  return report;
}

template MdsReport solve_network(const MdsProblem<float>&, const MdsOptions<float>&, float*, double*);
template MdsReport solve_network(const MdsProblem<double>&, const MdsOptions<double>&, double*, double*);

}  // namespace fastcv::mds
