#include <hwy/targets.h>

#include <atomic>
#include <cctype>
#include <cstdint>
#include <cstdlib>

#include "fastcv/runtime.hpp"
#include "runtime/simd.hpp"

namespace fastcv {
namespace {

struct Target {
  const char* name;
  std::int64_t bit;  // smaller is better
};
constexpr Target kTargets[] = {
#if HWY_ARCH_X86
    {"avx512", HWY_AVX3_DL},
    {"avx2", HWY_AVX2},
    {"sse4", HWY_SSE4},
#elif HWY_ARCH_ARM
    {"neon", HWY_NEON},
#else
    {"generic", HWY_STATIC_TARGET},
#endif
};

std::int64_t known_targets() {
  std::int64_t bits = 0;
  for (const Target& t : kTargets) bits |= t.bit;
  return bits & (HWY_TARGETS);
}

// What the processor has, read before anything was forced or disabled. libhwy's state belongs to the process.
std::int64_t detected_targets() {
  static const std::int64_t bits = hwy::SupportedTargets() & known_targets();
  return bits;
}

std::atomic<std::int64_t> allowed{0};  // detected, at most FASTCV_SIMD; 0: initialize_runtime was not called

std::vector<std::string> names(std::int64_t bits) {
  std::vector<std::string> out;
  for (const Target& t : kTargets) {
    if (bits & t.bit) out.emplace_back(t.name);
  }
  return out;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

void update_chosen() { hwy::GetChosenTarget().Update(hwy::SupportedTargets()); }

}  // namespace

std::vector<std::string> simd_compiled() { return names(known_targets()); }
std::vector<std::string> simd_detected() { return names(detected_targets()); }

std::string simd_active() {
  const std::int64_t bits = hwy::SupportedTargets() & known_targets();
  return bits == 0 ? "none" : names(bits).front();
}

void simd_force(const std::string& name) {
  const std::int64_t available = allowed != 0 ? allowed.load() : detected_targets();
  std::int64_t bit = 0;
  if (!name.empty()) {
    for (const Target& t : kTargets) {
      if (name == t.name) bit = t.bit;
    }
    if ((bit & available) == 0) {
      throw std::invalid_argument("simd_force: name must be one of " + joined(names(available)) + ", got \"" + name +
                                  "\"");
    }
  }
  hwy::SetSupportedTargetsForTest(bit);  // 0: the real ones again
  update_chosen();
}

void initialize_simd() {
  const std::int64_t detected = detected_targets();
  if (detected == 0) {
    throw std::runtime_error("fastcv: this processor has none of the instruction sets this build needs (" +
                             joined(simd_compiled()) + ")");
  }
  allowed = detected;
  if (const char* text = std::getenv("FASTCV_SIMD"); text != nullptr && *text != '\0') {
    std::string limit;
    for (const char* c = text; *c != '\0'; c++)
      limit += static_cast<char>(std::tolower(static_cast<unsigned char>(*c)));
    std::int64_t bit = 0;
    for (const Target& t : kTargets) {
      if (limit == t.name) bit = t.bit;
    }
    if (bit == 0) {
      throw std::runtime_error("fastcv: FASTCV_SIMD must be one of " + joined(names(~std::int64_t{0})) + ", got \"" +
                               text + "\"");
    }
    allowed = detected & ~(bit - 1);  // the limit and everything below it
    if (allowed == 0) {
      throw std::runtime_error("fastcv: FASTCV_SIMD=" + std::string(text) + ", but this processor has only " +
                               joined(simd_detected()));
    }
    hwy::DisableTargets(known_targets() & (bit - 1));
  }
  update_chosen();
}

}  // namespace fastcv
