#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>

#include "bindings.hpp"
#include "fastcv/mds.hpp"
#include "ndarray.hpp"

namespace fastcv::python {
namespace {

constexpr const char* kFunction = "mds";
constexpr unsigned kFloats = bit(DType::kFloat32) | bit(DType::kFloat64);
constexpr std::ptrdiff_t kShortWork = 32;  // points; about 10 us: not worth giving up the GIL

const Names& losses() {
  static const Names names(kFunction, "loss",
                           {{"stress", static_cast<int>(MdsLoss::kStress)},
                            {"sstress", static_cast<int>(MdsLoss::kSstress)},
                            {"robust", static_cast<int>(MdsLoss::kRobust)}});
  return names;
}

template <class T>
const T* data_of(const py::handle& array) {
  return static_cast<const T*>(static_cast<const void*>(py::detail::array_proxy(array.ptr())->data));
}

// A square matrix where it lies, or one copy of it where it is not aligned.
class Matrix {
 public:
  Matrix(const char* argument, py::handle object, unsigned dtypes) {
    array_ = input_array(kFunction, argument, object.ptr(), dtypes);
    if (array_.ndim != 2 || array_.shape[0] != array_.shape[1]) {
      const py::object shape = py::handle(object).attr("shape");
      refuse<py::value_error>(kFunction, ": ", argument, " must be a square matrix, got shape ",
                              short_repr(shape.ptr()));
    }
    const std::ptrdiff_t place = static_cast<std::ptrdiff_t>(reinterpret_cast<std::uintptr_t>(array_.data));
    if (((place | array_.strides[0] | array_.strides[1]) & (array_.item_size() - 1)) != 0) {
      copy_ = py::module_::import("numpy").attr("array")(object);
      array_ = input_array(kFunction, argument, copy_.ptr(), dtypes);
    }
  }

  DType dtype() const { return array_.dtype; }
  std::ptrdiff_t points() const { return array_.shape[0]; }
  template <class T>
  MatrixView<T> view() const {
    return {reinterpret_cast<const T*>(array_.data), array_.strides[0], array_.strides[1]};
  }

 private:
  py::object copy_;
  Array array_{};
};

// The user's function, and the arrays that it is shown.
template <class T>
struct Watcher {
  UserCallback callback;
  DType dtype;
  py::ssize_t shape[2];

