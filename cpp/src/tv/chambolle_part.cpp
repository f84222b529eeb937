// Some passes on part of an image: the kernels of the whole one, with the neighbours' rows around.
#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <vector>

#include "fastcv/runtime.hpp"
#include "fastcv/tv.hpp"
#include "tv/chambolle.hpp"
#include "tv/chambolle_passes.hpp"

namespace fastcv {
namespace {

constexpr const char* kName = "denoise_tv_chambolle";
constexpr std::ptrdiff_t kGrainBytes = 64 << 10;

template <class T>
T clamped(double value) {
  return static_cast<T>(std::min(value, static_cast<double>(std::numeric_limits<T>::max())));
}

// The leading axes are rows; of an image there is one leading axis.
struct Rows {
  std::ptrdiff_t per_slice = 1, all, width;
  explicit Rows(const std::vector<std::ptrdiff_t>& shape) : width(shape.back()) {
    if (shape.size() < 2) throw std::invalid_argument("denoise_tv_chambolle: a part has at least two axes");
    for (std::size_t a = 1; a + 1 < shape.size(); a++) per_slice = checked_mul(per_slice, shape[a], kName);
    all = checked_mul(per_slice, shape[0], kName);
  }
};

template <class T>
class Part {
 public:
  explicit Part(const ChambollePart<T>& part)
      : p_(part),
        rows_(part.shape),
        layout_(chambolle_layout<T>(part.shape)),
        own_((part.end - part.begin) * rows_.per_slice),
        zeros_(static_cast<std::size_t>(layout_.pitch + layout_.lead) * sizeof(T)) {
    std::memset(zeros_.data(), 0, static_cast<std::size_t>(layout_.pitch + layout_.lead) * sizeof(T));
    measure_ = p_.energies == nullptr  ? tv::Measure::kNothing
               : p_.changes == nullptr ? tv::Measure::kEnergy
                                       : tv::Measure::kEnergyAndChange;
    threads_ = thread_count(p_.num_threads);
  }

  // An image: all passes in one wavefront. The kernel's rows are those of the part with its neighbours.
  void run_image() {
    tv::WavefrontJob<T> job{};
    job.image = p_.image;
    job.image_pitch = rows_.width;
    job.from = {from(0), from(1), from_pitch()};
    job.to = {to(0), to(1), layout_.pitch};
    job.height = rows_.all;
    job.width = rows_.width;
    job.tau = clamped<T>(p_.tau);
    job.slope = clamped<T>(p_.tau / p_.weight);
    job.weight = p_.weight;
    job.stages = p_.passes;
    job.update_last = p_.update_last;
    job.measure = measure_;
    job.u = p_.u == nullptr ? nullptr : p_.u - p_.begin * rows_.width;
    job.u_pitch = rows_.width;
    job.u_step = 1;
    job.zeros = zeros();
    job.halo = true;

    const std::ptrdiff_t row_bytes = rows_.width * static_cast<std::ptrdiff_t>(sizeof(T));
    const std::ptrdiff_t grain = std::max<std::ptrdiff_t>(8 * p_.passes, 1 + kGrainBytes / row_bytes);
    const int bands = band_count(own_, grain, threads_);
    const std::size_t bytes = tv::wavefront_scratch_bytes<T>(rows_.width, p_.passes, true);
    const Scratch scratch(bytes * bands);
    const std::size_t measured = measure_ == tv::Measure::kNothing ? 0 : static_cast<std::size_t>(p_.passes);
    std::vector<double> energies(measured * static_cast<std::size_t>(rows_.all)), changes(measured * bands);
    job.energies = energies.data();
    job.changes = changes.data();
    parallel_rows(own_, grain, threads_, [&](Band& band) {
      tv::wavefront(job, p_.begin + band.begin, p_.begin + band.end, scratch.data() + band.index * bytes, band);
    });
    for (std::size_t pass = 0; pass < measured; pass++) {
      std::copy_n(energies.data() + pass * rows_.all + p_.begin, own_, p_.energies + pass * own_);
      if (p_.changes == nullptr) continue;
      p_.changes[pass] = 0;
      for (int band = 0; band < bands; band++) {
        p_.changes[pass] = std::max(p_.changes[pass], changes[band * measured + pass]);
      }
    }
  }

