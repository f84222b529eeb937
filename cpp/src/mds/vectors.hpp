// Sums and combinations of long vectors. Sums are taken in double, in an order that does not depend on threads.
#pragma once

#include <cstddef>

namespace fastcv::mds {

template <class T>
double dot(const T* a, const T* b, std::ptrdiff_t count);

// y += a * x
template <class T>
void add_scaled(double a, const T* x, T* y, std::ptrdiff_t count);

// out = x + t * p
template <class T>
void step(const T* x, double t, const T* p, T* out, std::ptrdiff_t count);

template <class T>
void scale(double a, T* x, std::ptrdiff_t count);

// out = a - b
template <class T>
void difference(const T* a, const T* b, T* out, std::ptrdiff_t count);

}  // namespace fastcv::mds
