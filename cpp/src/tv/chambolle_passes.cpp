#include "tv/chambolle_passes.hpp"

#include <limits>
#include <optional>
#include <utility>

namespace fastcv::tv {
namespace {

// Of the second-level cache (1 MiB), for the rows of all stages. Beyond it a stage costs a few per cent more, but a
// visit of the whole image much more: 12 stages pay even where they need twice as much.
constexpr std::ptrdiff_t kCacheBytes = 640 << 10;
constexpr int kLeastStages = 12, kMostStages = 32;

template <class T>
T clamped(double value) {
  return static_cast<T>(std::min(value, static_cast<double>(std::numeric_limits<T>::max())));
}

// The zeros before the first value of each row, and after its last vector.
template <class T>
void clear_padding(T* plane, std::ptrdiff_t rows, std::ptrdiff_t width, std::ptrdiff_t pitch) {
  constexpr std::ptrdiff_t kGuard = kPadBytes / sizeof(T);
  const std::ptrdiff_t whole = (width + kGuard - 1) / kGuard * kGuard;
  std::memset(plane - kGuard, 0, kPadBytes);
  for (std::ptrdiff_t y = 0; y < rows; y++) {
    std::memset(plane + y * pitch + whole, 0, static_cast<std::size_t>(pitch - whole) * sizeof(T));
  }
}

template <class T>
class Wavefront final : public Solver<T>::Passes {
 public:
  Wavefront(std::ptrdiff_t height, std::ptrdiff_t width, const Settings& s)
      : height_(height), width_(width), pitch_(padded_pitch<T>(width)), settings_(s) {
    std::ptrdiff_t most = wavefront_stages<T>(width);
    grain_ = std::max<std::ptrdiff_t>(s.grain, std::min<std::ptrdiff_t>(16, height));
    bands_ = band_count(height, grain_, s.threads);
    // A band works out `most` rows of its neighbours' too, a triangle on each side.
    if (bands_ > 1) most = std::min(most, std::max<std::ptrdiff_t>(1, height / bands_ / 8));
    if (s.block > 0) most = s.block;
    most_ = static_cast<int>(std::min<std::int64_t>(most, s.passes));

    plane_ = static_cast<std::size_t>(height_ * pitch_ + kGuard);
    band_bytes_ = wavefront_scratch_bytes<T>(width, most_, bands_ > 1);
    zeros_.emplace((pitch_ + kGuard) * sizeof(T));
    std::memset(zeros_->data(), 0, (pitch_ + kGuard) * sizeof(T));
    band_memory_.emplace(band_bytes_ * bands_);
    row_energies_.emplace(static_cast<std::size_t>(height_) * most_ * sizeof(double));
    planes_.emplace((s.spare + 4) * plane_ * sizeof(T));
    band_changes_.resize(static_cast<std::size_t>(bands_) * most_);
    this->energies_.resize(most_);
    this->changes_.resize(most_);
  }

  int most() const override { return most_; }
  T* plane(int number) override { return reinterpret_cast<T*>(planes_->data()) + number * plane_ + kGuard; }

  void begin(const Rows<const T>& image, const Rows<T>& result) override {
    image_ = image;
    result_ = result;
    const T* zeros = reinterpret_cast<const T*>(zeros_->data()) + kGuard;
    from_ = {zeros, zeros, 0};
    next_ = 0;
  }

  void run(const Block& block) override {
    WavefrontJob<T> job;
    job.image = image_.data;
    job.image_pitch = image_.pitch;
    job.from = from_;
    job.to = dual(next_);
    job.height = height_;
    job.width = width_;
    job.tau = clamped<T>(settings_.tau);
    job.slope = clamped<T>(settings_.tau / settings_.weight);
    job.weight = settings_.weight;
    job.stages = block.stages;
    job.update_last = block.update_last;
    job.measure = block.measure;
    job.energies = reinterpret_cast<double*>(row_energies_->data());
    job.changes = band_changes_.data();
    job.u = block.keep_u ? result_.data : nullptr;
    job.u_pitch = result_.pitch;
    job.u_step = result_.step;
    job.zeros = reinterpret_cast<const T*>(zeros_->data()) + kGuard;
    job.halo = bands_ > 1;
    parallel_rows(height_, grain_, settings_.threads, [&](Band& band) {
      wavefront(job, band.begin, band.end, band_memory_->data() + band.index * band_bytes_, band);
    });
    if (block.measure != Measure::kNothing) collect(job);
  }

