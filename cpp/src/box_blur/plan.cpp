#include "box_blur/plan.hpp"

#include <algorithm>

namespace fastcv::box {
namespace {

// Windows up to this size are walked as they are even beyond a tiny image: folding them would cost more.
constexpr std::int64_t kSmallWindow = 16;

bool periodic(Border border) {
  return border == Border::kReflect101 || border == Border::kReflect || border == Border::kWrap;
}

std::ptrdiff_t period_of(std::ptrdiff_t n, Border border) {
  if (n == 1 || border == Border::kWrap) return n;
  return border == Border::kReflect ? 2 * n : 2 * n - 2;
}

}  // namespace

std::ptrdiff_t border_index(std::ptrdiff_t i, std::ptrdiff_t n, Border border) {
  if (i >= 0 && i < n) return i;
  if (border == Border::kClamp) return i < 0 ? 0 : n - 1;
  if (!periodic(border)) return kOutside;
  const std::ptrdiff_t period = period_of(n, border);
  i %= period;
  if (i < 0) i += period;
  if (i < n) return i;
  return border == Border::kReflect ? period - 1 - i : period - i;
}

AxisPlan::AxisPlan(std::ptrdiff_t length, std::int64_t size, std::int64_t anchor_at, Border mode)
    : n(length), ksize(size), anchor(anchor_at), border(mode), window(size), lead(anchor_at) {
  if (ksize <= kSmallWindow) return;
  if (periodic(border)) {
    const std::ptrdiff_t period = period_of(n, border);
    if (ksize < 2 * period) return;
    const std::int64_t repeats = ksize / period;
    window = ksize % period;
    lead = anchor % period;
    std::vector<std::int64_t> weights(n, 0);
    for (std::ptrdiff_t i = 0; i < period; i++) weights[border_index(i, n, border)] += repeats;
    for (std::ptrdiff_t i = 0; i < n; i++) extra.push_back({i, weights[i]});
    return;
  }
  const std::int64_t before = std::max<std::int64_t>(0, anchor - (n - 1));
  const std::int64_t after = std::max<std::int64_t>(0, ksize - 1 - anchor - (n - 1));
  window = ksize - before - after;
  lead = anchor - before;
  if (border == Border::kShrink) return;
  const bool clamp = border == Border::kClamp;
  if (before) extra.push_back({clamp ? 0 : kOutside, before});
  if (after) extra.push_back({clamp ? n - 1 : kOutside, after});
}

std::int64_t AxisPlan::count(std::ptrdiff_t x) const {
  const std::int64_t first = std::max<std::int64_t>(0, x - anchor);
  const std::int64_t last = std::min<std::int64_t>(n - 1, x - anchor + ksize - 1);
  return last < first ? 0 : last - first + 1;
}

}  // namespace fastcv::box
