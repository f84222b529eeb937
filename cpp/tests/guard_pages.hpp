// Memory between two pages that fault: one byte too far, read or written, ends the test at the culprit.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <new>

namespace fastcv::testing {

class GuardedMemory {
 public:
  explicit GuardedMemory(std::size_t bytes) {
    page_ = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    size_ = (bytes + page_ - 1) / page_ * page_;
    void* p = mmap(nullptr, size_ + 2 * page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    base_ = static_cast<std::byte*>(p);
    if (mprotect(base_, page_, PROT_NONE) || mprotect(base_ + page_ + size_, page_, PROT_NONE)) throw std::bad_alloc();
  }
  ~GuardedMemory() { munmap(base_, size_ + 2 * page_); }
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;

  // The byte before this one faults.
  std::byte* front() const { return base_ + page_; }
  // `bytes` bytes whose successor faults.
  std::byte* back(std::size_t bytes) const { return base_ + page_ + size_ - bytes; }
  std::size_t size() const { return size_; }

 private:
  std::size_t page_, size_;
  std::byte* base_;
};

}  // namespace fastcv::testing
