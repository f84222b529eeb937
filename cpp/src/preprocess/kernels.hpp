// The kernels, fastest first.
#pragma once

#include "preprocess/plan.hpp"

namespace fastcv::preprocess {

Plan make_plan(const PreprocessOptions& options, const PlanKey& key, const Placement& placement,
               std::ptrdiff_t out_channels);

// Each sets the plan's kernel, scratch and tables, or returns false when it is not for this plan.
bool plan_window(Plan* plan);         // 8-bit, one or two taps, AVX-512, not too far apart
bool plan_pixels(Plan* plan);         // 8-bit, one or two taps, three or four channels
bool plan_filter_window(Plan* plan);  // 8-bit, AVX-512, not too far apart
bool plan_filter_pixel(Plan* plan);   // 8-bit, three or four channels, not very many rows
bool plan_general(Plan* plan);        // all plans

inline void choose_kernel(Plan* plan) {
  if (!plan_window(plan) && !plan_pixels(plan) && !plan_filter_window(plan) && !plan_filter_pixel(plan))
    plan_general(plan);
}

// Floats to `type`, as results are.
void convert_values(PixelType type, const float* from, std::ptrdiff_t count, void* to);

}  // namespace fastcv::preprocess
