// The public class: checks, the cache of plans, padding, split over threads.
#include "fastcv/preprocess.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>

#include "preprocess/geometry.hpp"
#include "preprocess/kernels.hpp"
#include "preprocess/plan.hpp"

namespace fastcv {
namespace {

using preprocess::Plan;
using preprocess::PlanKey;
using PlanPointer = std::shared_ptr<const Plan>;

constexpr std::ptrdiff_t kBytesPerThread = 1 << 20;  // read and written; about 50 us, less is done sooner by one thread

[[noreturn]] void refuse(const std::string& text) { throw std::invalid_argument("Preprocess: " + text); }

void check_values(const char* name, const std::vector<double>& values, std::int64_t channels) {
  if (values.empty()) refuse(std::string(name) + " must be a number or one number a channel, got none");
  for (const double v : values) {
    if (!std::isfinite(v)) refuse(std::string(name) + " must be finite, got " + std::to_string(v));
  }
  if (channels > 0 && values.size() != 1 && static_cast<std::int64_t>(values.size()) != channels) {
    refuse(std::string(name) + " must be one number or " + std::to_string(channels) + " (one an output channel), got " +
           std::to_string(values.size()));
  }
}

void check(const PreprocessOptions& o) {
  constexpr std::int64_t kLargest = 0x7fffffff;
  if (o.height < 1 || o.width < 1 || o.height > kLargest || o.width > kLargest) {
    refuse("size must be from 1 to 2147483647, got (" + std::to_string(o.height) + ", " + std::to_string(o.width) +
           ")");
  }
  if (o.resize_to < 0 || o.resize_to > kLargest) refuse("resize_to must be from 1 to 2147483647");
  if (o.stride < 0 || o.stride > kLargest) refuse("stride must be from 1 to 2147483647");
  if (o.channels < 0) refuse("channels must be at least 1, got " + std::to_string(o.channels));
  const bool filtered = o.interpolation == Interpolation::kBilinear || o.interpolation == Interpolation::kBicubic ||
                        o.interpolation == Interpolation::kLanczos;
  if (o.antialias && !filtered) refuse("antialias needs interpolation bilinear, bicubic or lanczos");
  if (o.dtype == PixelType::kUint16) refuse("dtype must be float32, float16 or uint8");
  check_values("mean", o.mean, o.channels);
  check_values("std", o.std, o.channels);
  check_values("pad_value", o.pad_value, o.channels);
  if (!(std::isfinite(o.std_eps) && o.std_eps >= 0)) refuse("std_eps must be finite and at least 0");
  for (const double v : o.std) {
    if (!(v >= 0 && v + o.std_eps > 0)) refuse("std must be greater than 0, got " + std::to_string(v));
  }
  if (!std::isnan(o.scale) && (!std::isfinite(o.scale) || o.scale == 0)) {
    refuse("scale must be finite and not 0, got " + std::to_string(o.scale));
  }
}

// Held for a few nanoseconds. A child forked at that moment inherits it held for ever: it then goes without.
class BriefLock {
 public:
  explicit BriefLock(std::atomic_flag& flag) : flag_(flag) {
    for (int i = 0; i < 1000 && !held_; i++) held_ = !flag_.test_and_set(std::memory_order_acquire);
  }
  ~BriefLock() {
    if (held_) flag_.clear(std::memory_order_release);
  }
  BriefLock(const BriefLock&) = delete;
  BriefLock& operator=(const BriefLock&) = delete;
  explicit operator bool() const { return held_; }

 private:
  std::atomic_flag& flag_;
  bool held_ = false;
};

// One image: which rows of its output a thread owns, padding included.
class Painter {
 public:
  Painter(const Plan& plan, const SourceImage& in, const TargetImage& out) : plan_(plan), in_(in), out_(out) {
    const AxisPlacement& x = plan.placement.x;
    item_ = Plan::item_size(plan.dtype) * (planar() ? 1 : plan.out_channels);
    planes_ = planar() ? plan.out_channels : 1;
    content_ = out;
    content_.data = at(0, plan.placement.y.offset, x.offset);
  }

  void rows(std::ptrdiff_t y0, std::ptrdiff_t y1, std::byte* scratch, Band& band) const {
    const AxisPlacement &y = plan_.placement.y, &x = plan_.placement.x;
    const std::ptrdiff_t top = std::clamp(y.offset, y0, y1), bottom = std::clamp(y.offset + y.count, top, y1);
    pad(y0, top, 0, x.size);
    pad(top, bottom, 0, x.offset);
    if (top < bottom) plan_.kernel(plan_, in_, content_, top - y.offset, bottom - y.offset, scratch, band);
    pad(top, bottom, x.offset + x.count, x.size);
    pad(bottom, y1, 0, x.size);
  }

 private:
  bool planar() const { return plan_.layout == PixelLayout::kChw; }
  char* at(std::ptrdiff_t plane, std::ptrdiff_t y, std::ptrdiff_t x) const {
    return static_cast<char*>(out_.data) + plane * out_.plane_stride + y * out_.row_stride + x * item_;
  }
  void pad(std::ptrdiff_t y0, std::ptrdiff_t y1, std::ptrdiff_t x0, std::ptrdiff_t x1) const {
    if (x0 >= x1) return;
    for (std::ptrdiff_t k = 0; k < planes_; k++) {
      const std::byte* row = plan_.padding.data() + k * plan_.placement.x.size * item_;
      for (std::ptrdiff_t y = y0; y < y1; y++)
        std::memcpy(at(k, y, x0), row, static_cast<std::size_t>((x1 - x0) * item_));
    }
  }

