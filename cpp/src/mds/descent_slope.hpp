// The gradient that is descended, computed in the way that suits the number of points and the distances.
#pragma once

#include <cstdint>
#include <memory>

#include "fastcv/mds.hpp"

namespace fastcv::mds {

// Sums over pairs, each once, and what a step of automatic length must know.
struct DistanceSums {
  double squares = 0, fourths = 0;
  bool symmetric = true;
};

template <class T>
class Slope {
 public:
  virtual ~Slope() = default;
  // G(x) into g, both stored coordinate after coordinate with zeros behind the last point; returns the loss.
  virtual double gradient(const T* x, T* g) = 0;
  // `steps` times x <- x - rate G(x); g is scratch memory. The bytes that gradient() and step() give.
  virtual void descend(T* x, T* g, double rate, std::int64_t steps) = 0;
  virtual void step(T* x, const T* g, double rate) = 0;
  const DistanceSums& sums() const { return sums_; }

 protected:
  DistanceSums sums_;
};

// Checks the distances. They must outlive the result, which reads them again when they are not symmetric.
template <class T>
std::unique_ptr<Slope<T>> make_slope(DescentLoss loss, std::ptrdiff_t points, int dimensions,
                                     const DistancesView& distances, int threads);

}  // namespace fastcv::mds
