// Memory that solvers lend each other.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "fastcv/runtime.hpp"

namespace fastcv::tv {

// Uninitialised values, on a cache line: the front of `room`, which is less by them afterwards, or of their own where
// they do not fit there.
template <class T>
class Values {
 public:
  Values(std::ptrdiff_t count, std::span<T>* room) {
    constexpr std::size_t kLine = 64 / sizeof(T);
    const std::size_t taken = (static_cast<std::size_t>(count) + kLine - 1) / kLine * kLine;
    if (taken <= room->size()) {
      data_ = room->data();
      *room = room->subspan(taken);
    } else {
      own_.emplace(static_cast<std::size_t>(checked_mul(count, sizeof(T), "denoise_tv: the image")));
      data_ = reinterpret_cast<T*>(own_->data());
    }
  }
  T* data() const { return data_; }

 private:
  T* data_;
  std::optional<Scratch> own_;
};

}  // namespace fastcv::tv
