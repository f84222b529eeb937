// One function a room; module.cpp calls them all.
#pragma once

#include "arguments.hpp"
#include "fastcv/runtime.hpp"

namespace fastcv::python {

void bind_runtime(py::module_& m);
void bind_box_blur(py::module_& m);

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

}  // namespace fastcv::python
