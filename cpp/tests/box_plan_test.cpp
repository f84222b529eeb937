// The axis plan: whatever it folds into `extra`, the windows it describes are those of the definition.
#include "box_blur/plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include <map>

#include "test_images.hpp"

namespace fastcv::testing {
namespace {

using Weights = std::map<std::ptrdiff_t, std::int64_t>;

Weights planned(const box::AxisPlan& plan, std::ptrdiff_t x) {
  Weights w;
  for (std::ptrdiff_t p = x; p < x + plan.window; p++) w[plan.source(p)]++;
  for (const auto& term : plan.extra) w[term.index] += term.weight;
  if (plan.border == Border::kShrink) w.erase(box::kOutside);
  for (auto it = w.begin(); it != w.end();) it = it->second == 0 ? w.erase(it) : std::next(it);
  return w;
}

Weights defined(std::ptrdiff_t x, std::ptrdiff_t n, std::int64_t ksize, std::int64_t anchor, Border border) {
  Weights w;
  for (const auto& term : reference::window_of(x, n, ksize, anchor, border)) w[term.index] += term.weight;
  if (border == Border::kShrink) w.erase(reference::kNowhere);
  return w;
}

TEST(BoxPlan, BorderIndex) {
  for (const Border border : kBorders)
    for (std::ptrdiff_t n = 1; n <= 9; n++)
      for (std::ptrdiff_t i = -100; i <= 100; i++)
        ASSERT_EQ(box::border_index(i, n, border), reference::continued(i, n, border))
            << name(border) << " n " << n << " i " << i;
}

void check(std::ptrdiff_t n, std::int64_t ksize, std::int64_t anchor, Border border) {
  const box::AxisPlan plan(n, ksize, anchor, border);
  SCOPED_TRACE(::testing::Message() << name(border) << " n " << n << " ksize " << ksize << " anchor " << anchor);
  ASSERT_GE(plan.window, 0);
  ASSERT_LE(plan.window, std::max<std::ptrdiff_t>(5 * n, 16)) << "the cost would grow with the window";
  ASSERT_EQ(plan.padded(), n + plan.window - 1);
  for (std::ptrdiff_t x = 0; x < n; x++) {
    const Weights w = defined(x, n, ksize, anchor, border);
    ASSERT_EQ(planned(plan, x), w) << "x " << x;
    std::int64_t inside = 0;
    if (border == Border::kShrink || border == Border::kConstant) {
      for (const auto& [index, weight] : w) inside += index >= 0 ? weight : 0;
      ASSERT_EQ(plan.count(x), inside);
    }
  }
}

TEST(BoxPlan, EverySmallWindow) {
  for (const Border border : kBorders)
    for (std::ptrdiff_t n = 1; n <= 12; n++)
      for (std::int64_t ksize = 1; ksize <= 70; ksize++)
        for (std::int64_t anchor = 0; anchor < ksize; anchor++) {
          check(n, ksize, anchor, border);
          if (::testing::Test::HasFatalFailure()) return;
        }
}

TEST(BoxPlan, HugeWindows) {
  constexpr std::int64_t kHuge = (std::int64_t{1} << 31) - 1;
  for (const Border border : kBorders)
    for (const std::ptrdiff_t n : {1, 2, 3, 10, 150})
      for (const std::int64_t ksize : {std::int64_t{1000000}, kHuge - 1, kHuge})
        for (const std::int64_t anchor : {std::int64_t{0}, std::int64_t{1}, ksize / 2, ksize - 2, ksize - 1}) {
          check(n, ksize, anchor, border);
          if (::testing::Test::HasFatalFailure()) return;
        }
}

}  // namespace
}  // namespace fastcv::testing
