// Gradient descent on s-stress the way the published C++ does it: matrices column by column (as Eigen stores them),
// scalar loops, one parallel region a step, the gradient summed in memory. For the benchmark only.
#include <cstddef>
#include <vector>

extern "C" void descend(float* x, const float* distances, std::ptrdiff_t n, std::ptrdiff_t dimensions, float rate,
                        std::ptrdiff_t steps) {
  std::vector<float> gradient(n * dimensions);
  for (std::ptrdiff_t step = 0; step < steps; step++) {
#pragma omp parallel for
    for (std::ptrdiff_t i = 0; i < n; i++) {
      for (std::ptrdiff_t c = 0; c < dimensions; c++) gradient[c * n + i] = 0;
      for (std::ptrdiff_t j = 0; j < n; j++) {
        float square = 0;
        for (std::ptrdiff_t c = 0; c < dimensions; c++) {
          const float delta = x[c * n + i] - x[c * n + j];
          square += delta * delta;
        }
        const float measured = distances[j * n + i];
        for (std::ptrdiff_t c = 0; c < dimensions; c++)
          gradient[c * n + i] += 4 * (square - measured * measured) * (x[c * n + i] - x[c * n + j]);
      }
    }
    for (std::ptrdiff_t k = 0; k < n * dimensions; k++) x[k] -= rate * gradient[k];
  }
}
