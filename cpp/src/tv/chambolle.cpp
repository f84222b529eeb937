// The public function: checks, what must be copied, and the way through the channels.
#include "fastcv/tv.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "fastcv/runtime.hpp"
#include "tv/chambolle_solve.hpp"
#include "tv/finite.hpp"

namespace fastcv {
namespace {

using tv::Rows;
using tv::Settings;

constexpr const char* kName = "denoise_tv_chambolle";
constexpr std::ptrdiff_t kBytesPerThread = 64 << 10;

void check(const ChambolleOptions& o) {
  const auto refuse = [](const char* text) { throw std::invalid_argument(std::string(kName) + ": " + text); };
  if (!(o.weight >= 0) || std::isinf(o.weight)) refuse("weight must be finite and at least 0");
  if (!(o.eps >= 0)) refuse("eps must be at least 0");
  if (o.max_num_iter < 0) refuse("max_num_iter must be at least 0");
  if (!(o.tau >= 0) || std::isinf(o.tau)) refuse("tau must be finite and above 0");
}

// Whether rows can be used where they are: `pitch` values apart, their own values `step` apart.
struct Place {
  bool direct = false;
  std::ptrdiff_t pitch = 0, step = 1;
};

// One channel as rows: axes of length 1 dropped (they have no gradient), the last axis along the row.
struct Geometry {
  std::vector<std::ptrdiff_t> shape;    // of the axes that are left, at least one
  std::vector<std::ptrdiff_t> in, out;  // strides in bytes
  std::ptrdiff_t rows = 1, width = 1;

  template <class In, class Out>
  Geometry(const GridView<In>& a, const GridView<Out>& b) {
    for (int i = 0; i < a.axes; i++) {
      if (a.shape[i] == 1) continue;
      shape.push_back(a.shape[i]);
      in.push_back(a.strides[i]);
      out.push_back(b.strides[i]);
    }
    // Vectors run along the last axis: let it not be the one that is shorter than a vector.
    constexpr std::ptrdiff_t kShort = 16;
    if (shape.size() == 2 && shape[1] < kShort && shape[0] > shape[1]) {
      for (auto* v : {&shape, &in, &out}) std::swap((*v)[0], (*v)[1]);
    }
    if (shape.empty()) {
      shape = {1};
      in = out = {0};
    }
    width = shape.back();
    for (std::size_t i = 0; i + 1 < shape.size(); i++) rows = checked_mul(rows, shape[i], kName);
    checked_mul(checked_mul(rows, width + 32, kName), 64, kName);  // whatever is allocated per value
  }

  // The start of a row, in bytes from the first value.
  std::ptrdiff_t offset(const std::vector<std::ptrdiff_t>& strides, std::ptrdiff_t row) const {
    std::ptrdiff_t at = 0;
    for (std::size_t i = shape.size() - 1; i-- > 0;) {
      at += row % shape[i] * strides[i];
      row /= shape[i];
    }
    return at;
  }
  template <class T>
  Place place(const std::vector<std::ptrdiff_t>& strides, const T* data) const {
    constexpr std::ptrdiff_t kSize = sizeof(T);
    if (reinterpret_cast<std::uintptr_t>(data) % kSize != 0) return {};
    if (strides.back() % kSize != 0) return {};
    const std::ptrdiff_t step = width > 1 ? strides.back() / kSize : 1;
    if (shape.size() == 1) return {true, 0, step};
    const std::ptrdiff_t pitch = strides[shape.size() - 2];
    if (pitch % kSize != 0) return {};
    for (std::size_t i = shape.size() - 2; i-- > 0;) {
      if (strides[i] != strides[i + 1] * shape[i + 1]) return {};
    }
    return {true, pitch / kSize, step};
  }
};

template <class T>
T* moved(T* p, std::ptrdiff_t bytes) {
  using Byte = std::conditional_t<std::is_const_v<T>, const char, char>;
  return reinterpret_cast<T*>(reinterpret_cast<Byte*>(p) + bytes);
}

// As scikit-image's img_as_float: a product with the reciprocal.
template <class Out, class In>
Out converted(In value) {
  if constexpr (std::is_integral_v<In>) {
    return static_cast<Out>(value) * (Out(1) / static_cast<Out>(std::numeric_limits<In>::max()));
  } else {
    return value;
  }
}

template <class In, class Out>
class Call {
 public:
  Call(const ChannelsView<const In>& in, const ChannelsView<Out>& out, const ChambolleOptions& options,
       ChambolleReport* reports)
      : in_(in), out_(out), options_(options), reports_(reports), geometry_(in.first, out.first) {
    const std::ptrdiff_t row_bytes = geometry_.width * static_cast<std::ptrdiff_t>(sizeof(Out));
    grain_ = std::max<std::ptrdiff_t>(1, kBytesPerThread / row_bytes);
    threads_ = geometry_.rows < 2 * grain_ ? 1 : thread_count(options.num_threads);
  }

