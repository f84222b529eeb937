#include <algorithm>
#include <cmath>
#include <limits>

#include "bindings.hpp"
#include "fastcv/mds.hpp"
#include "ndarray.hpp"

namespace fastcv::python {
namespace {

constexpr std::ptrdiff_t kShortWork = 4 << 10;  // distances; a few us: not worth giving up the GIL

Array points_argument(const char* function, const char* argument, PyObject* object, unsigned allowed) {
  const Array points = input_array(function, argument, object, allowed);
  if (points.ndim != 2) {
    refuse<py::value_error>(function, ": ", argument, " must have shape (points, dimensions), got ", points.ndim,
                            points.ndim == 1 ? " dimension" : " dimensions");
  }
  if (points.shape[1] == 0)
    refuse<py::value_error>(function, ": ", argument, " must have at least 1 coordinate a point");
  return points;
}

template <class T>
PointsView<T> view(const Array& a) {
  return {a.data, a.shape[0], a.shape[1], a.strides[0], a.strides[1]};
}

py::object distances(PyObject* const* arguments) {
  constexpr const char* kFunction = "pairwise_distances";
  const Array x = points_argument(kFunction, "x", arguments[0], bit(DType::kFloat32) | bit(DType::kFloat64));
  const Array y = arguments[1] == Py_None ? x : points_argument(kFunction, "y", arguments[1], bit(x.dtype));
  const int threads = num_threads_argument(kFunction, arguments[2]);
  if (x.shape[1] != y.shape[1]) {
    refuse<py::value_error>(kFunction, ": y must have as many coordinates as x, ", x.shape[1], ", got ", y.shape[1]);
  }
  const py::ssize_t shape[] = {x.shape[0], y.shape[0]};
  py::object out = new_array(x.dtype, 2, shape);
  char* const target = py::detail::array_proxy(out.ptr())->data;
  if (x.empty() || y.empty()) return out;
  run_interruptible(shape[0] > kShortWork / shape[1], [&] {
    if (x.dtype == DType::kFloat32) {
      pairwise_distances<float>(view<float>(x), view<float>(y), reinterpret_cast<float*>(target), threads);
    } else {
      pairwise_distances<double>(view<double>(x), view<double>(y), reinterpret_cast<double*>(target), threads);
    }
  });
  return out;
}

py::object copy_of(const std::vector<double>& values, int ndim, const py::ssize_t* shape) {
  py::object array = new_array(DType::kFloat64, ndim, shape);
  std::copy(values.begin(), values.end(), reinterpret_cast<double*>(py::detail::array_proxy(array.ptr())->data));
  return array;
}

py::object as_doubles(const char* argument, PyObject* object) {
  points_argument("procrustes", argument, object, bit(DType::kFloat32) | bit(DType::kFloat64));
  return py::module_::import("numpy").attr("asarray")(py::handle(object), "float64");
}

py::object align(PyObject* const* arguments) {
  constexpr const char* kFunction = "procrustes";
  const py::object x_doubles = as_doubles("x", arguments[0]), y_doubles = as_doubles("y", arguments[1]);
  const Array x = points_argument(kFunction, "x", x_doubles.ptr(), bit(DType::kFloat64));
  const Array y = points_argument(kFunction, "y", y_doubles.ptr(), bit(DType::kFloat64));
  const bool reflection = bool_argument("procrustes", "reflection", arguments[2]),
             scale = bool_argument("procrustes", "scale", arguments[3]);
  if (x.shape[0] != y.shape[0] || x.shape[1] != y.shape[1]) {
    refuse<py::value_error>(kFunction, ": y must have the shape of x, (", x.shape[0], ", ", x.shape[1], "), got (",
                            y.shape[0], ", ", y.shape[1], ")");
  }
  if (x.shape[0] == 0) refuse<py::value_error>(kFunction, ": x must have at least 1 point");
  Alignment a;
  run_interruptible(x.shape[0] > kShortWork / x.shape[1],
                    [&] { a = procrustes(view<double>(x), view<double>(y), reflection, scale); });
  const py::ssize_t square[] = {x.shape[1], x.shape[1]};
  return py::make_tuple(copy_of(a.rotation, 2, square), copy_of(a.translation, 1, square), a.scale, a.rmse,
                        a.reflected);
}

}  // namespace

void bind_mds_geometry(py::module_& m) {
  def_fast<&distances, 3>(m, "pairwise_distances", "pairwise_distances(x, y, num_threads, /)");
  def_fast<&align, 4>(m, "procrustes", "procrustes(x, y, reflection, scale, /)");
}

}  // namespace fastcv::python
