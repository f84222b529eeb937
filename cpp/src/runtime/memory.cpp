#include <algorithm>
#include <new>
#include <utility>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include "fastcv/runtime.hpp"

namespace fastcv {
namespace {

constexpr std::align_val_t kAlignment{64};  // a cache line, and the widest vector

// A block begins with its size, on a cache line of its own.
struct alignas(64) Header {
  std::size_t bytes;
};

// Fresh memory is given page by page when it is first touched, which for 4 KiB pages costs more than writing to them.
void advise_huge_pages([[maybe_unused]] void* block, [[maybe_unused]] std::size_t bytes) {
#ifdef __linux__
  constexpr std::size_t kHugePage = 2 << 20, kWorthIt = 2 * kHugePage;
  if (bytes < kWorthIt) return;
  const std::size_t begin = reinterpret_cast<std::size_t>(block), first = (begin + 4095) / 4096 * 4096;
  madvise(reinterpret_cast<void*>(first), begin + bytes - first, MADV_HUGEPAGE);  // a hint: nothing depends on it
#endif
}

Header* allocate(std::size_t bytes) {
  std::size_t total;
  if (__builtin_add_overflow(bytes, sizeof(Header), &total)) throw std::bad_alloc();
  void* block = ::operator new(total, kAlignment);
  advise_huge_pages(block, total);
  return new (block) Header{bytes};
}

void release(Header* block) { ::operator delete(block, kAlignment); }

// Each thread keeps its last block, if small: a call on a small image then asks the system for nothing.
#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t kKept = 0;  // a kept block may be larger than asked for, and hide an overrun
#else
constexpr std::size_t kKept = 1 << 20;
#endif

struct Kept {
  Header* block = nullptr;
  bool ended = false;
  ~Kept() {
    if (block != nullptr) release(block);
    block = nullptr;
    ended = true;
  }
};
thread_local Kept kept;

}  // namespace

std::ptrdiff_t checked_mul(std::ptrdiff_t a, std::ptrdiff_t b, const char* what) {
  std::ptrdiff_t product;
  if (__builtin_mul_overflow(a, b, &product)) {
    throw std::length_error(std::string(what) + ": " + std::to_string(a) + " x " + std::to_string(b) +
                            " does not fit 63 bits");
  }
  return product;
}

Scratch::Scratch(std::size_t bytes) {
  Header* block = nullptr;
  if (bytes <= kKept && kept.block != nullptr && kept.block->bytes >= bytes) {
    block = std::exchange(kept.block, nullptr);
  } else {
    block = allocate(bytes);
  }
  data_.reset(reinterpret_cast<std::byte*>(block + 1));
}

void Scratch::Free::operator()(std::byte* p) const {
  Header* block = reinterpret_cast<Header*>(p) - 1;
  if (block->bytes <= kKept && !kept.ended) std::swap(block, kept.block);
  if (block != nullptr) release(block);
}

}  // namespace fastcv
