// Images for tests: any memory layout, with a watch over every byte that is not a pixel.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

#include "box_blur_reference.hpp"
#include "fastcv/box_blur.hpp"
#include "fastcv/image_view.hpp"
#include "fastcv/runtime.hpp"
#include "simd_targets.hpp"

namespace fastcv::testing {

constexpr Border kBorders[] = {Border::kReflect101, Border::kReflect,  Border::kClamp,
                               Border::kWrap,       Border::kConstant, Border::kShrink};
constexpr Rounding kRoundings[] = {Rounding::kNearest, Rounding::kEven, Rounding::kFloor};

inline const char* name(Border b) {
  constexpr const char* kNames[] = {"reflect101", "reflect", "clamp", "wrap", "constant", "shrink"};
  return kNames[static_cast<int>(b)];
}
inline const char* name(Rounding r) {
  constexpr const char* kNames[] = {"nearest", "even", "floor"};
  return kNames[static_cast<int>(r)];
}
inline const char* name(Alpha a) {
  constexpr const char* kNames[] = {"blur", "opaque", "copy", "premultiplied"};
  return kNames[static_cast<int>(a)];
}
template <class T>
const char* type_name() {
  return std::is_same_v<T, std::uint8_t>    ? "uint8"
         : std::is_same_v<T, std::uint16_t> ? "uint16"
         : std::is_same_v<T, float>         ? "float32"
                                            : "float64";
}

struct Layout {
  std::ptrdiff_t padding = 0;  // bytes after every row
  std::ptrdiff_t offset = 0;   // of the first byte from a multiple of 4096
  bool upside_down = false;    // negative row stride
  std::ptrdiff_t gap = 0;      // bytes after every image
};

// `count` images of one geometry in memory of their own.
template <class T>
class Canvas {
 public:
  static constexpr unsigned char kWatch = 0xA5;

  Canvas(std::ptrdiff_t height, std::ptrdiff_t width, std::ptrdiff_t channels, Layout layout = {},
         std::ptrdiff_t count = 1) {
    const std::ptrdiff_t row = width * channels * static_cast<std::ptrdiff_t>(sizeof(T)), pitch = row + layout.padding;
    const std::ptrdiff_t image = height * pitch + layout.gap;
    constexpr std::ptrdiff_t kFront = 128;
    memory_.assign(static_cast<std::size_t>(4096 + kFront + layout.offset + count * image + 128), kWatch);
    void* p = memory_.data() + kFront;
    std::size_t room = memory_.size();
    unsigned char* base = static_cast<unsigned char*>(std::align(4096, 1, p, room)) + layout.offset;
    unsigned char* first = layout.upside_down ? base + (height - 1) * pitch : base;
    batch_ = {
        {reinterpret_cast<T*>(first), height, width, channels, layout.upside_down ? -pitch : pitch}, count, image};
  }

  const BatchView<T>& batch() const { return batch_; }
  BatchView<const T> input() const {
    const ImageView<T>& f = batch_.first;
    return {{f.data, f.height, f.width, f.channels, f.row_stride}, batch_.count, batch_.image_stride};
  }
  ImageView<T> image(std::ptrdiff_t i = 0) const { return batch_[i]; }
  ImageView<const T> readable(std::ptrdiff_t i = 0) const { return input()[i]; }

  std::vector<T> dense(std::ptrdiff_t i = 0) const { return reference::pixels_of<T>(readable(i)); }
  void assign(const std::vector<T>& values, std::ptrdiff_t i = 0) {
    const ImageView<T> to = image(i);
    for (std::ptrdiff_t y = 0; y < to.height; y++)
      std::memcpy(static_cast<void*>(to.row(y)), values.data() + y * to.row_values(), to.row_values() * sizeof(T));
  }

  // True while no byte outside the pixels was written.
  bool untouched_around() const {
    std::vector<unsigned char> copy = memory_;
    for (std::ptrdiff_t i = 0; i < batch_.count; i++)
      for (std::ptrdiff_t y = 0; y < batch_.first.height; y++) {
        const auto* row = reinterpret_cast<const unsigned char*>(image(i).row(y));
        std::memset(copy.data() + (row - memory_.data()), kWatch, image(i).row_values() * sizeof(T));
      }
    return std::all_of(copy.begin(), copy.end(), [](unsigned char b) { return b == kWatch; });
  }

