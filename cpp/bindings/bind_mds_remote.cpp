// Points from distances that lie elsewhere, for fastcv.dask: not for users.
#include <pybind11/numpy.h>

#include <algorithm>
#include <vector>

#include "bindings.hpp"
#include "fastcv/mds.hpp"

namespace fastcv::python {
namespace {

using Array = py::array_t<double, py::array::c_style>;

// Answers by calling Python, under the GIL: what that raises comes out of the solver.
class Remote final : public RemoteDistances {
 public:
  Remote(py::function rows, py::function gradient, py::function residuals, int dimensions)
      : rows_(std::move(rows)),
        gradient_(std::move(gradient)),
        residuals_(std::move(residuals)),
        dimensions_(dimensions) {}

  void rows(const std::vector<std::ptrdiff_t>& which, double* out) override {
    py::array_t<std::ptrdiff_t> numbers(static_cast<py::ssize_t>(which.size()));
    std::copy(which.begin(), which.end(), numbers.mutable_data());
    take(rows_(numbers), static_cast<py::ssize_t>(which.size()) * points, out);
  }

  double gradient(const double* x, double* g) override {
    const py::tuple answer = gradient_(positions(x));
    take(answer[0], points * dimensions_, g);
    return answer[1].cast<double>();
  }

  double residuals(const double* x, double* per_point) override {
    const py::tuple answer = residuals_(positions(x));
    take(answer[0], points, per_point);
    return answer[1].cast<double>();
  }

 private:
  Array positions(const double* x) const {
    Array array({static_cast<py::ssize_t>(points), static_cast<py::ssize_t>(dimensions_)});
    std::copy_n(x, points * dimensions_, array.mutable_data());
    return array;
  }

  static void take(const py::object& from, std::ptrdiff_t values, double* to) {
    const auto array = Array::ensure(from);
    if (!array || array.size() != values) {
      refuse<py::value_error>("mds_remote: ", values, " numbers were asked for");
    }
    std::copy_n(array.data(), values, to);
  }

  py::function rows_, gradient_, residuals_;
  int dimensions_;
};

py::tuple mds_remote(std::ptrdiff_t points, int dimensions, double largest, double sum_squares, py::function rows,
                     py::function gradient, py::function residuals, const py::object& init, std::int64_t max_iter,
                     double tol) {
  if (points < 1 || dimensions < 1) refuse<py::value_error>("mds_remote: points and dimensions must be at least 1");
  Remote remote(std::move(rows), std::move(gradient), std::move(residuals), dimensions);
  remote.points = points;
  remote.largest = largest;
  remote.sum_squares = sum_squares;
  MdsOptions<double> o;
  o.dimensions = dimensions;
  o.max_iter = max_iter;
  o.tol = tol;
  Array start;
  if (!init.is_none()) {
    start = Array::ensure(init);
    if (!start || start.size() != points * dimensions) refuse<py::value_error>("mds_remote: init has another shape");
    o.init = MdsInit::kGiven;
    o.start = start.data();
  }
  Array embedding({static_cast<py::ssize_t>(points), static_cast<py::ssize_t>(dimensions)});
  Array per_point(static_cast<py::ssize_t>(points));
  MdsReport report;
  run_interruptible(false, [&] { report = solve_mds(remote, o, embedding.mutable_data(), per_point.mutable_data()); });
  return py::make_tuple(embedding, report.stress, report.normalized_stress, per_point, report.iterations,
                        report.converged, report.unique, report.reason);
}

// ---- rows ----------------------------------------------------------------------------------------

// Of float or double, contiguous; `x` has all points.
DistanceRows rows_of(const py::array& distances, std::ptrdiff_t first, const Array& x) {
  const bool wide = py::isinstance<py::array_t<double, py::array::c_style>>(distances);
  if (!wide && !py::isinstance<py::array_t<float, py::array::c_style>>(distances)) {
    refuse<py::type_error>("mds_rows: distances must be contiguous, of float32 or float64");
  }
  const bool fits = distances.ndim() == 2 && x.ndim() == 2 && distances.shape(1) == x.shape(0) && x.shape(0) > 0 &&
                    x.shape(1) > 0 && distances.shape(0) > 0 && first >= 0 &&
                    first <= distances.shape(1) - distances.shape(0);
  if (!fits) refuse<py::value_error>("mds_rows: distances must be (rows, points), x (points, dimensions)");
  return {distances.data(), wide, distances.shape(1) * (wide ? 8 : 4), distances.shape(0), first, distances.shape(1)};
}

py::tuple mds_rows_gradient(const py::array& distances, std::ptrdiff_t first, const Array& x, bool sstress,
                            int num_threads) {
  const DistanceRows rows = rows_of(distances, first, x);
  Array g({distances.shape(0), x.shape(1)});
  const double* const from = x.data();
  double* const to = g.mutable_data();
  const auto dimensions = static_cast<int>(x.shape(1));
  double value = 0;
  run_interruptible(true, [&] {
    value =
        rows_gradient(rows, sstress ? DescentLoss::kSstress : DescentLoss::kStress, dimensions, from, to, num_threads);
  });
  return py::make_tuple(g, value);
}

py::tuple mds_rows_residuals(const py::array& distances, std::ptrdiff_t first, const Array& x, int num_threads) {
  const DistanceRows rows = rows_of(distances, first, x);
  Array per_point(distances.shape(0));
  const double* const from = x.data();
  double* const to = per_point.mutable_data();
  const auto dimensions = static_cast<int>(x.shape(1));
  double largest = 0;
  run_interruptible(true, [&] { largest = rows_residuals(rows, dimensions, from, to, num_threads); });
  return py::make_tuple(per_point, largest);
}

}  // namespace

void bind_mds_remote(py::module_& m) {
  m.def("mds_remote", &mds_remote, py::arg("points"), py::arg("dimensions"), py::arg("largest"), py::arg("sum_squares"),
        py::arg("rows"), py::arg("gradient"), py::arg("residuals"), py::arg("init"), py::arg("max_iter"),
        py::arg("tol"));
  m.def("mds_rows_gradient", &mds_rows_gradient, py::arg("distances"), py::arg("first"), py::arg("x"),
        py::arg("sstress"), py::arg("num_threads"));
  m.def("mds_rows_residuals", &mds_rows_residuals, py::arg("distances"), py::arg("first"), py::arg("x"),
        py::arg("num_threads"));
}

}  // namespace fastcv::python
