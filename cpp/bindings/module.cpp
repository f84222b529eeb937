#include "bindings.hpp"

PYBIND11_MODULE(_core, m, pybind11::mod_gil_not_used()) {
  pybind11::options options;
  options.disable_function_signatures();
  fastcv::python::bind_runtime(m);
  fastcv::python::bind_box_blur(m);
  fastcv::python::bind_tv_chambolle(m);
  fastcv::python::bind_tv(m);
  fastcv::python::bind_tv_parts(m);
  fastcv::python::bind_preprocess(m);
  fastcv::python::bind_mds(m);
  fastcv::python::bind_mds_geometry(m);
  fastcv::python::bind_mds_descent(m);
  fastcv::python::bind_mds_remote(m);
}