 private:
  std::vector<unsigned char> memory_;
  BatchView<T> batch_;
};

enum class Content { kRandom, kExtremes, kFull, kSmooth };

template <class T>
std::vector<T> make_values(std::ptrdiff_t height, std::ptrdiff_t width, std::ptrdiff_t channels, Content content,
                           unsigned seed) {
  std::mt19937 random(seed);
  std::vector<T> values(static_cast<std::size_t>(height * width * channels));
  constexpr bool kInteger = std::is_integral_v<T>;
  const double top = kInteger ? static_cast<double>(std::numeric_limits<T>::max()) : 1.0;
  for (std::size_t i = 0; i < values.size(); i++) {
    double unit = 1.0;
    if (content == Content::kRandom) unit = random() / 4294967295.0;
    if (content == Content::kExtremes) unit = random() & 1;
    if (content == Content::kSmooth)
      unit = 0.5 + 0.5 * std::sin(0.05 * static_cast<double>(i / channels % width) +
                                  0.3 * static_cast<double>(i / channels / width));
    if (!kInteger && content == Content::kRandom) unit = 4 * unit - 2;
    values[i] = static_cast<T>(kInteger ? std::floor(unit * top + 0.5) : unit * top);
  }
  return values;
}

template <class T>
Canvas<T> make_canvas(std::ptrdiff_t height, std::ptrdiff_t width, std::ptrdiff_t channels, Content content,
                      unsigned seed, Layout layout = {}) {
  Canvas<T> canvas(height, width, channels, layout);
  canvas.assign(make_values<T>(height, width, channels, content, seed));
  return canvas;
}

template <class T>
void blur(const ImageView<const T>& in, const ImageView<T>& out, const BoxBlurOptions& options) {
  box_blur<T>(BatchView<const T>{in, 1, 0}, BatchView<T>{out, 1, 0}, options);
}

template <class T>
std::vector<T> blur(const ImageView<const T>& in, const BoxBlurOptions& options) {
  Canvas<T> out(in.height, in.width, in.channels);
  blur<T>(in, out.image(), options);
  EXPECT_TRUE(out.untouched_around());
  return out.dense();
}

inline BoxBlurOptions square(std::int64_t ksize, Border border = Border::kReflect101) {
  BoxBlurOptions o;
  o.ksize_x = o.ksize_y = ksize;
  o.anchor_x = o.anchor_y = ksize / 2;
  o.border = border;
  return o;
}

inline BoxBlurOptions window(std::int64_t kx, std::int64_t ky, Border border = Border::kReflect101) {
  BoxBlurOptions o;
  o.ksize_x = kx;
  o.ksize_y = ky;
  o.anchor_x = kx / 2;
  o.anchor_y = ky / 2;
  o.border = border;
  return o;
}

template <class T>
std::string describe(const ImageView<const T>& image, const BoxBlurOptions& o) {
  std::ostringstream s;
  s << type_name<T>() << ' ' << image.height << 'x' << image.width << 'x' << image.channels << " row_stride "
    << image.row_stride << ", ksize (" << o.ksize_x << ", " << o.ksize_y << "), anchor (" << o.anchor_x << ", "
    << o.anchor_y << "), " << name(o.border) << ", " << name(o.rounding) << ", alpha " << name(o.alpha) << ", threads "
    << o.num_threads << ", " << simd_active();
  if (o.border_value) {
    s << ", border_value";
    for (std::ptrdiff_t c = 0; c < image.channels; c++) s << ' ' << o.border_value[c];
  }
  return s.str();
}

inline std::string place(std::size_t i, std::ptrdiff_t width, std::ptrdiff_t channels) {
  std::ostringstream s;
  s << "row " << i / channels / width << ", column " << i / channels % width << ", channel " << i % channels;
  return s.str();
}

// The slow oracle's answers for one image and one set of options.
template <class T>
class Expected {
 public:
  Expected(const ImageView<const T>& in, const BoxBlurOptions& options) : in_(in), options_(options) {
    if constexpr (std::is_integral_v<T>) {
      answers_ = reference::blurred<T>(in, options);
    } else {
      answers_ = reference::blurred_within<T>(in, options);
    }
  }

  ::testing::AssertionResult operator()(const std::vector<T>& got) const {
    std::size_t wrong = 0, first = 0;
    for (std::size_t i = 0; i < got.size(); i++)
      if (!fits(got[i], answers_[i]) && wrong++ == 0) first = i;
    if (wrong == 0) return ::testing::AssertionSuccess();
    auto failure = ::testing::AssertionFailure()
                   << describe<T>(in_, options_) << ": " << wrong << " of " << got.size() << " wrong, first at "
                   << place(first, in_.width, in_.channels) << ": got ";
    if constexpr (std::is_integral_v<T>)
      return failure << +got[first] << ", expected " << +answers_[first];
    else
      return failure << std::hexfloat << got[first] << ", expected " << static_cast<double>(answers_[first].value)
                     << " within " << static_cast<double>(answers_[first].tolerance);
  }

 private:
  template <class I>
  static bool fits(I got, I expected) {
    return got == expected;
  }
  static bool fits(T got, const reference::Bounded& b) {
    if (std::isnan(b.value)) return std::isnan(got);
    if (std::isinf(b.value)) return got == b.value;
    return std::fabs(got - b.value) <= b.tolerance;
  }
  using Answer = std::conditional_t<std::is_integral_v<T>, T, reference::Bounded>;
  ImageView<const T> in_;
  BoxBlurOptions options_;
  std::vector<Answer> answers_;
};

template <class T>
::testing::AssertionResult same_bytes(const std::vector<T>& a, const std::vector<T>& b, std::ptrdiff_t width,
                                      std::ptrdiff_t channels) {
  if (a.size() != b.size()) return ::testing::AssertionFailure() << "sizes differ";
  for (std::size_t i = 0; i < a.size(); i++)
    if (std::memcmp(&a[i], &b[i], sizeof(T)) != 0)
      return ::testing::AssertionFailure()
             << "bytes differ at " << place(i, width, channels) << ": " << +a[i] << " and " << +b[i];
  return ::testing::AssertionSuccess();
}

}  // namespace fastcv::testing