  void advance() override {
    const Dual<T> to = dual(next_);
    from_ = {to.vertical, to.horizontal, to.pitch};
    next_ = 1 - next_;
  }

 private:
  static constexpr std::ptrdiff_t kGuard = kPadBytes / sizeof(T);

  // One of the two states, ready when it is first needed.
  Dual<T> dual(int which) {
    T* const vertical = plane(settings_.spare + 2 * which);
    T* const horizontal = vertical + plane_;
    if (std::exchange(fresh_[which], false)) clear_padding(horizontal, height_, width_, pitch_);
    return {vertical, horizontal, pitch_};
  }

  // Sums in the order of the rows, whoever worked on them.
  void collect(const WavefrontJob<T>& job) {
    for (int stage = 0; stage < job.stages; stage++) {
      const double* rows = job.energies + stage * height_;
      double sum = 0;
      for (std::ptrdiff_t y = 0; y < height_; y++) sum += rows[y];
      this->energies_[stage] = sum / static_cast<double>(height_) / static_cast<double>(width_);
      if (job.measure != Measure::kEnergyAndChange) continue;
      double most = 0;
      for (int band = 0; band < bands_; band++) most = std::max(most, band_changes_[band * job.stages + stage]);
      this->changes_[stage] = most;
    }
  }

  std::ptrdiff_t height_, width_, pitch_, grain_;
  Settings settings_;
  int bands_, most_;
  std::size_t plane_, band_bytes_;
  std::optional<Scratch> zeros_, band_memory_, row_energies_, planes_;
  bool fresh_[2] = {true, true};
  std::vector<double> band_changes_;
  Rows<const T> image_{};
  Rows<T> result_{};
  Dual<const T> from_{};
  int next_ = 0;
};

// Volumes: a block is one pass.
template <class T>
class Sweep final : public Solver<T>::Passes {
 public:
  Sweep(const std::vector<std::ptrdiff_t>& shape, const Settings& s)
      : shape_(shape.begin(), shape.end() - 1),
        steps_(shape_.size(), 1),
        axes_(static_cast<int>(shape.size())),
        width_(shape.back()),
        pitch_(padded_pitch<T>(width_)),
        settings_(s) {
    for (std::size_t a = shape_.size() - 1; a-- > 0;) steps_[a] = steps_[a + 1] * shape_[a + 1];
    rows_ = steps_[0] * shape_[0];
    grain_ = std::max<std::ptrdiff_t>(1, s.grain / steps_[0]);
    bands_ = band_count(shape_[0], grain_, s.threads);
    plane_ = static_cast<std::size_t>(rows_ * pitch_ + kGuard);
    zeros_.emplace((pitch_ + kGuard) * sizeof(T));
    std::memset(zeros_->data(), 0, (pitch_ + kGuard) * sizeof(T));
    slice_bytes_ = static_cast<std::size_t>(2 * steps_[0] * pitch_) * sizeof(T) + kPadBytes;
    band_memory_.emplace(slice_bytes_ * bands_);
    row_energies_.emplace(static_cast<std::size_t>(rows_) * sizeof(double));
    planes_.emplace((s.spare + 2 * axes_) * plane_ * sizeof(T));
    band_changes_.resize(bands_);
    this->energies_.resize(1);
    this->changes_.resize(1);
  }

  int most() const override { return 1; }
  T* plane(int number) override { return reinterpret_cast<T*>(planes_->data()) + number * plane_ + kGuard; }

  void begin(const Rows<const T>& image, const Rows<T>& result) override {
    image_ = image;
    result_ = result;
    from_.assign(axes_, reinterpret_cast<const T*>(zeros_->data()) + kGuard);
    from_pitch_ = 0;
    next_ = 0;
  }

