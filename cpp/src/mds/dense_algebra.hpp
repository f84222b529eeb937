// The dense algebra of small matrices. Eigen stands behind it, in one file: its headers cost 20 s a file that uses
// them.
#pragma once

#include <cstddef>
#include <vector>

namespace fastcv::mds {

// Column after column.
struct Columns {
  std::ptrdiff_t rows = 0, columns = 0;
  std::vector<double> values;

  Columns(std::ptrdiff_t r, std::ptrdiff_t c) : rows(r), columns(c), values(r * c, 0.0) {}
  double* column(std::ptrdiff_t c) { return values.data() + c * rows; }
  const double* column(std::ptrdiff_t c) const { return values.data() + c * rows; }
  double& operator()(std::ptrdiff_t r, std::ptrdiff_t c) { return values[c * rows + r]; }
  double operator()(std::ptrdiff_t r, std::ptrdiff_t c) const { return values[c * rows + r]; }
};

struct Eigenpairs {
  std::vector<double> values;  // ascending
  Columns vectors;             // orthonormal
};
// Of a symmetric matrix; its lower triangle is read.
Eigenpairs symmetric_eigen(const Columns& matrix);

// The orthogonal R that brings A closest to B, ||A R - B||, from `covariance` = A^T B (Procrustes).
Columns nearest_orthogonal(const Columns& covariance);

// Sum of a[i] * b[i], for any count.
double inner(const double* a, const double* b, std::ptrdiff_t count);

// Makes the columns orthonormal, from the first on (Gram-Schmidt, twice). A column that depends on the ones before
// becomes 0.
void orthonormalise(Columns& v);

}  // namespace fastcv::mds
