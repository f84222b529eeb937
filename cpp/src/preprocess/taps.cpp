#include "preprocess/taps.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "fastcv/runtime.hpp"

namespace fastcv::preprocess {
namespace {

double triangle(double t) { return std::max(0.0, 1.0 - std::abs(t)); }

double cubic(double t, double a) {
  t = std::abs(t);
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  if (t < 2) return (((t - 5) * t + 8) * t - 4) * a;
  return 0;
}

double sinc(double t) {
  if (t == 0) return 1;
  t *= std::numbers::pi;
  return std::sin(t) / t;
}

double lanczos3(double t) { return std::abs(t) < 3 ? sinc(t) * sinc(t / 3) : 0; }

struct Filter {
  Interpolation interpolation;
  bool antialias;

  double support() const {
    return interpolation == Interpolation::kBilinear ? 1 : interpolation == Interpolation::kBicubic ? 2 : 3;
  }
  double operator()(double t) const {
    if (interpolation == Interpolation::kBilinear) return triangle(t);
    if (interpolation == Interpolation::kBicubic) return cubic(t, antialias ? -0.5 : -0.75);
    return lanczos3(t);
  }
};

// One output's weights while they are made: pixels in ascending order.
struct Row {
  std::ptrdiff_t start = 0;
  std::vector<double> weight;

  void reset(std::ptrdiff_t first, std::ptrdiff_t last) {
    start = first;
    weight.assign(static_cast<std::size_t>(last - first + 1), 0.0);
  }
  void add(std::ptrdiff_t pixel, double value) { weight[static_cast<std::size_t>(pixel - start)] += value; }

  void normalise() {
    double sum = 0;
    for (const double w : weight) sum += w;
    for (double& w : weight) w /= sum;
    while (weight.size() > 1 && weight.back() == 0) weight.pop_back();
    const auto zeros = std::find_if(weight.begin(), weight.end() - 1, [](double w) { return w != 0; }) - weight.begin();
    weight.erase(weight.begin(), weight.begin() + zeros);
    start += zeros;
  }
};

class Maker {
 public:
  Maker(const AxisPlacement& axis, Interpolation interpolation, bool antialias)
      : axis_(axis), filter_{interpolation, antialias} {}

  void operator()(std::ptrdiff_t i, Row* row) const {
    switch (filter_.interpolation) {
      case Interpolation::kNearest:
        return single(axis_.exact ? i * axis_.source / axis_.resized : floor_of(static_cast<double>(i) * axis_.step),
                      row);
      case Interpolation::kNearestExact:
        return single(axis_.exact ? (2 * i + 1) * axis_.source / (2 * axis_.resized) : floor_of(centre(i)), row);
      case Interpolation::kArea:
        return area(i, row);
      default:
        return filter_.antialias ? smooth(i, row) : interpolate(i, row);
    }
  }

 private:
  static std::ptrdiff_t floor_of(double v) { return static_cast<std::ptrdiff_t>(std::floor(v)); }
  std::ptrdiff_t inside(std::ptrdiff_t pixel) const { return std::clamp<std::ptrdiff_t>(pixel, 0, axis_.source - 1); }

  double centre(std::ptrdiff_t i) const {
    if (!axis_.exact) return (static_cast<double>(i) + 0.5) * axis_.step;
    return static_cast<double>((2 * i + 1) * axis_.source) / (2.0 * static_cast<double>(axis_.resized));
  }

  void single(std::ptrdiff_t pixel, Row* row) const {
    row->reset(inside(pixel), inside(pixel));
    row->weight[0] = 1;
  }

  // Pixels beyond the edge are the edge's.
  void interpolate(std::ptrdiff_t i, Row* row) const {
    const double c = centre(i) - 0.5;  // in pixel centres
    const std::ptrdiff_t reach = static_cast<std::ptrdiff_t>(filter_.support());
    const std::ptrdiff_t first = floor_of(c) - reach + 1, last = floor_of(c) + reach;
    row->reset(inside(first), inside(last));
    for (std::ptrdiff_t p = first; p <= last; p++) row->add(inside(p), filter_(static_cast<double>(p) - c));
    row->normalise();
  }

