// Weights as the integers that the kernels of 8-bit images multiply with.
#pragma once

#include <initializer_list>

#include "preprocess/plan.hpp"

namespace fastcv::preprocess {

// Weights of two pixels, and of two rows, are in units of 2^-15.
constexpr int kTwoBits = 15;

// 8-bit pixels of 1, 3 or 4 channels, no clipping between.
bool is_common_image(const Plan& plan);
// Weights of at most two pixels and rows, none negative: what the two-tap kernels take.
bool has_two_taps(const Plan& plan);
// One pixel of one row.
bool has_one_tap(const Plan& plan);
// 8-bit results that are the pixels themselves, but for their order.
bool keeps_bytes(const Plan& plan);

void set_two_rows(const Plan& plan, Tables* tables);
// Weights of both pixels of output x, negative: so the whole has a place in 16 bits.
void add_two_columns(const Plan& plan, std::ptrdiff_t x, Tables* tables);

bool all_positive(const Taps& taps);  // from 0 to 1

// The weights of output i as integers that add up to 2^bits, each less than one from its own, in `to`.
void integer_taps(const Taps& taps, std::ptrdiff_t i, int bits, std::int32_t* to);
double largest_sum(const Taps& taps);  // of an output's |weights|
// Of 8-bit pixels, what rounding the weights of both axes to t.bits and t.row_bits may cost at worst; in grey levels.
double weights_lost(const Plan& plan, const Tables& t);
// How many grey levels all rounding together may cost.
double most_lost(const Plan& plan);
// The most bits for which no weight leaves `largest`.
int most_bits(const Taps& taps, double largest, int most);

// ---- windows: blocks of kBlock outputs and the bytes of a row they are made of ------------------

constexpr std::ptrdiff_t kBlock = 16;
constexpr std::ptrdiff_t kMostWindow = 192;  // bytes: three vectors

// Whether results are planes; those of one channel are both.
inline bool is_planar(const Plan& plan) { return plan.layout == PixelLayout::kChw || plan.out_channels == 1; }

inline std::ptrdiff_t window_blocks(const Plan& plan) { return (plan.columns.count + kBlock - 1) / kBlock; }

// Sets the size of the windows, the first of `sizes` that is enough, and their bases; false when a block needs more.
bool set_windows(const Plan& plan, std::initializer_list<std::ptrdiff_t> sizes, Tables* tables);

// The number, within its block's window, of the first byte of a tap of output x: of the last one, for what does not
// exist.
std::uint8_t window_byte(const Plan& plan, const Tables& tables, std::ptrdiff_t x, std::ptrdiff_t tap);

// ---- lanes: the values of an output row pixel by pixel, 16 a vector, and the bytes that they are made of ------

inline std::ptrdiff_t lane_vectors(const Plan& plan) { return window_blocks(plan) * plan.out_channels; }

// As set_windows, for each vector of lanes; sizes are whole vectors, from `least` to `most`.
bool set_lane_windows(const Plan& plan, std::ptrdiff_t least, std::ptrdiff_t most, Tables* tables);

// The number, within its vector's window, of the byte of the first tap of lane `value`.
std::ptrdiff_t lane_byte(const Plan& plan, const Tables& tables, std::ptrdiff_t value);

// Gain and bias of the lanes of a block, for sums that are `zero` for black and grow by 1 / unit with a level.
void set_lane_scaling(const Plan& plan, double unit, double zero, Tables* tables);

}  // namespace fastcv::preprocess
