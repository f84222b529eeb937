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
  Remote(py::function rows, py::function slope, int dimensions)
      : rows_(std::move(rows)), slope_(std::move(slope)), dimensions_(dimensions) {}

  void rows(const std::vector<std::ptrdiff_t>& which, double* out) override {
    py::array_t<std::ptrdiff_t> numbers(static_cast<py::ssize_t>(which.size()));
    std::copy(which.begin(), which.end(), numbers.mutable_data());
    take(rows_(numbers), static_cast<py::ssize_t>(which.size()) * points, out);
  }

  double slope(const double* x, double* g, double* per_point) override {
    Array positions({static_cast<py::ssize_t>(points), static_cast<py::ssize_t>(dimensions_)});
    std::copy_n(x, points * dimensions_, positions.mutable_data());
    const py::tuple answer = slope_(positions);
    take(answer[0], points * dimensions_, g);
    take(answer[1], points, per_point);
    return answer[2].cast<double>();
  }

 private:
  static void take(const py::object& from, std::ptrdiff_t values, double* to) {
    const auto array = Array::ensure(from);
    if (!array || array.size() != values) {
      refuse<py::value_error>("mds_remote: ", values, " numbers were asked for");
    }
    std::copy_n(array.data(), values, to);
  }

  py::function rows_, slope_;
  int dimensions_;
};

py::tuple mds_remote(std::ptrdiff_t points, int dimensions, double largest, double sum_squares, py::function rows,
                     py::function slope, const py::object& init, std::int64_t max_iter, double tol) {
  if (points < 1 || dimensions < 1) refuse<py::value_error>("mds_remote: points and dimensions must be at least 1");
  Remote remote(std::move(rows), std::move(slope), dimensions);
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

}  // namespace

void bind_mds_remote(py::module_& m) {
  m.def("mds_remote", &mds_remote, py::arg("points"), py::arg("dimensions"), py::arg("largest"), py::arg("sum_squares"),
        py::arg("rows"), py::arg("slope"), py::arg("init"), py::arg("max_iter"), py::arg("tol"));
}

}  // namespace fastcv::python
