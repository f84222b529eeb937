#include "preprocess/tables.hpp"

#include <algorithm>
#include <cmath>

namespace fastcv::preprocess {
bool all_positive(const Taps& taps) {
  return std::all_of(taps.weight.begin(), taps.weight.end(), [](float w) { return w >= 0 && w <= 1; });
}

bool is_common_image(const Plan& plan) {
  const std::ptrdiff_t channels = plan.key.channels;
  return plan.key.type == PixelType::kUint8 && (channels == 1 || channels == 3 || channels == 4);
}

bool has_two_taps(const Plan& plan) {
  return plan.rows.taps <= 2 && plan.columns.taps <= 2 && all_positive(plan.rows) && all_positive(plan.columns);
}

bool has_one_tap(const Plan& plan) { return plan.rows.taps == 1 && plan.columns.taps == 1; }

bool keeps_bytes(const Plan& plan) {
  const auto all = [](const std::vector<float>& values, float v) {
    return std::all_of(values.begin(), values.end(), [v](float w) { return w == v; });
  };
  return has_one_tap(plan) && plan.dtype == PixelType::kUint8 && all(plan.gain, 1) && all(plan.bias, 0);
}

namespace {

int second_weight(const Taps& taps, std::ptrdiff_t i) {
  return taps.taps > 1 ? static_cast<int>(std::lrint(std::ldexp(taps.weights(i)[1], kTwoBits))) : 0;
}

}  // namespace

void set_two_rows(const Plan& plan, Tables* tables) {
  for (std::ptrdiff_t y = 0; y < plan.rows.count; y++) tables->second.push_back(second_weight(plan.rows, y));
}

void add_two_columns(const Plan& plan, std::ptrdiff_t x, Tables* tables) {
  const int second = second_weight(plan.columns, std::min(x, plan.columns.count - 1));
  tables->weight.push_back(static_cast<std::int16_t>(second - (1 << kTwoBits)));
  tables->weight.push_back(static_cast<std::int16_t>(-second));
}

namespace {

// The running sum is rounded: what one loses the next one gets, and the whole is exact.
void round_running_sum(const float* weight, std::ptrdiff_t count, int bits, std::int32_t* to) {
  double sum = 0;
  std::int32_t given = 0;
  for (std::ptrdiff_t t = 0; t < count; t++) {
    sum += static_cast<double>(weight[t]);
    const auto until = static_cast<std::int32_t>(std::lrint(std::ldexp(sum, bits)));
    to[t] = weight[t] == 0 ? 0 : until - given;
    given += to[t];
  }
}

// Each to the nearest; those that lost or got most make up for what is then missing of the whole.
void round_to_nearest(const float* weight, std::ptrdiff_t count, int bits, std::int32_t* to) {
  double sum = 0;
  std::int32_t given = 0;
  for (std::ptrdiff_t t = 0; t < count; t++) {
    sum += static_cast<double>(weight[t]);
    to[t] = static_cast<std::int32_t>(std::lrint(std::ldexp(static_cast<double>(weight[t]), bits)));
    given += to[t];
  }
  auto missing = static_cast<std::int32_t>(std::lrint(std::ldexp(sum, bits))) - given;
  const int step = missing < 0 ? -1 : 1;
  for (; missing != 0; missing -= step) {
    std::ptrdiff_t most = 0;
    double largest = -HUGE_VAL;
    for (std::ptrdiff_t t = 0; t < count; t++) {
      const double lost = step * (std::ldexp(static_cast<double>(weight[t]), bits) - to[t]);
      if (weight[t] != 0 && lost > largest) most = t, largest = lost;
    }
    to[most] += step;
  }
}

}  // namespace

void integer_taps(const Taps& taps, std::ptrdiff_t i, int bits, std::int32_t* to) {
  constexpr std::ptrdiff_t kFew = 64;  // the second is more exact, and takes the square of the taps
  if (taps.taps > kFew) return round_running_sum(taps.weights(i), taps.taps, bits, to);
  round_to_nearest(taps.weights(i), taps.taps, bits, to);
}

double largest_sum(const Taps& taps) {  // of |weights|
  double largest = 0;
  for (std::ptrdiff_t i = 0; i < taps.count; i++) {
    double sum = 0;
    for (std::ptrdiff_t t = 0; t < taps.taps; t++) sum += std::fabs(static_cast<double>(taps.weights(i)[t]));
    largest = std::max(largest, sum);
  }
  return largest;
}

namespace {

// What rounding the weights of one axis may cost.
double levels_lost(const Taps& taps, int bits) {
  std::vector<std::int32_t> rounded(static_cast<std::size_t>(taps.taps));
  double worst = 0;
  for (std::ptrdiff_t i = 0; i < taps.count; i++) {
    integer_taps(taps, i, bits, rounded.data());
    double more = 0, less = 0;
    for (std::ptrdiff_t t = 0; t < taps.taps; t++) {
      const double change = std::ldexp(rounded[t], -bits) - static_cast<double>(taps.weights(i)[t]);
      (change > 0 ? more : less) += std::fabs(change);
    }
    worst = std::max({worst, more, less});
  }
  return 255 * worst;
}

}  // namespace

double weights_lost(const Plan& plan, const Tables& t) {
  return largest_sum(plan.rows) * levels_lost(plan.columns, t.bits) +
         largest_sum(plan.columns) * levels_lost(plan.rows, t.row_bits);
}

double most_lost(const Plan& plan) {
  const bool overshoots =
      plan.interpolation == Interpolation::kBicubic || plan.interpolation == Interpolation::kLanczos;
  return overshoots ? 0.096 : 0.048;  // of the 0.1 and 0.05 that are promised
}

int most_bits(const Taps& taps, double largest, int most) {
  double peak = 0;
  for (const float w : taps.weight) peak = std::max(peak, std::fabs(static_cast<double>(w)));
  int bits = 1;
  while (bits < most && std::ldexp(peak, bits + 1) + 1 <= largest) bits++;
  return bits;
}

bool set_windows(const Plan& plan, std::initializer_list<std::ptrdiff_t> sizes, Tables* tables) {
  const Taps& columns = plan.columns;
  const std::ptrdiff_t channels = plan.key.channels;
  std::ptrdiff_t span = 0;
  for (std::ptrdiff_t x = 0; x < columns.count; x += kBlock) {
    const std::ptrdiff_t last = std::min(columns.count, x + kBlock) - 1;
    span = std::max(span, (columns.start[last] + columns.taps - columns.start[x]) * channels);
  }
  const auto* size = std::find_if(sizes.begin(), sizes.end(), [span](std::ptrdiff_t s) { return span <= s; });
  if (size == sizes.end()) return false;
  tables->window = *size;
  const std::ptrdiff_t most = std::max<std::ptrdiff_t>(0, plan.row_bytes() - tables->window);
  for (std::ptrdiff_t x = 0; x < columns.count; x += kBlock) {
    tables->base.push_back(std::min(columns.start[x] * channels, most));
  }
  return true;
}

std::uint8_t window_byte(const Plan& plan, const Tables& tables, std::ptrdiff_t x, std::ptrdiff_t tap) {
  x = std::min(x, plan.columns.count - 1);
  tap = std::min(tap, plan.columns.taps - 1);
  return static_cast<std::uint8_t>((plan.columns.start[x] + tap) * plan.key.channels - tables.base[x / kBlock]);
}

bool set_lane_windows(const Plan& plan, std::ptrdiff_t least, std::ptrdiff_t most, Tables* tables) {
  const Taps& columns = plan.columns;
  const std::ptrdiff_t channels = plan.key.channels, vectors = lane_vectors(plan);
  const auto start = [&](std::ptrdiff_t value) {
    return columns.start[std::min(value / plan.out_channels, columns.count - 1)];
  };
  std::ptrdiff_t span = 0;
  for (std::ptrdiff_t i = 0; i < vectors * kBlock; i += kBlock) {
    span = std::max(span, (start(i + kBlock - 1) + columns.taps - start(i)) * channels);
  }
  if (span > most) return false;
  tables->window = std::max(least, (span + 63) / 64 * 64);
  const std::ptrdiff_t last = std::max<std::ptrdiff_t>(0, plan.row_bytes() - tables->window);
  for (std::ptrdiff_t i = 0; i < vectors * kBlock; i += kBlock) {
    tables->base.push_back(std::min(start(i) * channels, last));
  }
  return true;
}

std::ptrdiff_t lane_byte(const Plan& plan, const Tables& tables, std::ptrdiff_t value) {
  const std::ptrdiff_t x = std::min(value / plan.out_channels, plan.columns.count - 1);
  return plan.columns.start[x] * plan.key.channels + plan.source_channel[value % plan.out_channels] -
         tables.base[value / kBlock];
}

void set_lane_scaling(const Plan& plan, double unit, double zero, Tables* tables) {
  for (std::ptrdiff_t i = 0; i < plan.out_channels * kBlock; i++) {
    const double gain = static_cast<double>(plan.gain[i % plan.out_channels]) * unit;
    tables->gain.push_back(static_cast<float>(gain));
    tables->bias.push_back(static_cast<float>(static_cast<double>(plan.bias[i % plan.out_channels]) - gain * zero));
  }
}

}  // namespace fastcv::preprocess
