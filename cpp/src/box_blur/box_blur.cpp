// The public function: checks, plan, choice of kernel, split over threads.
#include "fastcv/box_blur.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

#include "box_blur/difference.hpp"
#include "box_blur/general.hpp"
#include "box_blur/plan.hpp"
#include "fastcv/runtime.hpp"

namespace fastcv {
namespace {

using box::AxisPlan;
using box::DifferenceJob;
using box::GeneralJob;

constexpr std::int64_t kLargestSize = std::numeric_limits<std::int32_t>::max();
constexpr std::ptrdiff_t kBytesPerThread = 64 << 10;  // less is done sooner by one thread
// A shrinking border's cut rows are added up anew, one by one, while there are no more.
constexpr std::int64_t kMostCutRows = 16;
// Above this the output cannot stay in the caches anyway, and is written around them.
constexpr std::ptrdiff_t kStreamBytes = 4 << 20;

template <class T>
constexpr std::int64_t largest_value() {
  if constexpr (std::is_integral_v<T>) return std::numeric_limits<T>::max();
  return 1;
}

template <class T>
void check(const BatchView<const T>& in, const BatchView<T>& out, const BoxBlurOptions& o) {
  if (o.ksize_x < 1 || o.ksize_y < 1 || o.ksize_x > kLargestSize || o.ksize_y > kLargestSize) {
    throw std::invalid_argument("box_blur: ksize must be between 1 and 2147483647");
  }
  if (o.anchor_x < 0 || o.anchor_y < 0 || o.anchor_x >= o.ksize_x || o.anchor_y >= o.ksize_y) {
    throw std::invalid_argument("box_blur: anchor must lie inside the window");
  }
  if (in.first.height != out.first.height || in.first.width != out.first.width ||
      in.first.channels != out.first.channels || in.count != out.count) {
    throw std::invalid_argument("box_blur: out must have the shape of image");
  }
  if (o.alpha != Alpha::kBlur && in.first.channels != 4) {
    throw std::invalid_argument("box_blur: alpha needs four channels");
  }
  const std::int64_t largest =
      o.alpha == Alpha::kPremultiplied ? largest_value<T>() * largest_value<T>() : largest_value<T>();
  if (o.ksize_x * o.ksize_y > std::numeric_limits<std::int64_t>::max() / largest) {
    throw std::invalid_argument("box_blur: ksize is too large: the sum of a window would leave 63 bits");
  }
}

// Four channels: the fourth one of `out` becomes opaque, or that of `in`.
template <class T>
void set_alpha(const ImageView<const T>& in, const ImageView<T>& out, Alpha alpha, std::ptrdiff_t y0,
               std::ptrdiff_t y1) {
  for (std::ptrdiff_t y = y0; y < y1; y++) {
    const T* from = in.row(y);
    T* to = out.row(y);
    const T opaque = static_cast<T>(largest_value<T>());
    for (std::ptrdiff_t x = 0; x < out.width; x++) to[4 * x + 3] = alpha == Alpha::kCopy ? from[4 * x + 3] : opaque;
  }
}

// Everything about a call that is the same for all images and threads.
template <class T>
struct Call {
  const BatchView<const T>& in;
  const BatchView<T>& out;
  const BoxBlurOptions& options;
  AxisPlan rows, columns;
  bool copy = false;        // a window of one pixel
  bool difference = false;  // the 8-bit kernel does what is not cut by a shrinking border
  DifferenceJob difference_job{};
  GeneralJob<T> general_job{};
  std::size_t difference_bytes = 0, general_bytes = 0;

  Call(const BatchView<const T>& input, const BatchView<T>& output, const BoxBlurOptions& o)
      : in(input),
        out(output),
        options(o),
        rows(input.first.height, o.ksize_y, o.anchor_y, o.border),
        columns(input.first.width, o.ksize_x, o.anchor_x, o.border) {
    copy = o.ksize_x == 1 && o.ksize_y == 1 && o.alpha != Alpha::kPremultiplied;
    if (copy) return;
    plan_difference();
    if (difference && o.border != Border::kShrink) return;
    general_job = {in.first, out.first, &rows, &columns, o.rounding, Alpha::kBlur, o.border_value};
    if (o.alpha == Alpha::kPremultiplied) general_job.alpha = o.alpha;
    general_bytes = box::general_scratch_bytes(general_job);
  }

