// Layouts of positions, and what is done to a start.
#include <algorithm>
#include <numeric>
#include <vector>

#include "mds/solve.hpp"

namespace fastcv::mds {

template <class T>
void to_coordinates(const T* rows, std::ptrdiff_t points, int dimensions, T* x, std::ptrdiff_t stride) {
  for (int d = 0; d < dimensions; d++) {
    for (std::ptrdiff_t i = 0; i < stride; i++) x[d * stride + i] = i < points ? rows[i * dimensions + d] : T(0);
  }
}

template <class T>
void to_rows(const T* x, std::ptrdiff_t stride, std::ptrdiff_t points, int dimensions, T* rows) {
  for (int d = 0; d < dimensions; d++) {
    for (std::ptrdiff_t i = 0; i < points; i++) rows[i * dimensions + d] = x[d * stride + i];
  }
}

template <class T>
void centre(T* x, std::ptrdiff_t stride, std::ptrdiff_t points, int dimensions) {
  for (int d = 0; d < dimensions; d++) {
    T* const row = x + d * stride;
    const double mean = std::accumulate(row, row + points, 0.0) / static_cast<double>(points);
    for (std::ptrdiff_t i = 0; i < points; i++) row[i] = static_cast<T>(static_cast<double>(row[i]) - mean);
  }
}

namespace {

// Of the points that lie where another one does, all but one.
template <class T>
std::vector<std::ptrdiff_t> doubles(const T* x, std::ptrdiff_t stride, std::ptrdiff_t points, int dimensions) {
  std::vector<std::ptrdiff_t> order(points), found;
  std::iota(order.begin(), order.end(), 0);
  const auto compare = [&](std::ptrdiff_t i, std::ptrdiff_t j) {
    for (int d = 0; d < dimensions; d++) {
      const T a = x[d * stride + i], b = x[d * stride + j];
      if (a != b) return a < b ? -1 : 1;
    }
    return 0;
  };
  std::sort(order.begin(), order.end(), [&](std::ptrdiff_t i, std::ptrdiff_t j) {
    const int c = compare(i, j);
    return c != 0 ? c < 0 : i < j;
  });
  for (std::ptrdiff_t k = 1; k < points; k++) {
    if (compare(order[k - 1], order[k]) == 0) found.push_back(order[k]);
  }
  return found;
}

template <class T>
bool flat(const T* row, std::ptrdiff_t points) {
  return std::all_of(row, row + points, [&](T value) { return value == row[0]; });
}

}  // namespace

template <class T>
bool some_coincide(const T* x, std::ptrdiff_t stride, std::ptrdiff_t points, int dimensions) {
  for (int d = 0; d < dimensions; d++) {
    if (flat(x + d * stride, points)) return true;
  }
  return !doubles(x, stride, points, dimensions).empty();
}

template <class T>
void part_coincident(T* x, std::ptrdiff_t stride, std::ptrdiff_t points, int dimensions, double amount) {
  std::uint64_t state = 0x9E3779B97F4A7C15;
  const auto shake = [&] {  // in [-amount, amount)
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<T>((static_cast<double>(state >> 11) * 0x1p-52 - 1) * amount);
  };
  for (const std::ptrdiff_t i : doubles(x, stride, points, dimensions)) {
    for (int d = 0; d < dimensions; d++) x[d * stride + i] += shake();
  }
  for (int d = 0; d < dimensions; d++) {
    T* const row = x + d * stride;
    if (flat(row, points)) std::for_each(row, row + points, [&](T& value) { value += shake(); });
  }
}

template <class T>
RowCallback<T>::RowCallback(const MdsOptions<T>& options, std::ptrdiff_t points, std::ptrdiff_t stride)
    : options_(options),
      points_(points),
      stride_(stride),
      rows_(options.callback == nullptr ? 0 : static_cast<std::size_t>(points) * options.dimensions * sizeof(T)) {}

template <class T>
void RowCallback<T>::install(MinimiseOptions<T>* options) {
  if (options_.callback == nullptr) return;
  options->context = this;
  options->callback = [](void* context, std::int64_t iteration, const T* x, double loss) {
    return (*static_cast<RowCallback*>(context))(iteration, x, loss);
  };
}

template <class T>
bool RowCallback<T>::operator()(std::int64_t iteration, const T* x, double loss) {
  if (options_.callback == nullptr) return false;
  T* const rows = reinterpret_cast<T*>(rows_.data());
  to_rows(x, stride_, points_, options_.dimensions, rows);
  return options_.callback(options_.context, iteration, rows, loss);
}

#define FASTCV_POSITIONS(T)                                                        \
  template void to_coordinates(const T*, std::ptrdiff_t, int, T*, std::ptrdiff_t); \
  template void to_rows(const T*, std::ptrdiff_t, std::ptrdiff_t, int, T*);        \
  template void centre(T*, std::ptrdiff_t, std::ptrdiff_t, int);                   \
  template bool some_coincide(const T*, std::ptrdiff_t, std::ptrdiff_t, int);      \
  template void part_coincident(T*, std::ptrdiff_t, std::ptrdiff_t, int, double);  \
  template class RowCallback<T>;
FASTCV_POSITIONS(float)
FASTCV_POSITIONS(double)
#undef FASTCV_POSITIONS

}  // namespace fastcv::mds