  void run(const Block& block) override {
    const std::vector<T*> to = dual(next_);
    const SweepJob<T> job{image_.data,
                          image_.pitch,
                          axes_ - 1,
                          shape_.data(),
                          steps_.data(),
                          steps_[0],
                          width_,
                          pitch_,
                          from_.data(),
                          from_pitch_,
                          to.data(),
                          clamped<T>(settings_.tau),
                          clamped<T>(settings_.tau / settings_.weight),
                          settings_.weight,
                          block.update_last || block.measure != Measure::kNothing,
                          block.measure,
                          reinterpret_cast<double*>(row_energies_->data()),
                          band_changes_.data(),
                          block.keep_u ? result_.data : nullptr,
                          result_.pitch,
                          result_.step,
                          reinterpret_cast<const T*>(zeros_->data()) + kGuard};
    parallel_rows(shape_[0], grain_, settings_.threads, [&](Band& band) {
      sweep(job, band.begin, band.end, band_memory_->data() + band.index * slice_bytes_, band);
    });
    if (block.measure == Measure::kNothing) return;
    double sum = 0;
    for (std::ptrdiff_t y = 0; y < rows_; y++) sum += job.energies[y];
    this->energies_[0] = sum / static_cast<double>(rows_) / static_cast<double>(width_);
    this->changes_[0] = *std::max_element(band_changes_.begin(), band_changes_.end());
  }

  void advance() override {
    const std::vector<T*> to = dual(next_);
    from_.assign(to.begin(), to.end());
    from_pitch_ = pitch_;
    next_ = 1 - next_;
  }

 private:
  static constexpr std::ptrdiff_t kGuard = kPadBytes / sizeof(T);

  std::vector<T*> dual(int which) {
    std::vector<T*> out(axes_);
    for (int a = 0; a < axes_; a++) out[a] = plane(settings_.spare + which * axes_ + a);
    if (std::exchange(fresh_[which], false)) clear_padding(out.back(), rows_, width_, pitch_);
    return out;
  }

  std::vector<std::ptrdiff_t> shape_, steps_;
  int axes_;
  std::ptrdiff_t width_, pitch_, rows_, grain_;
  Settings settings_;
  int bands_;
  std::size_t plane_, slice_bytes_;
  std::optional<Scratch> zeros_, band_memory_, row_energies_, planes_;
  bool fresh_[2] = {true, true};
  std::vector<double> band_changes_;
  std::vector<const T*> from_;
  std::ptrdiff_t from_pitch_ = 0;
  Rows<const T> image_{};
  Rows<T> result_{};
  int next_ = 0;
};

}  // namespace

template <class T>
std::unique_ptr<typename Solver<T>::Passes> Solver<T>::Passes::make(const std::vector<std::ptrdiff_t>& shape,
                                                                    const Settings& settings) {
  if (shape.size() > 2) return std::make_unique<Sweep<T>>(shape, settings);
  const std::ptrdiff_t height = shape.size() == 1 ? 1 : shape[0];
  return std::make_unique<Wavefront<T>>(height, shape.back(), settings);
}

template <class T>
int wavefront_stages(std::ptrdiff_t width) {
  const std::ptrdiff_t stage_bytes = 4 * padded_pitch<T>(width) * static_cast<std::ptrdiff_t>(sizeof(T));
  return static_cast<int>(std::clamp<std::ptrdiff_t>(kCacheBytes / stage_bytes, kLeastStages, kMostStages));
}

template int wavefront_stages<float>(std::ptrdiff_t);
template int wavefront_stages<double>(std::ptrdiff_t);

template <class T>
std::size_t wavefront_scratch_bytes(std::ptrdiff_t width, int stages, bool halo) {
  const std::ptrdiff_t rows = stages + (halo ? 4 * (stages - 1) : 0);
  const std::ptrdiff_t bytes =
      checked_mul(rows * static_cast<std::ptrdiff_t>(sizeof(T)), padded_pitch<T>(width), "denoise_tv_chambolle");
  return static_cast<std::size_t>(bytes + 2 * kPadBytes);
}

template std::size_t wavefront_scratch_bytes<float>(std::ptrdiff_t, int, bool);
template std::size_t wavefront_scratch_bytes<double>(std::ptrdiff_t, int, bool);
template std::unique_ptr<Solver<float>::Passes> Solver<float>::Passes::make(const std::vector<std::ptrdiff_t>&,
                                                                            const Settings&);
template std::unique_ptr<Solver<double>::Passes> Solver<double>::Passes::make(const std::vector<std::ptrdiff_t>&,
                                                                              const Settings&);

}  // namespace fastcv::tv