  const Plan& plan_;
  const SourceImage& in_;
  TargetImage out_, content_;
  std::ptrdiff_t item_ = 1, planes_ = 1;
};

}  // namespace

// The plans used last, most recent first.
struct Preprocessor::Cache {
  static constexpr std::size_t kSize = 16;
  std::array<PlanPointer, kSize> plans;
  std::atomic_flag busy = ATOMIC_FLAG_INIT;

  PlanPointer find(const PlanKey& key) {
    const BriefLock lock(busy);
    if (!lock) return nullptr;
    for (std::size_t i = 0; i < kSize && plans[i]; i++) {
      if (plans[i]->key == key) {
        std::rotate(plans.begin(), plans.begin() + i, plans.begin() + i + 1);
        return plans[0];
      }
    }
    return nullptr;
  }

  void insert(PlanPointer plan) {
    const BriefLock lock(busy);
    if (!lock) return;
    plan.swap(plans.back());  // what falls out is freed after the lock
    std::rotate(plans.begin(), plans.end() - 1, plans.end());
  }
};

namespace {

template <class Cache>
PlanPointer plan_for(const Preprocessor& pre, Cache& cache, const SourceImage& in) {
  const PlanKey key{in.height, in.width, in.channels, in.type, preprocess::current_target()};
  if (PlanPointer found = cache.find(key)) return found;
  const PlanPointer made = std::make_shared<const Plan>(
      preprocess::make_plan(pre.options(), key, pre.placement(in.height, in.width), pre.output_channels(in.channels)));
  cache.insert(made);
  return made;
}

}  // namespace

Preprocessor::Preprocessor(PreprocessOptions options)
    : options_(std::move(options)), cache_(std::make_unique<Cache>()) {
  check(options_);
}
Preprocessor::~Preprocessor() = default;

Placement Preprocessor::placement(std::ptrdiff_t height, std::ptrdiff_t width) const {
  return preprocess::place(options_, height, width);
}

std::ptrdiff_t Preprocessor::output_channels(std::ptrdiff_t channels) const {
  const auto wanted = static_cast<std::ptrdiff_t>(options_.channels);
  const bool convertible = wanted == 3 && (channels == 1 || channels == 4);
  if (channels < 1 || (wanted != 0 && channels != wanted && !convertible)) {
    refuse("image must have " +
           (wanted == 3   ? std::string("1, 3 or 4")
            : wanted == 0 ? std::string("at least 1")
                          : std::to_string(wanted)) +
           " channels, got " + std::to_string(channels));
  }
  const std::ptrdiff_t out = wanted == 0 ? channels : wanted;
  check_values("mean", options_.mean, out);
  check_values("std", options_.std, out);
  check_values("pad_value", options_.pad_value, out);
  return out;
}

void Preprocessor::run(const SourceImage& in, const TargetImage& out, int num_threads) const {
  const PlanPointer plan = plan_for(*this, *cache_, in);
  const std::ptrdiff_t rows = plan->placement.y.size;
  const std::ptrdiff_t most = std::max<std::ptrdiff_t>(1, plan->work_bytes / kBytesPerThread);
  const std::ptrdiff_t grain = std::max<std::ptrdiff_t>(1, rows / most);
  const int threads = rows < 2 * grain ? 1 : thread_count(num_threads);
  const Scratch scratch(plan->scratch_bytes * static_cast<std::size_t>(band_count(rows, grain, threads)));
  const Painter painter(*plan, in, out);
  parallel_rows(rows, grain, threads, [&](Band& band) {
    painter.rows(band.begin, band.end, scratch.data() + static_cast<std::size_t>(band.index) * plan->scratch_bytes,
                 band);
  });
}

void Preprocessor::run_batch(const std::vector<SourceImage>& in, const std::vector<TargetImage>& out,
                             int num_threads) const {
  if (in.size() != out.size()) refuse("out must hold one result an image");
  std::vector<PlanPointer> plans;
  std::size_t bytes = 0;
  std::ptrdiff_t work = 0;
  for (const SourceImage& image : in) {
    const bool same = !plans.empty() && plans.back()->key == PlanKey{image.height, image.width, image.channels,
                                                                     image.type, plans.back()->key.target};
    plans.push_back(same ? plans.back() : plan_for(*this, *cache_, image));
    bytes = std::max(bytes, plans.back()->scratch_bytes);
    work += plans.back()->work_bytes;
  }
  const auto count = static_cast<std::ptrdiff_t>(in.size());
  const int threads = work < 2 * kBytesPerThread ? 1 : thread_count(num_threads);
  if (count < threads) {  // each image over all threads instead
    for (std::size_t i = 0; i < in.size(); i++) run(in[i], out[i], num_threads);
    return;
  }
  const Scratch scratch(bytes * static_cast<std::size_t>(band_count(count, 1, threads)));
  parallel_rows(count, 1, threads, [&](Band& band) {
    for (std::ptrdiff_t i = band.begin; i < band.end; i++) {
      const Painter painter(*plans[i], in[i], out[i]);
      painter.rows(0, plans[i]->placement.y.size, scratch.data() + static_cast<std::size_t>(band.index) * bytes, band);
      band.checkpoint();
    }
  });
}

}  // namespace fastcv
