#include "mds/classical.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace fastcv::mds {
namespace {

// `count` of n points, ascending: all of them, or a draw that is the same every time (points may lie in any order, a
// regular choice could meet a regular order).
std::vector<std::ptrdiff_t> choose(std::ptrdiff_t n, std::ptrdiff_t count) {
  std::vector<std::ptrdiff_t> chosen;
  std::uint64_t state = 0x9E3779B97F4A7C15;
  for (std::ptrdiff_t i = 0; i < n; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const double draw = static_cast<double>(state >> 11) * 0x1p-53;
    // Knuth's selection sampling: of what is left, as many as are still wanted.
    if (draw * static_cast<double>(n - i) < static_cast<double>(count - static_cast<std::ptrdiff_t>(chosen.size()))) {
      chosen.push_back(i);
    }
  }
  return chosen;
}

// squared(l)(i): of the distance from landmark chosen[l] to point i.
template <class T, class Squared>
bool scale_landmarks(const std::vector<std::ptrdiff_t>& chosen, const Squared& squared, std::ptrdiff_t n,
                     int dimensions, T* x, std::ptrdiff_t stride) {
  const auto k = static_cast<Eigen::Index>(chosen.size());
  Eigen::MatrixXd b(k, k);
  for (Eigen::Index i = 0; i < k; i++) {
    for (Eigen::Index j = 0; j < k; j++) b(i, j) = (squared(i)(chosen[j]) + squared(j)(chosen[i])) / 2;
  }
  const Eigen::VectorXd mean = b.rowwise().mean();  // of each landmark's squared distances
  const double overall = mean.mean();
  b = -0.5 * (((b.colwise() - mean).rowwise() - mean.transpose()).array() + overall).matrix();
  if (!b.allFinite()) return false;
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(b);  // ascending

  std::fill_n(x, dimensions * stride, T(0));
  // What rounding of the distances makes of a coordinate that is 0: triangulation would blow it up.
  const double least = 16 * static_cast<double>(std::numeric_limits<T>::epsilon()) * eigen.eigenvalues()(k - 1);
  int rank = 0;
  while (rank < std::min<Eigen::Index>(dimensions, k) && eigen.eigenvalues()(k - 1 - rank) > std::max(0.0, least))
    rank++;
  if (rank == 0) return true;
  // Triangulation: x_i = -1/2 pinv(L) (squared distances to the landmarks - their mean).
  Eigen::MatrixXd solve(k, rank);
  for (int d = 0; d < rank; d++) {
    solve.col(d) = eigen.eigenvectors().col(k - 1 - d) * (-0.5 / std::sqrt(eigen.eigenvalues()(k - 1 - d)));
  }
  constexpr std::ptrdiff_t kChunk = 64;  // points
  Eigen::MatrixXd gap(kChunk, k), position(n, rank);
  for (std::ptrdiff_t begin = 0; begin < n; begin += kChunk) {
    const std::ptrdiff_t count = std::min(kChunk, n - begin);
    for (Eigen::Index l = 0; l < k; l++) {
      const auto row = squared(l);
      for (std::ptrdiff_t i = 0; i < count; i++) gap(i, l) = row(begin + i) - mean(l);
    }
    position.middleRows(begin, count).noalias() = gap.topRows(count) * solve;
  }
  if (!position.allFinite()) return false;
  position.rowwise() -= position.colwise().mean().eval();
  for (int d = 0; d < rank; d++) {
    for (std::ptrdiff_t i = 0; i < n; i++) x[d * stride + i] = static_cast<T>(position(i, d));
  }
  return true;
}

}  // namespace

// Classical scaling needs more landmarks than dimensions, and noise averages out over them; their eigenvectors cost the
// cube of their number. Measured on 10 % noise: 32 need two steps more than all 1000 would, 16 four.
std::vector<std::ptrdiff_t> choose_landmarks(std::ptrdiff_t n, int dimensions) {
  return choose(n, std::min<std::ptrdiff_t>(n, std::max(32, std::min(4 * (dimensions + 1), dimensions + 64))));
}

template <class T>
bool landmark_scaling(const MatrixView<T>& distances, std::ptrdiff_t n, bool symmetrize, int dimensions, T* x,
                      std::ptrdiff_t stride) {
  const std::vector<std::ptrdiff_t> chosen = choose_landmarks(n, dimensions);
  const auto squared = [&](std::ptrdiff_t l) {
    return [&distances, symmetrize, i = chosen[l]](std::ptrdiff_t j) {
      if (i == j) return 0.0;
      double d = distances(i, j);
      if (symmetrize) d = (d + static_cast<double>(distances(j, i))) / 2;
      return d * d;
    };
  };
  return scale_landmarks(chosen, squared, n, dimensions, x, stride);
}

template bool landmark_scaling(const MatrixView<float>&, std::ptrdiff_t, bool, int, float*, std::ptrdiff_t);
template bool landmark_scaling(const MatrixView<double>&, std::ptrdiff_t, bool, int, double*, std::ptrdiff_t);

bool landmark_scaling(const double* rows, std::ptrdiff_t n, int dimensions, double* x, std::ptrdiff_t stride) {
  const std::vector<std::ptrdiff_t> chosen = choose_landmarks(n, dimensions);
  const auto squared = [&](std::ptrdiff_t l) {
    return [row = rows + l * n, i = chosen[l]](std::ptrdiff_t j) { return i == j ? 0.0 : row[j] * row[j]; };
  };
  return scale_landmarks(chosen, squared, n, dimensions, x, stride);
}

}  // namespace fastcv::mds
