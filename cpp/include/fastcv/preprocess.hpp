// From image to model input in one pass: resize, scale, normalise, reorder channels, change type and layout.
//
//   out(k, y, x) = (pixel * scale - mean[k]) / (std[k] + std_eps)
//
// where `pixel` is the value of the resized image in the channel that output channel k shows. Along each axis the
// image (its region, when one is given) of n pixels is resized to L pixels, of which [first, first + count) are
// shown from output position `offset` on; the rest of the output is padding. Resized pixel i has its centre at
// c = (i + 1/2) n / L in the source, whose pixel j covers [j, j + 1):
//
//   nearest        pixel floor(i n / L)                nearest_exact  pixel floor(c)
//   bilinear       the triangle max(0, 1 - |t|), t the distance from c to a pixel's centre
//   bicubic        Keys' cubic, a = -0.75 (-0.5 with antialias)
//   lanczos        sinc(t) sinc(t / 3), |t| < 3
//   area           the mean of [i n / L, (i + 1) n / L), pixels cut by its ends counting by what is inside
//
// Weights are divided by their sum. Without antialias t is in source pixels, and pixels beyond the edge are the
// edge's. With antialias t is in source pixels / max(1, n / L), and only pixels that exist are weighed (as in Pillow).
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "fastcv/image_view.hpp"

namespace fastcv {

enum class Resize : std::uint8_t {
  kStretch,    // L = the output's size, each axis for itself
  kLetterbox,  // one scale for both axes, the largest that fits: L = round(n r), at least 1; padding around
  kCrop,       // the short edge becomes resize_to, the long one floor(resize_to long / short); then the centre
  kCropFloor,  // the same with Hugging Face's centre: floor((L - size) / 2), not rounded
  kShortest,   // kCrop without the crop: the output is as large as it gets
  kCover,      // cv2.dnn.blobFromImage(crop=True): L = round(n f), sampled at steps of 1 / f; then the centre
};

enum class Interpolation : std::uint8_t { kNearest, kNearestExact, kBilinear, kBicubic, kLanczos, kArea };
enum class PixelType : std::uint8_t { kUint8, kUint16, kFloat32, kFloat16 };
enum class PixelLayout : std::uint8_t { kChw, kHwc };

struct PreprocessOptions {
  std::int64_t height = 1, width = 1;  // of the output
  Resize resize = Resize::kStretch;
  std::int64_t resize_to = 0;  // crops: 0 is the smallest that covers the output; kShortest: the short edge
  bool top_left = false;       // letterbox: all padding right and below
  std::int64_t stride = 0;     // letterbox: > 0 cuts the padding of each axis to what remains modulo `stride`
  bool upscale = true;         // letterbox: false leaves images that fit at their size

  Interpolation interpolation = Interpolation::kBilinear;
  bool antialias = false;  // bilinear, bicubic, lanczos
  bool clip = true;        // bicubic and lanczos of integers: overshoot is cut to the type's range

  double scale = std::numeric_limits<double>::quiet_NaN();  // NaN: 1 / the type's maximum; 1 for uint8 output
  std::vector<double> mean{0}, std{1};                      // one for all, or one an output channel
  double std_eps = 0;
  bool reverse_channels = false;
  std::int64_t channels = 0;  // 0: the image's; 3: grey and RGBA become RGB; else: only images of so many

  PixelLayout layout = PixelLayout::kChw;
  PixelType dtype = PixelType::kFloat32;  // kFloat32, kFloat16, kUint8: rounded half to even, saturated
  std::vector<double> pad_value{114};     // one for all, or one an output channel
  bool pad_normalized = false;            // false: 8-bit pixel values (times 257 for uint16, / 255 for floats)
};

// One axis of what is really done.
struct AxisPlacement {
  std::ptrdiff_t source = 1;                        // pixels of the image, or of its region
  std::ptrdiff_t resized = 1;                       // L
  double scale = 1, step = 1;                       // L / n and n / L; kCover: f and 1 / f
  bool exact = true;                                // step is source / resized
  std::ptrdiff_t first = 0, offset = 0, count = 1;  // output [offset, offset + count) shows resized [first, ...)
  std::ptrdiff_t size = 1;                          // of the output
};
struct Placement {
  AxisPlacement y, x;
};

// Pixels contiguous within a row, of kUint8, kUint16 or kFloat32.
struct SourceImage {
  const void* data = nullptr;
  std::ptrdiff_t height = 0, width = 0, channels = 1, row_stride = 0;  // the stride in bytes
  PixelType type = PixelType::kUint8;
};

// Where one result goes; strides in bytes. kChw: values of a row of a plane are contiguous. kHwc: so are those of a
// row; plane_stride is not used.
struct TargetImage {
  void* data = nullptr;
  std::ptrdiff_t row_stride = 0, plane_stride = 0;
};

// The settings, checked once, and the plans for the geometries met last. Safe to use from several threads.
class Preprocessor {
 public:
  // Throws std::invalid_argument.
  explicit Preprocessor(PreprocessOptions options);
  ~Preprocessor();
  Preprocessor(const Preprocessor&) = delete;
  Preprocessor& operator=(const Preprocessor&) = delete;

  const PreprocessOptions& options() const { return options_; }
  // Throws std::invalid_argument for a size or a number of channels these settings cannot take.
  Placement placement(std::ptrdiff_t height, std::ptrdiff_t width) const;
  std::ptrdiff_t output_channels(std::ptrdiff_t image_channels) const;

  // Writes every value of the target once. The same bytes for any number of threads (0: see thread_count) and any
  // strides. `in` and `out` must not overlap.
  void run(const SourceImage& in, const TargetImage& out, int num_threads) const;
  // Image i to out[i]; split over threads by image.
  void run_batch(const std::vector<SourceImage>& in, const std::vector<TargetImage>& out, int num_threads) const;

 private:
  struct Cache;
  PreprocessOptions options_;
  std::unique_ptr<Cache> cache_;
};

}  // namespace fastcv
