// Sums and combinations of long vectors of float or double, whose counts are multiples of kStride. Sums are taken in
// double, in an order that does not depend on threads.
#pragma once

#include <cstddef>

namespace fastcv::mds {

template <class T>
double dot(const T* a, const T* b, std::ptrdiff_t count);

// out = x + t * y; x null: out = t * y. out may be x or y.
template <class T>
void combine(const T* x, double t, const T* y, T* out, std::ptrdiff_t count);

}  // namespace fastcv::mds
