#pragma once

namespace fastcv {

// Checks the processor and applies FASTCV_SIMD. Throws std::runtime_error.
void initialize_simd();

}  // namespace fastcv