  static bool call(void* context, std::int64_t iteration, const T* x, double loss) {
    Watcher& self = *static_cast<Watcher*>(context);
    return self.callback([&] {
      const py::object positions = new_array(self.dtype, 2, self.shape);
      std::copy_n(x, self.shape[0] * self.shape[1], const_cast<T*>(data_of<T>(positions)));
      return py::make_tuple(iteration, positions, loss);
    });
  }
};

// What _mds.py hands over. Arrays inside tuples are its own: contiguous, checked in type and shape.
struct Arguments {
  py::handle distances, n_components, weights, anchors, symmetrize, init, loss, max_iter, tol, seed, callback,
      num_threads;
};

template <class T>
py::object solve(const Arguments& a, const Matrix* matrix, const Matrix* weights, DType dtype) {
  MdsProblem<T> problem;
  if (matrix != nullptr) {
    problem.points = matrix->points();
    problem.distances = matrix->view<T>();
    if (weights != nullptr) problem.weights = weights->view<T>();
  } else {
    const py::tuple list = py::reinterpret_borrow<py::tuple>(a.distances);
    problem.points = list[0].cast<std::ptrdiff_t>();
    problem.pairs = list[1].cast<py::array>().shape(0);
    problem.first = data_of<std::int64_t>(list[1]);
    problem.second = data_of<std::int64_t>(list[2]);
    problem.pair_distances = data_of<T>(list[3]);
    if (!list[4].is_none()) problem.pair_weights = data_of<T>(list[4]);
  }
  problem.symmetrize = a.symmetrize.ptr() == Py_True;
  if (!a.anchors.is_none()) {
    const py::tuple anchors = py::reinterpret_borrow<py::tuple>(a.anchors);
    problem.anchors = anchors[0].cast<py::array>().shape(0);
    problem.anchor_points = data_of<std::int64_t>(anchors[0]);
    problem.anchor_positions = data_of<T>(anchors[1]);
  }

  MdsOptions<T> o;
  o.dimensions = static_cast<int>(int_argument(kFunction, "n_components", a.n_components.ptr(), 1, 1 << 20));
  o.loss = static_cast<MdsLoss>(losses()(a.loss));
  if (!a.init.is_none()) {
    const py::tuple init = py::reinterpret_borrow<py::tuple>(a.init);
    o.init = init[0].cast<bool>() ? MdsInit::kRandom : MdsInit::kGiven;
    o.start = data_of<T>(init[1]);
  }
  o.max_iter = int_argument(kFunction, "max_iter", a.max_iter.ptr(), 0, std::int64_t{1} << 40);
  if (!as_real(a.tol.ptr(), &o.tol)) {
    refuse<py::type_error>(kFunction, ": tol must be a number, got ", type_name(a.tol.ptr()));
  }
  o.seed = a.seed.cast<std::uint64_t>();
  o.num_threads = num_threads_argument(kFunction, a.num_threads.ptr());
  const py::ssize_t shape[2] = {problem.points, o.dimensions};
  Watcher<T> watcher{UserCallback(kFunction, a.callback.ptr()), dtype, {shape[0], shape[1]}};
  if (watcher.callback) {
    o.callback = &Watcher<T>::call;
    o.context = &watcher;
  }

  const py::object embedding = new_array(dtype, 2, shape), per_point = new_array(DType::kFloat64, 1, shape);
  MdsReport report;
  run_interruptible(problem.points > kShortWork || o.callback != nullptr, [&] {
    report =
        solve_mds(problem, o, const_cast<T*>(data_of<T>(embedding)), const_cast<double*>(data_of<double>(per_point)));
  });
  watcher.callback.rethrow();
  return py::make_tuple(embedding, report.stress, report.normalized_stress, per_point, report.iterations,
                        report.converged, report.unique, report.reason);
}

py::object mds(PyObject* const* arguments) {
  const Arguments a{arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],  arguments[5],
                    arguments[6], arguments[7], arguments[8], arguments[9], arguments[10], arguments[11]};
  bool_argument(kFunction, "symmetrize", a.symmetrize.ptr());  // before all else
  if (PyTuple_CheckExact(a.distances.ptr())) {
    const py::object values = py::reinterpret_borrow<py::tuple>(a.distances)[3];
    const DType dtype = input_array(kFunction, "distances", values.ptr(), kFloats).dtype;
    return dtype == DType::kFloat32 ? solve<float>(a, nullptr, nullptr, dtype)
                                    : solve<double>(a, nullptr, nullptr, dtype);
  }
  const Matrix matrix("distances", a.distances, kFloats);
  std::unique_ptr<Matrix> weights;
  if (!a.weights.is_none()) {
    weights = std::make_unique<Matrix>("weights", a.weights, bit(matrix.dtype()));
    if (weights->points() != matrix.points()) {
      refuse<py::value_error>(kFunction, ": weights must have the shape of distances, ", matrix.points(), " x ",
                              matrix.points(), ", got ", weights->points(), " x ", weights->points());
    }
  }
  return matrix.dtype() == DType::kFloat32 ? solve<float>(a, &matrix, weights.get(), matrix.dtype())
                                           : solve<double>(a, &matrix, weights.get(), matrix.dtype());
}

}  // namespace

void bind_mds(py::module_& m) {
  losses();
  def_fast<&mds, 12>(m, "mds",
                     "mds(distances, n_components, weights, anchors, symmetrize, init, loss, max_iter, tol, seed, "
                     "callback, num_threads, /)");
}

}  // namespace fastcv::python