  void run() {
    check_finite();
    if (options_.weight == 0) return run_copy();
    Settings settings;
    settings.weight = options_.weight;
    settings.eps = options_.eps;
    settings.tau = options_.tau > 0 ? options_.tau : 1.0 / (2.0 * in_.first.axes);
    settings.passes = std::max<std::int64_t>(options_.max_num_iter, 1);
    settings.stop = options_.stop;
    settings.measure = options_.measure;
    settings.block = options_.block;
    settings.threads = threads_;
    settings.grain = grain_;

    Place source, target = geometry_.place(geometry_.out, out_.first.data);
    if constexpr (std::is_same_v<In, Out>) {
      const bool in_place = static_cast<const void*>(in_.first.data) == static_cast<const void*>(out_.first.data);
      if (!in_place) source = geometry_.place(geometry_.in, in_.first.data);
      source.direct = source.direct && source.step == 1;
    }
    if (in_.channel_stride % static_cast<std::ptrdiff_t>(sizeof(In)) != 0) source.direct = false;
    if (out_.channel_stride % static_cast<std::ptrdiff_t>(sizeof(Out)) != 0) target.direct = false;

    // One block of memory for all: the runtime keeps the last one, whose pages need not be cleared for the next call.
    settings.spare = !source.direct + !target.direct;
    tv::Solver<Out> solver(geometry_.shape, settings);
    const std::ptrdiff_t pitch = tv::padded_pitch<Out>(geometry_.width);
    const Rows<Out> image_plane{source.direct ? nullptr : solver.spare(0), pitch};
    const Rows<Out> result_plane{target.direct ? nullptr : solver.spare(settings.spare - 1), pitch};
    for (std::ptrdiff_t c = 0; c < in_.count; c++) {
      Rows<const Out> image{image_plane.data, pitch};
      Rows<Out> result = result_plane;
      if constexpr (std::is_same_v<In, Out>) {
        if (source.direct) image = {moved(in_.first.data, c * in_.channel_stride), source.pitch};
      }
      if (target.direct) result = {moved(out_.first.data, c * out_.channel_stride), target.pitch, target.step};
      if (!source.direct) read(c, image_plane);
      const ChambolleReport report = solver.solve(image, result);
      if (!target.direct) write(c, result_plane);
      if (reports_ == nullptr) continue;
      reports_[c] = report;
      if (options_.max_num_iter == 0) reports_[c].iterations = 0;
    }
  }

 private:
  const In* in_row(std::ptrdiff_t c, std::ptrdiff_t y) const {
    return moved(in_.first.data, c * in_.channel_stride + geometry_.offset(geometry_.in, y));
  }
  Out* out_row(std::ptrdiff_t c, std::ptrdiff_t y) const {
    return moved(out_.first.data, c * out_.channel_stride + geometry_.offset(geometry_.out, y));
  }

  // Values may stand at any address: memcpy.
  static In load(const In* row, std::ptrdiff_t bytes) {
    In value;
    std::memcpy(&value, moved(row, bytes), sizeof value);
    return value;
  }

  template <class Fn>
  void each_row(Fn&& fn) const {
    parallel_rows(geometry_.rows, grain_, threads_, [&](Band& band) {
      constexpr std::ptrdiff_t kCheck = 1 << 18;
      std::ptrdiff_t done = 0;
      for (std::ptrdiff_t y = band.begin; y < band.end; y++) {
        fn(y);
        if ((done += geometry_.width) < kCheck) continue;
        band.checkpoint();
        done = 0;
      }
    });
  }

