// What the harnesses share: choices read from the fuzzer's bytes, images made of them, and a loud end.
//
// libFuzzer calls LLVMFuzzerTestOneInput(data, size) with bytes of its making. A harness turns them into one call of
// one function, runs that on every SIMD target with 1 and with 3 threads, and compares with the slow reference of the
// tests. Memory is allocated to the byte, so that AddressSanitizer sees the first one too many.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "fastcv/image_view.hpp"
#include "fastcv/runtime.hpp"

namespace fastcv::fuzz {

[[noreturn]] inline void fail(const std::string& words) {
  std::fprintf(stderr, "fuzz: %s (SIMD %s)\n", words.c_str(), simd_active().c_str());
  std::abort();
}

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  // A whole number from least to most; least when there are no bytes left.
  std::int64_t between(std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(word() % static_cast<std::uint64_t>(most - least + 1));
  }
  bool flag() { return (byte() & 1) != 0; }
  template <class T, std::size_t n>
  T pick(const T (&values)[n]) {
    return values[byte() % n];
  }
  std::uint8_t byte() { return size_ > 0 ? (size_--, *data_++) : 0; }
  std::uint16_t word() {
    const int high = byte();
    return static_cast<std::uint16_t>(high << 8 | byte());
  }

  // Pixels: the bytes that are left, again and again, changed a little each time around.
  template <class T>
  T pixel() {
    if (at_ >= size_) {
      at_ = 0;
      turn_ = static_cast<std::uint8_t>(turn_ * 5 + 1);
    }
    const std::uint8_t b = static_cast<std::uint8_t>((size_ > 0 ? data_[at_++] : (at_++, 0x5B)) ^ turn_);
    if constexpr (std::is_same_v<T, std::uint8_t>) {
      return b;
    } else if constexpr (std::is_same_v<T, std::uint16_t>) {
      return static_cast<std::uint16_t>(b * 257 ^ (b >> 3));
    } else {
      // A few numbers at the ends of what a test can judge, else from 0 to 1.
      constexpr T kOdd[] = {T(0),
                            T(-0.0),
                            T(1),
                            T(-1),
                            std::numeric_limits<T>::min(),
                            std::numeric_limits<T>::epsilon(),
                            std::numeric_limits<T>::denorm_min(),
                            T(1e-3)};
      return b < 8 ? kOdd[b] : static_cast<T>(b) / T(255);
    }
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_, at_ = 0;
  std::uint8_t turn_ = 0;
};

// Rows in memory of their own: some bytes apart, upside down, or at odd addresses (of bytes).
template <class T>
class Image {
 public:
  Image(Input& input, std::ptrdiff_t height, std::ptrdiff_t width, std::ptrdiff_t channels)
      : row_bytes_(width * channels * static_cast<std::ptrdiff_t>(sizeof(T))) {
    const std::ptrdiff_t gap = input.between(0, 70) * static_cast<std::ptrdiff_t>(sizeof(T));
    const std::ptrdiff_t before = input.between(0, 65) * static_cast<std::ptrdiff_t>(sizeof(T));
    stride_ = row_bytes_ + gap;
    memory_.assign(static_cast<std::size_t>(before + (height - 1) * stride_ + row_bytes_), kUntouched);
    memory_.shrink_to_fit();
    char* first = memory_.data() + before;
    if (input.flag()) {
      first += (height - 1) * stride_;
      stride_ = -stride_;
    }
    view_ = {reinterpret_cast<T*>(first), height, width, channels, stride_};
  }

  void fill(Input& input) {
    for (std::ptrdiff_t y = 0; y < view_.height; y++)
      for (std::ptrdiff_t i = 0; i < view_.row_values(); i++) view_.row(y)[i] = input.pixel<T>();
  }

  const ImageView<T>& view() const { return view_; }
  ImageView<const T> input() const { return {view_.data, view_.height, view_.width, view_.channels, view_.row_stride}; }
  BatchView<const T> in() const { return {input(), 1, view_.height * view_.row_stride}; }
  BatchView<T> out() const { return {view_, 1, view_.height * view_.row_stride}; }

  std::vector<T> values() const {
    std::vector<T> all;
    for (std::ptrdiff_t y = 0; y < view_.height; y++)
      all.insert(all.end(), view_.row(y), view_.row(y) + view_.row_values());
    return all;
  }
  // No byte outside the rows was written.
  bool untouched_around() const {
    std::vector<char> copy = memory_;
    for (std::ptrdiff_t y = 0; y < view_.height; y++) {
      const char* row = reinterpret_cast<const char*>(view_.row(y));
      std::memset(copy.data() + (row - memory_.data()), kUntouched, static_cast<std::size_t>(row_bytes_));
    }
    for (const char c : copy)
      if (c != kUntouched) return false;
    return true;
  }

 private:
  static constexpr char kUntouched = static_cast<char>(0xA5);
  std::ptrdiff_t row_bytes_, stride_ = 0;
  std::vector<char> memory_;
  ImageView<T> view_{};
};

template <class T>
bool same_bytes(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

// run(threads) on every SIMD target with 1 and 3 threads; check(values) once a target. `exact`: all targets give the
// same bytes.
template <class Run, class Check>
void on_every_target(bool exact, const Run& run, const Check& check) {
  static const bool caps_ignored = (ignore_caps_for_test(true), true);
  static_cast<void>(caps_ignored);
  decltype(run(1)) of_first;
  bool first = true;
  for (const std::string& target : simd_detected()) {
    simd_force(target);
    const auto one = run(1);
    if (!same_bytes(one, run(3))) fail("1 and 3 threads differ");
    if (!exact || first) check(one);
    if (exact && !first && !same_bytes(one, of_first)) fail("SIMD targets differ");
    if (first) of_first = one;
    first = false;
  }
}

}  // namespace fastcv::fuzz
