// One function a room; module.cpp calls them all.
#pragma once

#include "arguments.hpp"
#include "fastcv/runtime.hpp"

namespace fastcv::python {

void bind_runtime(py::module_& m);
void bind_box_blur(py::module_& m);
void bind_tv_chambolle(py::module_& m);
void bind_tv(py::module_& m);
void bind_tv_parts(py::module_& m);
void bind_preprocess(py::module_& m);
void bind_mds(py::module_& m);
void bind_mds_geometry(py::module_& m);
void bind_mds_descent(py::module_& m);
void bind_mds_remote(py::module_& m);

// Runs work() without the GIL when it is `long_work`. What Python wants raised (Ctrl-C) comes out as such.
template <class Work>
void run_interruptible(bool long_work, Work&& work) {
  try {
    const ReleaseGil released(long_work);
    work();
  } catch (const Interrupted&) {
    if (!PyErr_Occurred()) PyErr_SetNone(PyExc_KeyboardInterrupt);
    throw py::error_already_set();
  }
}

// Adds a function of positional arguments, given as `Function(PyObject* const* arguments)`. pybind11's own way packs
// more than six of them into vectors, which costs 0.1 us a call. `signature`: "name(a, b, /)", for inspect.
template <auto Function, int kArguments>
void def_fast(py::module_& m, const char* name, const char* signature) {
  static const std::string doc = std::string(signature) + "\n--\n\n";
  static const std::string function_name = name;
  constexpr auto call = [](PyObject*, PyObject* const* arguments, Py_ssize_t count) noexcept -> PyObject* {
    try {
      if (count != kArguments) {
        refuse<py::type_error>(function_name, ": expected ", kArguments, " positional arguments, got ", count);
      }
      return Function(arguments).release().ptr();
    } catch (py::error_already_set& error) {
      error.restore();
    } catch (...) {
      py::detail::try_translate_exceptions();
    }
    return nullptr;
  };
  using Call = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t);
  static PyMethodDef definition{function_name.c_str(),
                                reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(static_cast<Call>(call))),
                                METH_FASTCALL, doc.c_str()};
  m.attr(name) = py::reinterpret_steal<py::object>(PyCFunction_NewEx(&definition, m.ptr(), m.attr("__name__").ptr()));
}

}  // namespace fastcv::python
