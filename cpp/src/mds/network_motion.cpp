#include "mds/network_motion.hpp"

#include <algorithm>
#include <cmath>

#include "fastcv/runtime.hpp"
#include "mds/dense_algebra.hpp"
#include "mds/network_mirror.hpp"
#include "mds/starts.hpp"

namespace fastcv::mds {
namespace {

constexpr double kSingular = 1e-9;  // of a typical eigenvalue
constexpr int kMostSteps = 300;

// The Fisher information of the points of `rest`, all else fixed: J v = sum over pairs of w u u^T (v_a - v_b), with u
// the pair's direction. Unknowns are scaled so that its diagonal is 1. A matrix is never built: its factor could be
// dense.
class Fisher {
 public:
  Fisher(const Network& network, const Graph& graph, const Positions& x, const std::vector<std::int32_t>& rest)
      : d_(network.dimensions), rest_(rest), scale_(rest.size() * d_, 0.0) {
    std::vector<std::int32_t> number(network.points, -1);
    for (std::size_t k = 0; k < rest.size(); k++) number[rest[k]] = static_cast<std::int32_t>(k);
    for (const std::int32_t i : rest) {
      for (const Arc arc : graph.arcs(i)) {
        const double *a = x.data() + std::ptrdiff_t{i} * d_, *b = x.data() + std::ptrdiff_t{arc.to} * d_;
        const double length = length_between(a, b, d_);
        if (!(length > 0)) continue;
        rows_.push_back({number[i], number[arc.to]});
        if (number[arc.to] < 0) held_ = true;
        for (int c = 0; c < d_; c++) {
          const double u = std::sqrt(graph.weight(arc)) * (a[c] - b[c]) / length;
          directions_.push_back(u);
          scale_[number[i] * d_ + c] += u * u;
        }
      }
    }
    for (double& s : scale_) s = s > 0 ? 1 / std::sqrt(s) : 1;
  }

  std::ptrdiff_t size() const { return static_cast<std::ptrdiff_t>(scale_.size()); }
  const std::vector<double>& scale() const { return scale_; }

  void product(const double* v, double* out) const {
    std::fill_n(out, size(), 0.0);
    const double* u = directions_.data();
    for (const Row& row : rows_) {
      const std::ptrdiff_t a = std::ptrdiff_t{row.a} * d_, b = std::ptrdiff_t{row.b} * d_;
      double change = 0;
      for (int c = 0; c < d_; c++) change += u[c] * scale_[a + c] * v[a + c];
      if (row.b >= 0) {
        for (int c = 0; c < d_; c++) change -= u[c] * scale_[b + c] * v[b + c];
      }
      for (int c = 0; c < d_; c++) out[a + c] += scale_[a + c] * u[c] * change;
      u += d_;
    }
  }

  // Motions that nothing forbids: the rigid ones, unless other points hold these.
  Columns rigid(const Positions& x) const {
    if (held_) return Columns(size(), 0);
    Columns motions(size(), d_ + d_ * (d_ - 1) / 2);
    std::ptrdiff_t column = 0;
    const std::vector<double> mean = spread_of(rest_, x, d_).mean;
    for (int c = 0; c < d_; c++, column++) {
      for (std::size_t k = 0; k < rest_.size(); k++) motions(k * d_ + c, column) = 1;
    }
    for (int c = 0; c < d_; c++) {
      for (int e = 0; e < c; e++, column++) {
        for (std::size_t k = 0; k < rest_.size(); k++) {
          motions(k * d_ + c, column) = x[std::ptrdiff_t{rest_[k]} * d_ + e] - mean[e];
          motions(k * d_ + e, column) = mean[c] - x[std::ptrdiff_t{rest_[k]} * d_ + c];
        }
      }
    }
    for (std::ptrdiff_t k = 0; k < motions.columns; k++) {
      for (std::ptrdiff_t i = 0; i < size(); i++) motions(i, k) /= scale_[i];
    }
    orthonormalise(motions);
    return motions;
  }

 private:
  struct Row {
    std::int32_t a, b;  // b < 0: held
  };
  int d_;
  const std::vector<std::int32_t>& rest_;
  std::vector<double> scale_, directions_;
  std::vector<Row> rows_;
  bool held_ = false;
};

}  // namespace

// The smallest eigenvalue by LOBPCG with one vector: the least Rayleigh quotient over v, its residual, and the last
// direction.
std::vector<std::int32_t> movable_points(const Network& network, const Graph& graph, const Positions& x,
                                         const std::vector<std::int32_t>& rest) {
  const Fisher fisher(network, graph, x, rest);
  const int d = network.dimensions;
  const std::ptrdiff_t n = fisher.size();
  const Columns rigid = fisher.rigid(x);
  const auto clean = [&](double* v) {
    for (std::ptrdiff_t k = 0; k < rigid.columns; k++) {
      const double share = inner(v, rigid.column(k), n);
      for (std::ptrdiff_t i = 0; i < n; i++) v[i] -= share * rigid(i, k);
    }
  };
  Draws draws(3);
  Columns basis(n, 3), image(n, 3);
  for (std::ptrdiff_t i = 0; i < n; i++) basis(i, 0) = draws.centred();
  clean(basis.column(0));
  double value = 1;
  std::vector<double> direction(n);
  for (int step = 0; step < kMostSteps; step++) {
    check_interrupt();
    orthonormalise(basis);
    for (std::ptrdiff_t k = 0; k < 3; k++) fisher.product(basis.column(k), image.column(k));
    Columns small(3, 3);
    for (std::ptrdiff_t k = 0; k < 3; k++) {
      for (std::ptrdiff_t l = 0; l < 3; l++) small(k, l) = inner(basis.column(k), image.column(l), n);
      if (inner(basis.column(k), basis.column(k), n) == 0) small(k, k) = 1e3;  // no such direction
    }
    const Eigenpairs eigen = symmetric_eigen(small);
    value = eigen.values[0];
    const double *c = eigen.vectors.column(0), *v = basis.column(0);
    double residual = 0;
    for (std::ptrdiff_t i = 0; i < n; i++) {
      direction[i] = c[1] * basis(i, 1) + c[2] * basis(i, 2);
      basis(i, 0) = c[0] * v[i] + direction[i];
      basis(i, 1) = c[0] * image(i, 0) + c[1] * image(i, 1) + c[2] * image(i, 2) - value * basis(i, 0);
      basis(i, 2) = direction[i];
    }
    clean(basis.column(1));
    residual = std::sqrt(inner(basis.column(1), basis.column(1), n));
    // Either 0, or an eigenvalue that is not: one lies within the residual of the value.
    if (value < kSingular || residual < 1e-3 * value) break;
  }
  std::vector<std::int32_t> found;
  if (!(value < kSingular)) return found;
  std::vector<double> size(rest.size(), 0.0);
  for (std::ptrdiff_t i = 0; i < n; i++) size[i / d] += std::pow(basis(i, 0) * fisher.scale()[i], 2);
  const double most = *std::max_element(size.begin(), size.end());
  for (std::size_t k = 0; k < rest.size(); k++) {
    if (size[k] > 0.01 * most) found.push_back(rest[k]);
  }
  return found;
}

}  // namespace fastcv::mds