  bool row_is_finite(const In* row, std::ptrdiff_t step) const {
    if (step == sizeof(In) && reinterpret_cast<std::uintptr_t>(row) % sizeof(In) == 0) {
      return tv::all_finite(row, geometry_.width);
    }
    bool finite = true;
    for (std::ptrdiff_t x = 0; x < geometry_.width; x++) finite = finite && std::isfinite(load(row, x * step));
    return finite;
  }

  void check_finite() const {
    if constexpr (std::is_floating_point_v<In>) {
      const std::ptrdiff_t step = geometry_.in.back();
      for (std::ptrdiff_t c = 0; c < in_.count; c++) {
        each_row([&](std::ptrdiff_t y) {
          if (!row_is_finite(in_row(c, y), step)) {
            throw std::invalid_argument(std::string(kName) + ": image must be finite, got NaN or infinity");
          }
        });
      }
    }
  }

  void read(std::ptrdiff_t c, const Rows<Out>& plane) const {
    const std::ptrdiff_t step = geometry_.in.back();
    each_row([&](std::ptrdiff_t y) {
      const In* from = in_row(c, y);
      Out* to = plane.data + y * plane.pitch;
      for (std::ptrdiff_t x = 0; x < geometry_.width; x++) to[x] = converted<Out>(load(from, x * step));
    });
  }

  void write(std::ptrdiff_t c, const Rows<Out>& plane) const {
    const std::ptrdiff_t step = geometry_.out.back();
    each_row([&](std::ptrdiff_t y) {
      const Out* from = plane.data + y * plane.pitch;
      Out* to = out_row(c, y);
      for (std::ptrdiff_t x = 0; x < geometry_.width; x++) std::memcpy(moved(to, x * step), from + x, sizeof(Out));
    });
  }

  void run_copy() {
    for (std::ptrdiff_t c = 0; c < in_.count; c++) {
      each_row([&](std::ptrdiff_t y) {
        const In* from = in_row(c, y);
        Out* to = out_row(c, y);
        for (std::ptrdiff_t x = 0; x < geometry_.width; x++) {
          const Out value = converted<Out>(load(from, x * geometry_.in.back()));
          std::memcpy(moved(to, x * geometry_.out.back()), &value, sizeof value);
        }
      });
      if (reports_ != nullptr) reports_[c] = {0, 0.0, 0.0, true};
    }
  }

  const ChannelsView<const In>& in_;
  const ChannelsView<Out>& out_;
  const ChambolleOptions& options_;
  ChambolleReport* reports_;
  Geometry geometry_;
  std::ptrdiff_t grain_;
  int threads_;
};

}  // namespace

template <class In, class Out>
void denoise_tv_chambolle(const ChannelsView<const In>& in, const ChannelsView<Out>& out,
                          const ChambolleOptions& options, ChambolleReport* reports) {
  check(options);
  bool empty = in.count == 0;
  for (int i = 0; i < in.first.axes; i++) empty = empty || in.first.shape[i] == 0;
  if (empty) {
    for (std::ptrdiff_t c = 0; reports != nullptr && c < in.count; c++) reports[c] = {0, 0.0, 0.0, true};
    return;
  }
  Call<In, Out>(in, out, options, reports).run();
}

template void denoise_tv_chambolle(const ChannelsView<const std::uint8_t>&, const ChannelsView<double>&,
                                   const ChambolleOptions&, ChambolleReport*);
template void denoise_tv_chambolle(const ChannelsView<const std::uint16_t>&, const ChannelsView<double>&,
                                   const ChambolleOptions&, ChambolleReport*);
template void denoise_tv_chambolle(const ChannelsView<const float>&, const ChannelsView<float>&,
                                   const ChambolleOptions&, ChambolleReport*);
template void denoise_tv_chambolle(const ChannelsView<const double>&, const ChannelsView<double>&,
                                   const ChambolleOptions&, ChambolleReport*);

}  // namespace fastcv
