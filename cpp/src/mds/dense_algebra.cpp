#include "mds/dense_algebra.hpp"

#include <Eigen/Dense>
#include <cmath>

namespace fastcv::mds {
namespace {
Eigen::Map<const Eigen::MatrixXd> view(const Columns& m) { return {m.values.data(), m.rows, m.columns}; }
}  // namespace

Eigenpairs symmetric_eigen(const Columns& matrix) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(view(matrix));
  Eigenpairs pairs{std::vector<double>(matrix.rows), Columns(matrix.rows, matrix.rows)};
  Eigen::Map<Eigen::VectorXd>(pairs.values.data(), matrix.rows) = solver.eigenvalues();
  Eigen::Map<Eigen::MatrixXd>(pairs.vectors.values.data(), matrix.rows, matrix.rows) = solver.eigenvectors();
  return pairs;
}

double inner(const double* a, const double* b, std::ptrdiff_t count) {
  double sums[4] = {};  // independent, so that additions overlap
  std::ptrdiff_t i = 0;
  for (; i + 4 <= count; i += 4) {
    for (int k = 0; k < 4; k++) sums[k] += a[i + k] * b[i + k];
  }
  for (; i < count; i++) sums[0] += a[i] * b[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

void orthonormalise(Columns& v) {
  for (std::ptrdiff_t c = 0; c < v.columns; c++) {
    double* x = v.column(c);
    const double before = std::sqrt(inner(x, x, v.rows));
    for (int pass = 0; pass < 2; pass++) {
      for (std::ptrdiff_t e = 0; e < c; e++) {
        const double share = inner(x, v.column(e), v.rows);
        for (std::ptrdiff_t i = 0; i < v.rows; i++) x[i] -= share * v(i, e);
      }
    }
    const double size = std::sqrt(inner(x, x, v.rows));
    const double factor = size > 1e-10 * before ? 1 / size : 0;
    for (std::ptrdiff_t i = 0; i < v.rows; i++) x[i] *= factor;
  }
}

Columns nearest_orthogonal(const Columns& m) {
  // M = U S V^T, from M^T M = V S^2 V^T; R = U V^T. Columns of U without a singular value are what is left of the axes.
  const std::ptrdiff_t d = m.rows;
  Columns squares(d, d), u(d, 2 * d), r(d, d);
  for (std::ptrdiff_t i = 0; i < d; i++) {
    for (std::ptrdiff_t j = 0; j < d; j++) squares(i, j) = inner(m.column(i), m.column(j), d);
  }
  const Eigenpairs eigen = symmetric_eigen(squares);
  const auto v = [&](std::ptrdiff_t row, std::ptrdiff_t k) { return eigen.vectors(row, d - 1 - k); };
  const double least = 1e-24 * eigen.values[d - 1];
  for (std::ptrdiff_t k = 0; k < d; k++) {
    if (!(eigen.values[d - 1 - k] > least)) continue;
    for (std::ptrdiff_t i = 0; i < d; i++) {
      for (std::ptrdiff_t j = 0; j < d; j++) u(i, k) += m(i, j) * v(j, k) / std::sqrt(eigen.values[d - 1 - k]);
    }
  }
  for (std::ptrdiff_t k = 0; k < d; k++) u(k, d + k) = 1;
  orthonormalise(u);
  std::ptrdiff_t spare = d;
  for (std::ptrdiff_t k = 0; k < d; k++) {
    const double* column = u.column(k);
    while (inner(column, column, d) == 0) column = u.column(spare++);
    for (std::ptrdiff_t i = 0; i < d; i++) {
      for (std::ptrdiff_t j = 0; j < d; j++) r(i, j) += column[i] * v(j, k);
    }
  }
  return r;
}

}  // namespace fastcv::mds