  // Pillow's weights: the filter as wide as an output pixel, over the pixels that exist.
  void smooth(std::ptrdiff_t i, Row* row) const {
    const double width = std::max(axis_.step, 1.0), reach = filter_.support() * width, c = centre(i);
    const std::ptrdiff_t first = std::max<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(c - reach + 0.5));
    const std::ptrdiff_t last = std::min(axis_.source, static_cast<std::ptrdiff_t>(c + reach + 0.5)) - 1;
    row->reset(first, std::max(first, last));
    for (std::ptrdiff_t p = first; p <= last; p++) row->add(p, filter_((static_cast<double>(p) - c + 0.5) / width));
    row->normalise();
  }

  // In units of 1 / resized, where every end is an integer.
  void area(std::ptrdiff_t i, Row* row) const {
    const std::ptrdiff_t n = axis_.source, length = axis_.resized;
    const std::ptrdiff_t begin = i * n, end = begin + n;
    row->reset(begin / length, std::min((end - 1) / length, n - 1));
    for (std::ptrdiff_t p = row->start; p * length < end && p < n; p++) {
      row->add(p, static_cast<double>(std::min(end, (p + 1) * length) - std::max(begin, p * length)));
    }
    row->normalise();
  }

  const AxisPlacement& axis_;
  Filter filter_;
};

// Rounds `count` weights to floats; the largest one takes what rounding lost, so that a constant stays constant.
void round_weights(const double* from, std::ptrdiff_t count, float* to) {
  double lost = 1;
  std::ptrdiff_t largest = 0;
  for (std::ptrdiff_t t = 0; t < count; t++) {
    to[t] = static_cast<float>(from[t]);
    lost -= static_cast<double>(to[t]);
    if (from[t] > from[largest]) largest = t;
  }
  to[largest] = static_cast<float>(static_cast<double>(to[largest]) + lost);
}

}  // namespace

Taps make_taps(const AxisPlacement& axis, Interpolation interpolation, bool antialias) {
  const Maker make(axis, interpolation, antialias);
  Taps taps;
  taps.count = axis.count;
  taps.start.resize(static_cast<std::size_t>(axis.count));
  std::vector<double> weights;  // of all rows, one after the other
  std::vector<std::ptrdiff_t> begin{0};
  begin.reserve(static_cast<std::size_t>(axis.count + 1));
  Row row;
  for (std::ptrdiff_t i = 0; i < axis.count; i++) {
    make(axis.first + i, &row);
    taps.start[i] = row.start;
    weights.insert(weights.end(), row.weight.begin(), row.weight.end());
    begin.push_back(static_cast<std::ptrdiff_t>(weights.size()));
  }
  // Where zeros were cut off in front, the next output may begin earlier: starts never fall.
  std::vector<std::ptrdiff_t> first(taps.start);
  for (std::ptrdiff_t i = axis.count - 1; i >= 0; i--) {
    if (i + 1 < axis.count) taps.start[i] = std::min(taps.start[i], taps.start[i + 1]);
    taps.taps = std::max(taps.taps, first[i] - taps.start[i] + begin[i + 1] - begin[i]);
  }
  taps.weight.assign(static_cast<std::size_t>(checked_mul(axis.count, taps.taps, "Preprocess: image")), 0.0f);
  for (std::ptrdiff_t i = 0; i < axis.count; i++) {
    taps.start[i] = std::min(taps.start[i], axis.source - taps.taps);
    const std::ptrdiff_t shift = first[i] - taps.start[i];
    round_weights(weights.data() + begin[i], begin[i + 1] - begin[i], taps.weight.data() + i * taps.taps + shift);
  }
  taps.begin = taps.start.front();
  taps.end = taps.start.back() + taps.taps;
  return taps;
}

}  // namespace fastcv::preprocess
