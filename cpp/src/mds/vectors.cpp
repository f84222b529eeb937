#include "mds/vectors.hpp"

namespace fastcv::mds {

template <class T>
double dot(const T* a, const T* b, std::ptrdiff_t count) {
  double sums[4] = {};  // independent, so that additions overlap; counts are multiples of kStride
  for (std::ptrdiff_t i = 0; i < count; i += 4) {
    for (int k = 0; k < 4; k++) sums[k] += static_cast<double>(a[i + k]) * static_cast<double>(b[i + k]);
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

template <class T>
void add_scaled(double a, const T* x, T* y, std::ptrdiff_t count) {
  for (std::ptrdiff_t i = 0; i < count; i++) y[i] += static_cast<T>(a) * x[i];
}

template <class T>
void step(const T* x, double t, const T* p, T* out, std::ptrdiff_t count) {
  for (std::ptrdiff_t i = 0; i < count; i++) out[i] = x[i] + static_cast<T>(t) * p[i];
}

template <class T>
void scale(double a, T* x, std::ptrdiff_t count) {
  for (std::ptrdiff_t i = 0; i < count; i++) x[i] *= static_cast<T>(a);
}

template <class T>
void difference(const T* a, const T* b, T* out, std::ptrdiff_t count) {
  for (std::ptrdiff_t i = 0; i < count; i++) out[i] = a[i] - b[i];
}

#define FASTCV_VECTORS(T)                                             \
  template double dot(const T*, const T*, std::ptrdiff_t);            \
  template void add_scaled(double, const T*, T*, std::ptrdiff_t);     \
  template void step(const T*, double, const T*, T*, std::ptrdiff_t); \
  template void scale(double, T*, std::ptrdiff_t);                    \
  template void difference(const T*, const T*, T*, std::ptrdiff_t);
FASTCV_VECTORS(float)
FASTCV_VECTORS(double)
#undef FASTCV_VECTORS

}  // namespace fastcv::mds