  void plan_difference() {
    if constexpr (std::is_same_v<T, std::uint8_t>) {
      if (options.alpha == Alpha::kPremultiplied) return;
      DifferenceJob& job = difference_job;
      if (!box::make_mean(options.ksize_x, options.ksize_y, options.rounding, &job.mean)) return;
      job.in = in.first;
      job.out = out.first;
      job.rows = &rows;
      job.columns = &columns;
      if (!box::difference_applies(job)) return;
      for (std::ptrdiff_t c = 0; c < in.first.channels; c++) {
        job.outside[c] = options.border == Border::kConstant && options.border_value
                             ? static_cast<std::uint8_t>(options.border_value[c])
                             : 0;
      }
      job.stream =
          options.alpha == Alpha::kBlur && out.count * out.first.height * out.first.row_values() >= kStreamBytes;
      difference = true;
      difference_bytes = box::difference_scratch_bytes(job);
      if (options.border != Border::kShrink || options.ksize_y > kMostCutRows) return;
      DifferenceJob cut = job;  // cut rows have lower windows, but perhaps the kind of mean that needs most memory
      cut.mean.kind = box::MeanKind::kFloatRemainder;
      difference_bytes = std::max(difference_bytes, box::difference_scratch_bytes(cut));
    }
  }

  std::size_t scratch_bytes() const { return (difference_bytes + general_bytes + 127) / 64 * 64; }

  void run_general(std::ptrdiff_t image, const box::Rectangle& part, std::byte* scratch, Band& band) const {
    if (part.x0 >= part.x1 || part.y0 >= part.y1) return;
    GeneralJob<T> job = general_job;
    job.in = in[image];
    job.out = out[image];
    box::general_blur(job, part, scratch + difference_bytes, band);
  }

  void run_difference(std::ptrdiff_t image, std::ptrdiff_t y0, std::ptrdiff_t y1, std::byte* scratch,
                      Band& band) const {
    if constexpr (std::is_same_v<T, std::uint8_t>) {
      if (y0 >= y1) return;
      DifferenceJob job = difference_job;
      job.in = in[image];
      job.out = out[image];
      box::difference_blur(job, y0, y1, scratch, band);
    }
  }

  // The window that a shrinking border leaves of row y, as an axis of its own.
  AxisPlan cut_rows(std::ptrdiff_t y) const {
    const std::ptrdiff_t first = std::max<std::ptrdiff_t>(0, y - options.anchor_y);
    return {in.first.height, rows.count(y), y - first, Border::kShrink};
  }

  bool plan_cut_row(std::ptrdiff_t y, const AxisPlan& plan, DifferenceJob* job) const {
    if constexpr (std::is_same_v<T, std::uint8_t>) {
      *job = difference_job;
      job->rows = &plan;
      job->stream = false;
      return options.ksize_y <= kMostCutRows && rows.count(y) > 0 &&
             box::make_mean(options.ksize_x, rows.count(y), options.rounding, &job->mean) &&
             box::difference_applies(*job);
    }
    return false;
  }

  // Rows [y0, y1), whose windows a shrinking border cuts: each as the first row of a blur with a lower window.
  void run_cut_rows(std::ptrdiff_t image, std::ptrdiff_t y0, std::ptrdiff_t y1, std::byte* scratch, Band& band) const {
    if constexpr (std::is_same_v<T, std::uint8_t>) {
      for (std::ptrdiff_t y = y0; y < y1; y++) {
        const AxisPlan plan = cut_rows(y);
        DifferenceJob job;
        if (!plan_cut_row(y, plan, &job)) {
          run_general(image, {0, in.first.width, y, y1}, scratch, band);
          return;
        }
        job.in = in[image];
        job.out = out[image];
        box::difference_blur(job, y, y + 1, scratch, band);
      }
    }
  }

  // A shrinking border: the 8-bit kernel for the columns whose windows are whole, then what is cut left and right.
  void run_shrink(std::ptrdiff_t image, std::ptrdiff_t y0, std::ptrdiff_t y1, std::byte* scratch, Band& band) const {
    const std::ptrdiff_t width = in.first.width, height = in.first.height;
    const std::ptrdiff_t top = std::clamp<std::ptrdiff_t>(options.anchor_y, y0, y1);
    const std::ptrdiff_t bottom =
        std::clamp<std::ptrdiff_t>(height - (options.ksize_y - 1 - options.anchor_y), top, y1);
    const std::ptrdiff_t left = std::min<std::ptrdiff_t>(options.anchor_x, width);
    const std::ptrdiff_t right = std::max<std::ptrdiff_t>(width - (options.ksize_x - 1 - options.anchor_x), left);
    run_cut_rows(image, y0, top, scratch, band);
    run_difference(image, top, bottom, scratch, band);
    run_cut_rows(image, bottom, y1, scratch, band);
    run_general(image, {0, left, y0, y1}, scratch, band);
    run_general(image, {right, width, y0, y1}, scratch, band);
  }

