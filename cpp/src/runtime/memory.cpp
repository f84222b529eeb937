#include <new>

#include "fastcv/runtime.hpp"

namespace fastcv {

std::ptrdiff_t checked_mul(std::ptrdiff_t a, std::ptrdiff_t b, const char* what) {
  std::ptrdiff_t product;
  if (__builtin_mul_overflow(a, b, &product)) {
    throw std::length_error(std::string(what) + ": " + std::to_string(a) + " x " + std::to_string(b) +
                            " does not fit 63 bits");
  }
  return product;
}

constexpr std::align_val_t kAlignment{64};  // a cache line, and the widest vector

Scratch::Scratch(std::size_t bytes)
    : data_(static_cast<std::byte*>(::operator new(bytes, kAlignment))) {}

void Scratch::Free::operator()(std::byte* p) const { ::operator delete(p, kAlignment); }

}  // namespace fastcv
