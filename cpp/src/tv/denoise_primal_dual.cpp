// The proven solver: memory, steps and order of work.
#include "tv/denoise_primal_dual.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace fastcv::tv {
namespace {

enum Field : int { kU, kBar, kF, kQ };            // kQ + axis
constexpr int kState[] = {kU, kBar, kQ, kQ + 1};  // of two axes, what goes from one iteration to the next
constexpr std::ptrdiff_t kGrain = 16 << 10;       // pixels a band
constexpr std::ptrdiff_t kAtOnce = 32 << 10;      // pixels between two looks for Ctrl-C

}  // namespace

template <class T>
PrimalDualSolver<T>::PrimalDualSolver(const PlaneShape& shape, double weight, const T* weights, int threads)
    : shape_(shape),
      threads_(threads),
      kernels_(primal_dual_kernels<T>()),
      lines_(checked_mul(shape.depth, shape.rows, "denoise_tv: the image")),
      pitch_((shape.columns + kernels_.lanes - 1) / kernels_.lanes * kernels_.lanes + 2 * kernels_.lanes),
      weight_(weight),
      largest_weight_(weight) {
  if (pitch_ * sizeof(T) % 4096 == 0) pitch_ += 64 / sizeof(T);
  plane_ = checked_mul(pitch_, lines_, "denoise_tv: the image");
  const std::ptrdiff_t planes = (kQ + shape.axes()) * shape.channels + (weights != nullptr ? 1 : 0);
  const std::ptrdiff_t values = checked_mul(plane_, planes, "denoise_tv: the image");
  state_.emplace(checked_mul(values, sizeof(T), "denoise_tv: the image"));
  fields_ = reinterpret_cast<T*>(state_->data());
  if (weights != nullptr) {
    weights_ = fields_ + plane_ * (planes - 1);
    T largest = 0;
    for (std::ptrdiff_t y = 0; y < lines_; y++) {
      T* to = weights_ + y * pitch_;
      std::fill_n(to, pitch_, T(0));
      for (std::ptrdiff_t x = 0; x < shape_.columns; x++) {
        to[kernels_.lanes + x] = static_cast<T>(weight * static_cast<double>(weights[y * shape_.columns + x]));
        largest = std::max(largest, to[kernels_.lanes + x]);
      }
    }
    largest_weight_ = static_cast<double>(largest);
  }
}

template <class T>
T* PrimalDualSolver<T>::at(int field, int channel, std::ptrdiff_t y) const {
  return fields_ + (field * shape_.channels + channel) * plane_ + y * pitch_ + kernels_.lanes;
}

template <class T>
Line<T> PrimalDualSolver<T>::line(std::ptrdiff_t y) const {
  Line<T> l{at(kU, 0, y), at(kBar, 0, y), at(kF, 0, y), {}, {}, {}, nullptr};
  if (weights_ != nullptr) l.weight = weights_ + y * pitch_ + kernels_.lanes;
  const std::ptrdiff_t row = y % shape_.rows;
  for (int axis = 0; axis < shape_.axes(); axis++) {
    l.q[axis] = at(kQ + axis, 0, y);
    if (axis == shape_.axes() - 1) continue;
    const bool along_z = shape_.axes() == 3 && axis == 0;
    const std::ptrdiff_t step = along_z ? shape_.rows : 1;
    const bool first = along_z ? y < shape_.rows : row == 0;
    const bool last = along_z ? y + shape_.rows >= lines_ : row == shape_.rows - 1;
    l.before[axis] = first ? nullptr : at(kQ + axis, 0, y - step);
    l.after[axis] = last ? 0 : step * pitch_;
  }
  return l;
}

template <class T>
PrimalDualJob<T> PrimalDualSolver<T>::job() const {
  constexpr T kEpsilon = std::numeric_limits<T>::epsilon();
  return {shape_.columns,
          plane_,
          shape_.channels,
          shape_.axes(),
          shape_.isotropic,
          static_cast<T>(weight_),
          1 - (4 + shape_.channels) * kEpsilon,
          static_cast<T>(sigma_),
          static_cast<T>(tau_),
          static_cast<T>(1 / (1 + tau_)),
          static_cast<T>(theta_),
          range_.low,
          range_.high};
}

