#include "preprocess/plan.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "preprocess/kernels.hpp"

namespace fastcv::preprocess {
namespace {

double per_channel(const std::vector<double>& values, std::ptrdiff_t k) {
  return values.size() == 1 ? values[0] : values[static_cast<std::size_t>(k)];
}

double default_scale(PixelType in, PixelType out) {
  if (out == PixelType::kUint8 || in == PixelType::kFloat32) return 1;
  return in == PixelType::kUint8 ? 1 / 255.0 : 1 / 65535.0;
}

void set_channels(const PreprocessOptions& o, Plan* plan) {
  const std::ptrdiff_t in = plan->key.channels, out = plan->out_channels;
  const double scale = std::isnan(o.scale) ? default_scale(plan->key.type, o.dtype) : o.scale;
  for (std::ptrdiff_t k = 0; k < out; k++) {
    const std::ptrdiff_t from = in == 1 ? 0 : k;
    plan->source_channel.push_back(o.reverse_channels && in > 1 ? out - 1 - from : from);
    const double inverse = 1 / (per_channel(o.std, k) + o.std_eps);
    plan->gain.push_back(static_cast<float>(scale * inverse));
    plan->bias.push_back(static_cast<float>(-per_channel(o.mean, k) * inverse));
  }
  const bool overshoots = o.interpolation == Interpolation::kBicubic || o.interpolation == Interpolation::kLanczos;
  plan->clip = o.clip && overshoots && plan->key.type != PixelType::kFloat32;
  plan->high = plan->key.type == PixelType::kUint8 ? 255.0f : 65535.0f;
}

// What a pixel of that value would give.
float padding_value(const PreprocessOptions& o, const Plan& plan, std::ptrdiff_t k) {
  const double value = per_channel(o.pad_value, k);
  if (o.pad_normalized) return static_cast<float>(value);
  const double unit = plan.key.type == PixelType::kUint8 ? 1 : plan.key.type == PixelType::kUint16 ? 257 : 1 / 255.0;
  return std::fma(static_cast<float>(value * unit), plan.gain[k], plan.bias[k]);
}

void set_padding(const PreprocessOptions& o, Plan* plan) {
  const AxisPlacement &y = plan->placement.y, &x = plan->placement.x;
  if (y.count == y.size && x.count == x.size) return;
  const std::ptrdiff_t values = checked_mul(plan->out_channels, x.size, "Preprocess: size");
  std::vector<float> row(static_cast<std::size_t>(values));
  for (std::ptrdiff_t i = 0; i < values; i++) {
    row[i] = padding_value(o, *plan, o.layout == PixelLayout::kChw ? i / x.size : i % plan->out_channels);
  }
  plan->padding.resize(static_cast<std::size_t>(values * Plan::item_size(o.dtype)));
  convert_values(o.dtype, row.data(), values, plan->padding.data());
}

// Every row that is read, once; and the target.
std::ptrdiff_t work_bytes(const Plan& plan) {
  const std::ptrdiff_t needed =
      std::min(plan.key.height, checked_mul(plan.rows.count, plan.rows.taps, "Preprocess: image"));
  const std::ptrdiff_t source = checked_mul(needed, plan.row_bytes(), "Preprocess: image");
  const std::ptrdiff_t row =
      checked_mul(plan.placement.x.size, plan.out_channels * Plan::item_size(plan.dtype), "Preprocess: size");
  return source / 2 + checked_mul(row, plan.placement.y.size, "Preprocess: size") / 2;
}

}  // namespace

Plan make_plan(const PreprocessOptions& o, const PlanKey& key, const Placement& placement,
               std::ptrdiff_t out_channels) {
  Plan plan;
  plan.key = key;
  plan.placement = placement;
  plan.interpolation = o.interpolation;
  plan.out_channels = out_channels;
  plan.layout = o.layout;
  plan.dtype = o.dtype;
  plan.rows = make_taps(placement.y, o.interpolation, o.antialias);
  plan.columns = make_taps(placement.x, o.interpolation, o.antialias);
  set_channels(o, &plan);
  set_padding(o, &plan);
  plan.work_bytes = work_bytes(plan);
  choose_kernel(&plan);
  return plan;
}

}  // namespace fastcv::preprocess