  void run(std::ptrdiff_t image, std::ptrdiff_t y0, std::ptrdiff_t y1, std::byte* scratch, Band& band) const {
    if (copy) {
      const ImageView<const T> from = in[image];
      const ImageView<T> to = out[image];
      for (std::ptrdiff_t y = y0; y < y1; y++) std::memcpy(to.row(y), from.row(y), to.row_values() * sizeof(T));
    } else if (!difference) {
      run_general(image, {0, in.first.width, y0, y1}, scratch, band);
    } else if (options.border == Border::kShrink) {
      run_shrink(image, y0, y1, scratch, band);
    } else {
      run_difference(image, y0, y1, scratch, band);
    }
    if (options.alpha == Alpha::kOpaque || options.alpha == Alpha::kCopy) {
      set_alpha(in[image], out[image], options.alpha, y0, y1);
    }
  }
};

template <class T>
void blur_batch(const BatchView<const T>& in, const BatchView<T>& out, const BoxBlurOptions& options) {
  const Call<T> call(in, out, options);
  const std::ptrdiff_t height = out.first.height;
  const std::ptrdiff_t total = checked_mul(out.count, height, "box_blur: image");
  const std::ptrdiff_t row_bytes = out.first.row_values() * static_cast<std::ptrdiff_t>(sizeof(T));
  const std::ptrdiff_t grain =
      std::max<std::ptrdiff_t>({1, kBytesPerThread / row_bytes, std::min(call.rows.window, height)});
  const int threads = total < 2 * grain ? 1 : thread_count(options.num_threads);
  const std::size_t bytes = call.scratch_bytes();
  const Scratch scratch(bytes * band_count(total, grain, threads));
  parallel_rows(total, grain, threads, [&](Band& band) {
    for (std::ptrdiff_t row = band.begin; row < band.end;) {
      const std::ptrdiff_t image = row / height, y0 = row % height;
      const std::ptrdiff_t y1 = std::min(height, y0 + band.end - row);
      call.run(image, y0, y1, scratch.data() + band.index * bytes, band);
      row += y1 - y0;
      if (row < band.end) band.checkpoint();
    }
  });
}

}  // namespace

template <class T>
void box_blur(const BatchView<const T>& in, const BatchView<T>& out, const BoxBlurOptions& options) {
  check(in, out, options);
  const ImageView<T>& first = out.first;
  if (out.count == 0 || first.height == 0 || first.width == 0 || first.channels == 0) return;
  if (in.first.data != out.first.data) return blur_batch(in, out, options);

  // In place: every output needs inputs that earlier outputs would have overwritten.
  const std::ptrdiff_t row_bytes = checked_mul(first.row_values(), sizeof(T), "box_blur: image");
  const std::ptrdiff_t image_bytes = checked_mul(row_bytes, first.height, "box_blur: image");
  const Scratch copy(static_cast<std::size_t>(checked_mul(image_bytes, out.count, "box_blur: image")));
  BatchView<T> source = out;
  source.first.data = reinterpret_cast<T*>(copy.data());
  source.first.row_stride = row_bytes;
  source.image_stride = image_bytes;
  for (std::ptrdiff_t i = 0; i < out.count; i++) {
    for (std::ptrdiff_t y = 0; y < first.height; y++) {
      check_interrupt();
      std::memcpy(source[i].row(y), in[i].row(y), row_bytes);
    }
  }
  const ImageView<const T> view{source.first.data, first.height, first.width, first.channels, row_bytes};
  blur_batch<T>({view, out.count, image_bytes}, out, options);
}

template void box_blur<std::uint8_t>(const BatchView<const std::uint8_t>&, const BatchView<std::uint8_t>&,
                                     const BoxBlurOptions&);
template void box_blur<std::uint16_t>(const BatchView<const std::uint16_t>&, const BatchView<std::uint16_t>&,
                                      const BoxBlurOptions&);
template void box_blur<float>(const BatchView<const float>&, const BatchView<float>&, const BoxBlurOptions&);
template void box_blur<double>(const BatchView<const double>&, const BatchView<double>&, const BoxBlurOptions&);

}  // namespace fastcv
