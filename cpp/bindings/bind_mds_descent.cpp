#include <algorithm>
#include <cmath>
#include <limits>

#include "bindings.hpp"
#include "fastcv/mds.hpp"
#include "ndarray.hpp"

namespace fastcv::python {
namespace {

constexpr const char* kFunction = "gradient_descent";
constexpr double kShortWork = 16 << 10;  // pairs times steps; about 10 us: not worth giving up the GIL
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr unsigned kFloats = bit(DType::kFloat32) | bit(DType::kFloat64);

const Names& losses() {
  static const Names names(
      kFunction, "loss",
      {{"sstress", static_cast<int>(DescentLoss::kSstress)}, {"stress", static_cast<int>(DescentLoss::kStress)}});
  return names;
}

// "auto": 0.
double rate_argument(PyObject* object) {
  if (PyUnicode_Check(object) && PyUnicode_CompareWithASCIIString(object, "auto") == 0) return 0;
  double value;
  if (!as_real(object, &value)) {
    refuse<py::type_error>(kFunction, ": learning_rate must be a number or \"auto\", got ",
                           PyUnicode_Check(object) ? short_repr(object) : type_name(object));
  }
  if (!(value > 0 && std::isfinite(value))) {
    refuse<py::value_error>(kFunction, ": learning_rate must be finite and above 0, got ", short_repr(object));
  }
  return value;
}

Array points_argument(PyObject* object) {
  const Array x0 = input_array(kFunction, "x0", object, kFloats);
  if (x0.ndim != 2 || x0.shape[0] == 0 || x0.shape[1] == 0) {
    refuse<py::value_error>(kFunction, ": x0 must have shape (points, dimensions), at least 1 of each, got ",
                            short_repr(py::handle(object).attr("shape").ptr()));
  }
  return x0;
}

Array distances_argument(PyObject* object, py::ssize_t points) {
  const Array distances = input_array(kFunction, "distances", object, kFloats);
  if (distances.ndim != 2 || distances.shape[0] != points || distances.shape[1] != points) {
    refuse<py::value_error>(kFunction, ": distances must have shape (", points, ", ", points,
                            "), as many as x0 has points, got ", short_repr(py::handle(object).attr("shape").ptr()));
  }
  return distances;
}

struct CallbackFailed {};

// Where the steps go that are to be kept or shown. Called without the GIL.
template <class T>
struct Recorder {
  py::ssize_t points, dimensions;
  std::int64_t every = 0, iterations = 0;  // every: 0, no history
  std::int64_t* steps = nullptr;
  T* positions = nullptr;
  double* loss = nullptr;
  std::int64_t kept = 0;
  UserCallback callback;

