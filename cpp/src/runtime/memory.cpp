#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
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

constexpr std::size_t kHugePage = 2 << 20;

// For the huge pages that lie wholly within the block, behind its header.
void advise([[maybe_unused]] Header* block, [[maybe_unused]] std::size_t bytes, [[maybe_unused]] int advice) {
#ifdef __linux__
  const std::size_t address = reinterpret_cast<std::size_t>(block);
  const std::size_t begin = (address + sizeof(Header) + kHugePage - 1) / kHugePage * kHugePage,
                    end = (address + bytes) / kHugePage * kHugePage;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, advice);  // a hint: nothing depends on it
#endif
}

#ifndef __linux__
constexpr int MADV_HUGEPAGE = 0;
#endif

Header* allocate(std::size_t bytes) {
  std::size_t total;
  if (__builtin_add_overflow(bytes, sizeof(Header), &total)) throw std::bad_alloc();
  Header* block = new (::operator new(total, kAlignment)) Header{bytes};
  // Fresh memory is given page by page when it is first touched; small pages would cost more than all else.
  if (total >= 2 * kHugePage) advise(block, total, MADV_HUGEPAGE);
  return block;
}

void release(Header* block) { ::operator delete(block, kAlignment); }

#if defined(__SANITIZE_ADDRESS__)
#define FASTCV_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)  // as Clang says it
#define FASTCV_ADDRESS_SANITIZER 1
#endif
#endif

// Each thread keeps its last block, if small: a call on a small image then asks the system for nothing.
#if defined(FASTCV_ADDRESS_SANITIZER)
constexpr std::size_t kKept = 0;  // a kept block may be larger than asked for, and hide an overrun
#else
constexpr std::size_t kKept = 2 * kHugePage;
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

// The process keeps its last large block too: that the system clears its pages anew takes longer than a pass over them.
// The system may take them back whenever it is short of memory.
#if defined(__linux__) && defined(MADV_FREE) && !defined(FASTCV_ADDRESS_SANITIZER)
constexpr std::size_t kLeastLarge = kKept, kMostLarge = 256 << 20;
std::atomic<Header*> kept_large{nullptr};

Header* take_large(std::size_t bytes) {
  if (bytes < kLeastLarge || bytes > kMostLarge) return nullptr;
  Header* block = kept_large.exchange(nullptr);
  if (block == nullptr || (block->bytes >= bytes && block->bytes / 2 <= bytes)) return block;
  release(block);
  return nullptr;
}

bool keep_large(Header* block) {
  if (block->bytes < kLeastLarge || block->bytes > kMostLarge) return false;
  advise(block, sizeof(Header) + block->bytes, MADV_FREE);
  if (Header* before = kept_large.exchange(block); before != nullptr) release(before);
  return true;
}
#else
Header* take_large(std::size_t) { return nullptr; }
bool keep_large(Header*) { return false; }
#endif

// FASTCV_POISON=1, as the tests set it: scratch memory begins as NaN and the largest integers, so that what is read
// before it is written is seen.
bool poisoned() {
  static const bool value = std::getenv("FASTCV_POISON") != nullptr;
  return value;
}

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
  } else if ((block = take_large(bytes)) == nullptr) {
    block = allocate(bytes);
  }
  data_.reset(reinterpret_cast<std::byte*>(block + 1));
  if (poisoned()) std::memset(data_.get(), 0xFF, bytes);
}

void Scratch::Free::operator()(std::byte* p) const {
  Header* block = reinterpret_cast<Header*>(p) - 1;
  if (block->bytes <= kKept && !kept.ended) std::swap(block, kept.block);
  if (block != nullptr && !keep_large(block)) release(block);
}

}  // namespace fastcv
