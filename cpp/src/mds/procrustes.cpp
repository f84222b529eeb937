#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <cstring>

#include "fastcv/mds.hpp"

namespace fastcv {
namespace {

Eigen::MatrixXd matrix(const PointsView<double>& view) {  // a column a point
  Eigen::MatrixXd m(view.dimensions, view.points);
  for (std::ptrdiff_t i = 0; i < view.points; i++) {
    for (std::ptrdiff_t d = 0; d < view.dimensions; d++) {
      std::memcpy(&m(d, i), view.data + i * view.point_stride + d * view.coordinate_stride, sizeof(double));
    }
  }
  return m;
}

// Divided by its largest magnitude, so that squares neither overflow nor vanish.
double normalize(Eigen::MatrixXd* m) {
  const double largest = m->cwiseAbs().maxCoeff();
  if (largest == 0) return 1;
  *m /= largest;
  return largest;
}

}  // namespace

Alignment procrustes(const PointsView<double>& x, const PointsView<double>& y, bool reflection, bool scale) {
  Eigen::MatrixXd moved = matrix(x), target = matrix(y);
  const Eigen::VectorXd x_mean = moved.rowwise().mean(), y_mean = target.rowwise().mean();
  moved.colwise() -= x_mean;
  target.colwise() -= y_mean;
  const double x_unit = normalize(&moved), y_unit = normalize(&target);

  const Eigen::MatrixXd covariance = target * moved.transpose();
  // A square matrix needs no preconditioner, whose code would be larger than all else here.
  const Eigen::JacobiSVD<Eigen::MatrixXd, Eigen::NoQRPreconditioner> svd(covariance,
                                                                         Eigen::ComputeFullU | Eigen::ComputeFullV);
  Eigen::VectorXd signs = Eigen::VectorXd::Ones(x.dimensions);
  const bool mirrors = (svd.matrixU() * svd.matrixV().transpose()).determinant() < 0;
  if (mirrors && !reflection) signs[x.dimensions - 1] = -1;  // the least singular value is given up
  const Eigen::MatrixXd turn = svd.matrixU() * signs.asDiagonal() * svd.matrixV().transpose();

  Alignment a;
  a.reflected = mirrors && reflection;
  const double spread = moved.squaredNorm();
  // On a line, what would have to be mirrored is best shrunk to a point: a negative scale is a reflection.
  if (scale && spread > 0) a.scale = std::max(0.0, svd.singularValues().dot(signs)) / spread * (y_unit / x_unit);
  const Eigen::VectorXd shift = y_mean - a.scale * (turn * x_mean);
  const Eigen::MatrixXd rest = target - (a.scale * x_unit / y_unit) * (turn * moved);
  a.rmse = y_unit * std::sqrt(rest.squaredNorm() / static_cast<double>(x.points));
  a.translation.assign(shift.data(), shift.data() + x.dimensions);
  a.rotation.resize(static_cast<std::size_t>(x.dimensions * x.dimensions));
  Eigen::Map<Eigen::MatrixXd>(a.rotation.data(), x.dimensions, x.dimensions) =
      turn;  // by columns: the transpose, by rows
  return a;
}

}  // namespace fastcv
