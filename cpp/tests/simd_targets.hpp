// For tests on every SIMD target and thread count.
#pragma once

#include <string>

#include "fastcv/runtime.hpp"

namespace fastcv::testing {

// Seven threads are seven threads, on any machine.
inline const bool kCapsIgnored = (ignore_caps_for_test(true), true);

// Forces a SIMD target for as long as it lives.
class Forced {
 public:
  explicit Forced(const std::string& target) { simd_force(target); }
  ~Forced() { simd_force(""); }
  Forced(const Forced&) = delete;
  Forced& operator=(const Forced&) = delete;
};

}  // namespace fastcv::testing