  void copy(const T* x, std::ptrdiff_t stride, T* to) const {
    for (py::ssize_t i = 0; i < points; i++)
      for (py::ssize_t c = 0; c < dimensions; c++) *to++ = x[c * stride + i];
  }
  static bool record(void* context, std::int64_t step, const T* x, std::ptrdiff_t stride, double value) {
    Recorder& self = *static_cast<Recorder*>(context);
    if (self.every > 0 && (step % self.every == 0 || step == self.iterations)) self.keep(step, x, stride, value);
    return self.callback && self.call(step, x, stride, value);
  }
  void keep(std::int64_t step, const T* x, std::ptrdiff_t stride, double value) {
    steps[kept] = step;
    loss[kept] = value;
    copy(x, stride, positions + kept * points * dimensions);
    kept++;
  }
  bool call(std::int64_t step, const T* x, std::ptrdiff_t stride, double value) {
    const bool stop = callback([&] {
      py::array_t<T> array({points, dimensions});
      copy(x, stride, array.mutable_data());
      return py::make_tuple(step, array, value);
    });
    if (callback.raised()) throw CallbackFailed();  // so that nothing is written
    return stop;
  }
};

struct Request {
  Array x0, distances, out;
  double learning_rate;
  std::int64_t iterations, history;
  DescentLoss loss;
  UserCallback callback{kFunction, Py_None};
  int num_threads;
};

py::object first(const py::object& array, std::int64_t count) { return array[py::slice(0, count, 1)]; }

template <class T>
py::tuple run(const Request& r) {
  const py::ssize_t n = r.x0.shape[0], k = r.x0.shape[1];
  DescentOptions<T> o{r.loss, r.learning_rate, r.iterations, nullptr, 1, nullptr, r.num_threads};
  Recorder<T> recorder{n, k, r.history, r.iterations, nullptr, nullptr, nullptr, 0, r.callback};
  py::object steps = py::none(), positions = py::none(), loss = py::none();
  if (r.history > 0) {
    // Before steps 0, every, 2 every, ..., and after the last.
    const py::ssize_t count = r.iterations / r.history + (r.iterations % r.history != 0) + 1;
    const py::ssize_t shape[] = {count, n, k};
    steps = py::array_t<std::int64_t>(count);
    positions = new_array(r.x0.dtype, 3, shape);
    loss = new_array(DType::kFloat64, 1, shape);
    recorder.steps = static_cast<std::int64_t*>(py::array(steps).mutable_data());
    recorder.positions = static_cast<T*>(py::array(positions).mutable_data());
    recorder.loss = static_cast<double*>(py::array(loss).mutable_data());
  }
  if (r.history > 0 || recorder.callback) {
    o.record = &Recorder<T>::record;
    o.record_every = recorder.callback ? 1 : r.history;
    o.context = &recorder;
  }
  const PointsView<T> x0{r.x0.data, n, k, r.x0.strides[0], r.x0.strides[1]};
  const DistancesView distances{r.distances.data, r.distances.dtype == DType::kFloat64, r.distances.strides[0],
                                r.distances.strides[1]};
  DescentReport report;
  const double work = static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(r.iterations + 1);
  try {
    run_interruptible(work > kShortWork || recorder.callback, [&] {
      report = gradient_descent<T>(x0, distances, o, r.out.data, r.out.strides[0], r.out.strides[1]);
    });
  } catch (const CallbackFailed&) {
    recorder.callback.rethrow();
  }
  if (r.history > 0) {
    steps = first(steps, recorder.kept);
    positions = first(positions, recorder.kept);
    loss = first(loss, recorder.kept);
  }
  return py::make_tuple(py::reinterpret_borrow<py::object>(r.out.object), steps, positions, loss, report.iterations,
                        report.learning_rate, report.diverged);
}

// Everything is checked before anything is written.
py::object descend(PyObject* const* a) {
  Request r{};
  r.x0 = points_argument(a[0]);
  r.distances = distances_argument(a[1], r.x0.shape[0]);
  r.learning_rate = rate_argument(a[2]);
  r.iterations = int_argument(kFunction, "num_iterations", a[3], 0, kMost - 1);
  r.loss = static_cast<DescentLoss>(losses()(a[4]));
  if (a[5] != Py_None) r.history = int_argument(kFunction, "history", a[5], 1, kMost);
  r.callback = UserCallback(kFunction, a[6]);
  py::object result = py::reinterpret_borrow<py::object>(a[7]);
  if (a[7] == Py_None) result = new_array(r.x0.dtype, 2, r.x0.shape);
  r.out = output_array(kFunction, "out", result.ptr(), r.x0);
  r.num_threads = num_threads_argument(kFunction, a[8]);
  return r.x0.dtype == DType::kFloat32 ? run<float>(r) : run<double>(r);
}

}  // namespace

void bind_mds_descent(py::module_& m) {
  losses();  // made now: under the GIL
  def_fast<&descend, 9>(m, "gradient_descent",
                        "gradient_descent(x0, distances, learning_rate, num_iterations, loss, history, callback, out, "
                        "num_threads, /)");
}

}  // namespace fastcv::python
