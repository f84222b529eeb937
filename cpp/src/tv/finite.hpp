// Whether pixels are numbers.
#pragma once

#include <cstddef>

namespace fastcv::tv {

// Whether no value of a dense row is NaN or infinite. T: float, double.
template <class T>
bool all_finite(const T* row, std::ptrdiff_t count);

}  // namespace fastcv::tv
