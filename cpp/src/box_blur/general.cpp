#include "box_blur/general.hpp"

#include <cmath>
#include <limits>
#include <type_traits>

namespace fastcv::box {
namespace {

template <class T>
using Sum = std::conditional_t<std::is_floating_point_v<T>, double, std::int64_t>;

template <class T>
Sum<T> outside_value(const GeneralJob<T>& job, std::ptrdiff_t channel) {
  const bool constant = job.columns->border == Border::kConstant && job.border_value;
  return constant ? static_cast<Sum<T>>(static_cast<T>(job.border_value[channel])) : 0;
}

template <class T>
Sum<T> value_at(const GeneralJob<T>& job, std::ptrdiff_t y, std::ptrdiff_t x, std::ptrdiff_t c) {
  const bool outside = y == kOutside || x == kOutside;
  auto channel = [&](std::ptrdiff_t k) {
    return outside ? outside_value(job, k) : static_cast<Sum<T>>(job.in.row(y)[x * job.in.channels + k]);
  };
  const bool weighted = job.alpha == Alpha::kPremultiplied && c < 3;
  return weighted ? channel(c) * channel(3) : channel(c);
}

// The windowed sum along one axis at output position `at`.
template <class S, class Fn>
S axis_sum(const AxisPlan& plan, std::ptrdiff_t at, Fn&& value) {
  S sum = 0;
  for (std::ptrdiff_t p = at; p < at + plan.window; p++) sum += value(plan.source(p));
  for (const AxisPlan::Term& term : plan.extra) sum += static_cast<S>(term.weight) * value(term.index);
  return sum;
}

std::int64_t axis_count(const AxisPlan& plan, std::ptrdiff_t at) {
  return plan.border == Border::kShrink ? plan.count(at) : plan.ksize;
}

template <class T>
T mean(Sum<T> sum, Sum<T> n, Rounding rounding) {
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(sum / n);
  } else {
    std::int64_t quotient = sum / n, rest = sum % n;
    if (rounding == Rounding::kFloor) return static_cast<T>(quotient);
    const bool tie = 2 * rest == n;
    const bool up = tie ? rounding == Rounding::kNearest || quotient % 2 : 2 * rest > n;
    return static_cast<T>(quotient + up);
  }
}

}  // namespace

template <class T>
std::size_t general_scratch_bytes(const GeneralJob<T>& job) {
  return (static_cast<std::size_t>(job.in.row_values()) + job.in.channels) * sizeof(Sum<T>);
}

template <class T>
void general_blur(const GeneralJob<T>& job, const Rectangle& part, std::byte* scratch, Band& band) {
  const std::ptrdiff_t channels = job.in.channels;
  Sum<T>* sums = reinterpret_cast<Sum<T>*>(scratch) + channels;  // column kOutside stands before column 0
  for (std::ptrdiff_t y = part.y0; y < part.y1; y++) {
    if (y % 16 == 0) band.checkpoint();
    for (std::ptrdiff_t x = kOutside; x < job.in.width; x++)
      for (std::ptrdiff_t c = 0; c < channels; c++)
        sums[x * channels + c] =
            axis_sum<Sum<T>>(*job.rows, y, [&](std::ptrdiff_t row) { return value_at(job, row, x, c); });
    if (job.rows->border == Border::kShrink)
      for (std::ptrdiff_t c = 0; c < channels; c++) sums[c - channels] = 0;
    for (std::ptrdiff_t x = part.x0; x < part.x1; x++) {
      T* out = job.out.row(y) + x * channels;
      const Sum<T> area = static_cast<Sum<T>>(axis_count(*job.rows, y)) * axis_count(*job.columns, x);
      auto total = [&](std::ptrdiff_t c) {
        return axis_sum<Sum<T>>(*job.columns, x,
                                [&](std::ptrdiff_t column) { return sums[column * channels + c]; });
      };
      for (std::ptrdiff_t c = 0; c < channels; c++) {
        if (job.alpha == Alpha::kPremultiplied && c < 3) {
          const Sum<T> alpha = total(3);
          out[c] = alpha == 0 ? T(0) : mean<T>(total(c), alpha, job.rounding);
        } else {
          out[c] = mean<T>(total(c), area, job.rounding);
        }
      }
    }
  }
}

#define FASTCV_INSTANTIATE(T)                                              \
  template std::size_t general_scratch_bytes<T>(const GeneralJob<T>& job); \
  template void general_blur<T>(const GeneralJob<T>& job, const Rectangle& part, std::byte* scratch, Band& band);
FASTCV_INSTANTIATE(std::uint8_t)
FASTCV_INSTANTIATE(std::uint16_t)
FASTCV_INSTANTIATE(float)
FASTCV_INSTANTIATE(double)
#undef FASTCV_INSTANTIATE

}  // namespace fastcv::box
