// The public function: steps in runs between two looks at the result. A run that went wrong is taken back.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <vector>

#include "fastcv/mds.hpp"
#include "fastcv/runtime.hpp"
#include "mds/descent_rate.hpp"
#include "mds/descent_slope.hpp"
#include "mds/objective.hpp"

namespace fastcv {
namespace {

using mds::AutoRate;
using mds::Slope;

constexpr double kRunPairs = 1e7;  // about 2 ms
constexpr std::int64_t kLongestRun = 4096;

template <class T>
class Descent {
 public:
  Descent(const PointsView<T>& x0, const DistancesView& distances, const DescentOptions<T>& options)
      : options_(options),
        points_(x0.points),
        stride_(mds::padded(x0.points)),
        dimensions_(static_cast<int>(x0.dimensions)),
        values_(checked_mul(x0.dimensions, stride_, "gradient_descent: x0")),
        memory_(static_cast<std::size_t>(checked_mul(3 * values_, sizeof(T), "gradient_descent: x0"))),
        x_(reinterpret_cast<T*>(memory_.data())),
        saved_(x_ + values_),
        g_(saved_ + values_) {
    read(x0);
    slope_ = mds::make_slope<T>(options.loss, points_, dimensions_, distances, thread_count(options.num_threads));
  }

  DescentReport run();
  void write(char* out, std::ptrdiff_t point_stride, std::ptrdiff_t coordinate_stride) const;

 private:
  struct Record {
    std::int64_t step;
    double loss;
    std::vector<T> x;
  };

  void read(const PointsView<T>& x0);
  bool finite() const {
    for (std::ptrdiff_t i = 0; i < values_; i++)
      if (!std::isfinite(x_[i])) return false;
    return true;
  }
  bool recorded(std::int64_t step) const {
    return options_.record != nullptr && (step % options_.record_every == 0 || step == options_.iterations);
  }
  double evaluate() {
    const double loss = slope_->gradient(x_, g_);
    return std::isnan(loss) ? std::numeric_limits<double>::infinity() : loss;  // inf - inf: beyond the range of T
  }
  bool emit(std::int64_t step, const T* x, double loss) const {
    return options_.record(options_.context, step, x, stride_, loss);
  }
  std::int64_t run_length(bool automatic) const;
  void walk(std::int64_t* step, std::int64_t end, double rate, bool have_gradient);
  bool hand_over(DescentReport* report);

  const DescentOptions<T>& options_;
  std::ptrdiff_t points_, stride_;
  int dimensions_;
  std::ptrdiff_t values_;
  Scratch memory_;
  T *x_, *saved_, *g_;
  std::unique_ptr<Slope<T>> slope_;
  std::vector<Record> records_;  // of the run: nobody sees them before it has proved good
};

template <class T>
void Descent<T>::read(const PointsView<T>& x0) {
  // The gradient too: kernels may leave it as it is behind the last point, and step by it.
  std::fill_n(x_, 3 * values_, T(0));
  for (int c = 0; c < dimensions_; c++)
    for (std::ptrdiff_t i = 0; i < points_; i++)
      std::memcpy(&x_[c * stride_ + i], x0.data + i * x0.point_stride + c * x0.coordinate_stride, sizeof(T));
  if (!finite()) throw std::invalid_argument("gradient_descent: x0 must be finite");
}

template <class T>
void Descent<T>::write(char* out, std::ptrdiff_t point_stride, std::ptrdiff_t coordinate_stride) const {
  for (int c = 0; c < dimensions_; c++)
    for (std::ptrdiff_t i = 0; i < points_; i++)
      std::memcpy(out + i * point_stride + c * coordinate_stride, &x_[c * stride_ + i], sizeof(T));
}

// Steps before the next look. What a run of automatic steps comes to depends on its length: always the same.
template <class T>
std::int64_t Descent<T>::run_length(bool automatic) const {
  if (automatic || options_.record != nullptr) return AutoRate::kSteps;
  const double pairs = static_cast<double>(points_) * static_cast<double>(points_);
  return std::clamp<std::int64_t>(static_cast<std::int64_t>(kRunPairs / pairs), 1, kLongestRun);
}

template <class T>
void Descent<T>::walk(std::int64_t* step, std::int64_t end, double rate, bool have_gradient) {
  const std::int64_t begin = *step;
  while (*step < end) {
    if (*step > begin && recorded(*step)) {
      const double loss = evaluate();
      records_.push_back({*step, loss, {x_, x_ + values_}});
      have_gradient = true;
    }
    if (have_gradient) {
      slope_->step(x_, g_, rate);
      have_gradient = false;
      ++*step;
      continue;
    }
    std::int64_t next = end;
    if (options_.record != nullptr) {
      const std::int64_t left = options_.record_every - *step % options_.record_every;  // may be of any size
      next = *step + std::min(left, end - *step);
    }
    slope_->descend(x_, g_, rate, next - *step);
    *step = next;
  }
}

// True: stopped there.
template <class T>
bool Descent<T>::hand_over(DescentReport* report) {
  for (const Record& record : records_) {
    if (!emit(record.step, record.x.data(), record.loss)) continue;
    std::copy(record.x.begin(), record.x.end(), x_);
    report->iterations = record.step;
    report->stopped = true;
    return true;
  }
  records_.clear();
  return false;
}

template <class T>
DescentReport Descent<T>::run() {
  const bool automatic = options_.learning_rate == 0;
  AutoRate chooser(options_.loss, points_, slope_->sums(), std::numeric_limits<T>::epsilon());
  DescentReport report;
  report.learning_rate = options_.learning_rate;
  std::int64_t length = run_length(automatic), step = 0;
  for (;;) {
    double loss = 0;
    bool have_gradient = automatic || recorded(step);
    if (have_gradient) loss = evaluate();
    if (automatic ? chooser.accept(loss) : finite()) {
      if (hand_over(&report)) break;
      report.iterations = step;
      if (recorded(step) && emit(step, x_, loss)) {
        report.stopped = true;
        break;
      }
      if (step == options_.iterations) break;
      std::copy_n(x_, values_, saved_);
    } else {
      records_.clear();
      have_gradient = false;
      if (step == 0 || (automatic && !chooser.lower()) || (!automatic && length == 1)) {
        report.diverged = true;
        if (step > 0) std::copy_n(saved_, values_, x_);
        break;
      }
      if (!automatic) length = 1;  // to find the last finite one
      std::copy_n(saved_, values_, x_);
      step = report.iterations;
    }
    if (automatic) report.learning_rate = chooser.rate(x_, stride_, dimensions_);
    walk(&step, std::min(step + length, options_.iterations), report.learning_rate, have_gradient);
    check_interrupt();
  }
  return report;
}

}  // namespace

template <class T>
DescentReport gradient_descent(const PointsView<T>& x0, const DistancesView& distances,
                               const DescentOptions<T>& options, char* out, std::ptrdiff_t point_stride,
                               std::ptrdiff_t coordinate_stride) {
  Descent<T> descent(x0, distances, options);
  const DescentReport report = descent.run();
  descent.write(out, point_stride, coordinate_stride);
  return report;
}

template DescentReport gradient_descent(const PointsView<float>&, const DistancesView&, const DescentOptions<float>&,
                                        char*, std::ptrdiff_t, std::ptrdiff_t);
template DescentReport gradient_descent(const PointsView<double>&, const DistancesView&, const DescentOptions<double>&,
                                        char*, std::ptrdiff_t, std::ptrdiff_t);

}  // namespace fastcv