  // A volume: one pass.
  void run_volume() {
    const int axes = static_cast<int>(p_.shape.size());
    std::vector<std::ptrdiff_t> steps(axes - 1, 1);
    for (int a = axes - 2; a-- > 0;) steps[a] = steps[a + 1] * p_.shape[a + 1];
    std::vector<const T*> sources(axes);
    std::vector<T*> targets(axes);
    for (int a = 0; a < axes; a++) {
      sources[a] = from(a);
      targets[a] = to(a);
    }
    const std::ptrdiff_t slice_bytes = rows_.per_slice * rows_.width * static_cast<std::ptrdiff_t>(sizeof(T));
    const std::ptrdiff_t grain = 1 + kGrainBytes / slice_bytes, own = p_.end - p_.begin;
    const int bands = band_count(own, grain, threads_);
    const std::size_t bytes = 2 * static_cast<std::size_t>(rows_.per_slice * layout_.pitch) * sizeof(T) + tv::kPadBytes;
    const Scratch scratch(bytes * bands);
    std::vector<double> energies(measure_ == tv::Measure::kNothing ? 0 : rows_.all), changes(bands);
    const tv::SweepJob<T> job{p_.image,
                              rows_.width,
                              axes - 1,
                              p_.shape.data(),
                              steps.data(),
                              rows_.per_slice,
                              rows_.width,
                              layout_.pitch,
                              sources.data(),
                              from_pitch(),
                              targets.data(),
                              clamped<T>(p_.tau),
                              clamped<T>(p_.tau / p_.weight),
                              p_.weight,
                              p_.update_last || measure_ != tv::Measure::kNothing,
                              measure_,
                              energies.data(),
                              changes.data(),
                              p_.u == nullptr ? nullptr : p_.u - p_.begin * rows_.per_slice * rows_.width,
                              rows_.width,
                              1,
                              zeros()};
    parallel_rows(own, grain, threads_, [&](Band& band) {
      tv::sweep(job, p_.begin + band.begin, p_.begin + band.end, scratch.data() + band.index * bytes, band);
    });
    if (p_.energies != nullptr) std::copy_n(energies.data() + p_.begin * rows_.per_slice, own_, p_.energies);
    if (p_.changes != nullptr) p_.changes[0] = *std::max_element(changes.begin(), changes.end());
  }

 private:
  const T* zeros() const { return reinterpret_cast<const T*>(zeros_.data()) + layout_.lead; }
  const T* from(int axis) const { return p_.from == nullptr ? zeros() : p_.from + layout_.lead + axis * layout_.plane; }
  std::ptrdiff_t from_pitch() const { return p_.from == nullptr ? 0 : layout_.pitch; }
  T* to(int axis) const { return p_.to == nullptr ? nullptr : p_.to + layout_.lead + axis * layout_.plane; }

  const ChambollePart<T>& p_;
  Rows rows_;
  ChambolleLayout layout_;
  std::ptrdiff_t own_;
  Scratch zeros_;
  tv::Measure measure_;
  int threads_;
};

}  // namespace

template <class T>
ChambolleLayout chambolle_layout(const std::vector<std::ptrdiff_t>& shape) {
  const Rows rows(shape);
  ChambolleLayout layout;
  layout.lead = tv::kPadBytes / static_cast<std::ptrdiff_t>(sizeof(T));
  layout.pitch = tv::padded_pitch<T>(rows.width);
  layout.plane = checked_mul(rows.all, layout.pitch, kName) + layout.lead;
  layout.values = checked_mul(layout.plane, static_cast<std::ptrdiff_t>(shape.size()), kName) + layout.lead;
  checked_mul(layout.values, sizeof(T), kName);
  layout.most_passes = shape.size() > 2 ? 1 : tv::wavefront_stages<T>(rows.width);
  return layout;
}

template <class T>
void chambolle_part(const ChambollePart<T>& part) {
  Part<T> run(part);
  if (part.shape.size() == 2) {
    run.run_image();
  } else {
    run.run_volume();
  }
}

template ChambolleLayout chambolle_layout<float>(const std::vector<std::ptrdiff_t>&);
template ChambolleLayout chambolle_layout<double>(const std::vector<std::ptrdiff_t>&);
template void chambolle_part(const ChambollePart<float>&);
template void chambolle_part(const ChambollePart<double>&);

}  // namespace fastcv