template <class T>
template <class Fn>
void PrimalDualSolver<T>::each_line(const Fn& fn) const {
  const std::ptrdiff_t line_pixels = shape_.columns * shape_.channels;
  const std::ptrdiff_t at_once = std::max<std::ptrdiff_t>(1, kAtOnce / std::max<std::ptrdiff_t>(1, line_pixels));
  parallel_rows(lines_, std::max<std::ptrdiff_t>(1, kGrain / line_pixels), threads_, [&](Band& band) {
    for (std::ptrdiff_t y = band.begin; y < band.end; y++) {
      if ((y - band.begin) % at_once == 0) band.checkpoint();
      fn(y);
    }
  });
}

template <class T>
void PrimalDualSolver<T>::load(const PlaneIo<T>& io) {
  const std::ptrdiff_t values = plane_ * (kQ + shape_.axes()) * shape_.channels;
  for (std::ptrdiff_t i = 0; i < values; i += kAtOnce) {
    check_interrupt();
    std::fill_n(fields_ + i, std::min(kAtOnce, values - i), T(0));
  }
  missing_ = 0;
  for (int c = 0; c < shape_.channels; c++) {
    T low = std::numeric_limits<T>::infinity(), high = -low;
    for (std::ptrdiff_t y = 0; y < lines_; y++) {
      check_interrupt();
      T* f = at(kF, c, y);
      io.read(io.context, c, y, 0, shape_.columns, f);
      for (std::ptrdiff_t x = 0; x < shape_.columns; x++) {
        low = f[x] < low ? f[x] : low;
        high = f[x] > high ? f[x] : high;
        missing_ += f[x] != f[x];
      }
    }
    range_.low[c] = low;
    range_.high[c] = high;
  }
  for (int c = 0; c < shape_.channels; c++) {
    for (std::ptrdiff_t y = 0; y < lines_; y++) {
      check_interrupt();
      std::copy_n(at(kF, c, y), shape_.columns, at(kU, c, y));
    }
  }
  if (missing_ > 0) fill_missing();
  for (int c = 0; c < shape_.channels; c++) {
    for (std::ptrdiff_t y = 0; y < lines_; y++) {
      check_interrupt();
      T* u = at(kU, c, y);
      pad(u);
      std::copy_n(u, shape_.columns + kernels_.lanes, at(kBar, c, y));
    }
  }
  reset_steps();
}

// Behind the last column.
template <class T>
void PrimalDualSolver<T>::pad(T* row) const {
  std::fill_n(row + shape_.columns, kernels_.lanes, row[shape_.columns - 1]);
}

template <class T>
void PrimalDualSolver<T>::take(int channel, std::ptrdiff_t y, T* const* fields) const {
  for (int i = 0; i < kFields; i++) std::copy_n(at(kState[i], channel, y), shape_.columns, fields[i]);
}

template <class T>
void PrimalDualSolver<T>::put(int channel, std::ptrdiff_t y, const T* const* fields) {
  for (int i = 0; i < kFields; i++) std::copy_n(fields[i], shape_.columns, at(kState[i], channel, y));
  pad(at(kU, channel, y));
  pad(at(kBar, channel, y));
}

template <class T>
void PrimalDualSolver<T>::resume(std::int64_t before) {
  reset_steps();
  for (std::int64_t k = 0; k < before; k++) next_steps();
}

template <class T>
void PrimalDualSolver<T>::next_steps() {
  theta_ = gamma_ > 0 ? 1 / std::sqrt(1 + 2 * gamma_ * tau_) : 1;
  tau_ *= theta_;
  sigma_ /= theta_;
}

template <class T>
void PrimalDualSolver<T>::reset_steps() {
  // gamma below the modulus 1 of strong convexity, as is usual: it is faster at the accuracies asked for.
  gamma_ = missing_ == 0 ? 0.7 : 0;
  tau_ = 1;
  sigma_ = 1 / (4.0 * shape_.axes());  // sigma tau |grad|^2 = 1
  theta_ = 1;
}

template <class T>
void PrimalDualSolver<T>::set_weight(double weight) {
  weight_ = largest_weight_ = weight;
  reset_steps();
}

