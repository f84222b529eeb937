// The step that gradient descent takes when it is not told one.
//
// Stress: 1 / (2 n) is SMACOF's step, below 1 / n the stress never rises, whatever the scale (J. de Leeuw and W. J.
// Heiser, 1980); 0.9 / n converges fastest in practice.
//
// S-stress: near a solution, scaling all points has the curvature 8 n q with q = mean D^4 / mean D^2, and what is
// steeper is not by much; a step must stay below 2 over the curvature. Away from it the curvature of scaling is below
// 12 n times the same quotient of the distances in space. What these miss is caught: a loss that rises halves the step
// for good.
#pragma once

#include <cstdint>

#include "mds/descent_slope.hpp"

namespace fastcv::mds {

class AutoRate {
 public:
  static constexpr std::int64_t kSteps = 16;  // between two looks at the loss

  AutoRate(DescentLoss loss, std::ptrdiff_t points, const DistanceSums& sums, double epsilon);
  // For the next steps from x (coordinate after coordinate).
  template <class T>
  double rate(const T* x, std::ptrdiff_t stride, int dimensions);
  // Whether `loss` is what a stable descent may have come to from the last accepted one.
  bool accept(double loss);
  // Halves the step for good; false when that has been done too often.
  bool lower();

 private:
  DescentLoss loss_;
  double points_, quotient_, floor_, slack_;
  double last_ = -1, share_ = 1;
  int lowered_ = 0;
  bool settled_ = false;  // the points' own scale no longer decides
};

}  // namespace fastcv::mds