// A first guess for missing pixels: between the nearest measured ones in the four directions, the nearer the heavier.
template <class T>
void PrimalDualSolver<T>::fill_missing() {
  const std::ptrdiff_t columns = shape_.columns, rows = shape_.rows;
  for (int c = 0; c < shape_.channels; c++) {
    for (std::ptrdiff_t z = 0; z < shape_.depth; z++) {
      // Fields that are 0 yet, and not in use: the first one of q is made 0 again.
      const auto sum = [&](std::ptrdiff_t y) { return at(kBar, c, z * rows + y); };
      const auto weight = [&](std::ptrdiff_t y) { return at(kQ, c, z * rows + y); };
      const auto sweep = [&](std::ptrdiff_t lines, std::ptrdiff_t length, bool across, bool backwards) {
        for (std::ptrdiff_t i = 0; i < lines; i++) {
          check_interrupt();
          double value = 0, distance = 0;
          for (std::ptrdiff_t j = 0; j < length; j++) {
            const std::ptrdiff_t k = backwards ? length - 1 - j : j;
            const std::ptrdiff_t y = across ? i : k, x = across ? k : i;
            const T f = at(kF, c, z * rows + y)[x];
            if (f == f) {
              value = static_cast<double>(f);
              distance = 1;
            } else if (distance > 0) {
              sum(y)[x] += static_cast<T>(value / distance);
              weight(y)[x] += static_cast<T>(1 / distance);
              distance++;
            }
          }
        }
      };
      for (const bool backwards : {false, true}) {
        sweep(rows, columns, true, backwards);
        sweep(columns, rows, false, backwards);
      }
      const double middle = 0.5 * (static_cast<double>(range_.low[c]) + static_cast<double>(range_.high[c]));
      for (std::ptrdiff_t y = 0; y < rows; y++) {
        check_interrupt();
        const T* f = at(kF, c, z * rows + y);
        T* u = at(kU, c, z * rows + y);
        for (std::ptrdiff_t x = 0; x < columns; x++) {
          if (f[x] != f[x]) u[x] = weight(y)[x] > 0 ? sum(y)[x] / weight(y)[x] : static_cast<T>(middle);
        }
        std::fill_n(weight(y), columns, T(0));
      }
    }
  }
}

template <class T>
void PrimalDualSolver<T>::start(const PlaneDual<T>& dual) {
  for (int c = 0; c < shape_.channels; c++) {
    for (int axis = 0; axis < shape_.axes(); axis++) {
      for (std::ptrdiff_t y = 0; y < lines_; y++) {
        check_interrupt();
        std::copy_n(dual.row(c, axis, y), shape_.columns, at(kQ + axis, c, y));
      }
    }
  }
  if (missing_ > 0) return;
  PrimalDualJob<T> jump = job();  // to u = f + div q
  jump.tau = T(1e6);
  jump.shrink = T(1e-6);
  jump.theta = 0;
  each_line([&](std::ptrdiff_t y) { kernels_.primal(jump, line(y)); });
}

template <class T>
void PrimalDualSolver<T>::run(std::int64_t iterations) {
  for (std::int64_t k = 0; k < iterations; k++) {
    check_interrupt();
    PrimalDualJob<T> now = job();
    next_steps();
    now.theta = static_cast<T>(theta_);
    each_line([&](std::ptrdiff_t y) { kernels_.dual(now, line(y)); });
    each_line([&](std::ptrdiff_t y) { kernels_.primal(now, line(y)); });
  }
}

template <class T>
std::vector<Sums> PrimalDualSolver<T>::check_rows(const PlaneIo<T>& io, const PlaneDual<T>* dual) const {
  std::vector<Sums> sums(lines_);
  const PrimalDualJob<T> now = job();
  each_line([&](std::ptrdiff_t y) {
    kernels_.check(now, line(y), &sums[y]);
    for (int c = 0; c < shape_.channels; c++) {
      sums[y].rounding += io.write(io.context, c, y, 0, shape_.columns, at(kU, c, y));
      if (dual == nullptr) continue;
      for (int axis = 0; axis < shape_.axes(); axis++) {
        std::copy_n(at(kQ + axis, c, y), shape_.columns, dual->row(c, axis, y));
      }
    }
  });
  return sums;
}

template <class T>
Certificate PrimalDualSolver<T>::check(const PlaneIo<T>& io, const PlaneDual<T>* dual) {
  Sums total;
  for (const Sums& s : check_rows(io, dual)) total += s;
  return certify_primal_dual(total, shape_, range_, largest_weight_);
}

template class PrimalDualSolver<float>;
template class PrimalDualSolver<double>;

}  // namespace fastcv::tv
