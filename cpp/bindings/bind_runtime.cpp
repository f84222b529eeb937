#include <pybind11/stl.h>

#include <limits>

#include "bindings.hpp"
#include "ndarray.hpp"

namespace fastcv::python {
namespace {

// Called on the thread that called us, every 50 ms or so, with or without the GIL.
bool python_wants_to_stop() {
  const PyGILState_STATE state = PyGILState_Ensure();
  const bool stop = PyErr_CheckSignals() != 0;  // runs the signal's handler; the exception waits in this thread
  PyGILState_Release(state);
  return stop;
}

py::dict report() {
  const RuntimeReport r = runtime_report();
  py::dict d;
  d["version"] = r.version;
  d["compiler"] = r.compiler;
  d["thread_backend"] = r.thread_backend;
  d["threads"] = r.threads;
  d["threads_reason"] = r.threads_reason;
  d["affinity_cpus"] = r.affinity_cpus;
  d["cgroup_cpus"] = r.cgroup_cpus;
  d["fork_safe"] = r.fork_safe;
  return d;
}

}  // namespace

void bind_runtime(py::module_& m) {
  initialize_runtime();
  set_interrupt_poll(&python_wants_to_stop);
  m.attr("__version__") = runtime_report().version;
  m.attr("DEFAULT_CHANNEL_AXIS") = py::handle(default_channel_axis());

  m.def(
      "set_num_threads",
      [](py::handle n) {
        if (n.is_none()) return set_num_threads(0);
        set_num_threads(
            static_cast<int>(int_argument("set_num_threads", "n", n.ptr(), 0, std::numeric_limits<int>::max())));
      },
      py::arg("n"), py::pos_only());
  m.def(
      "as_ndarray",
      [](const std::string& function, const std::string& argument, py::handle object) {
        return as_ndarray(function.c_str(), argument.c_str(), object.ptr());
      },
      py::arg("function"), py::arg("argument"), py::arg("object"), py::pos_only());
  m.def("get_num_threads", &get_num_threads);
  m.def("report", &report);
  m.def("simd_compiled", &simd_compiled);
  m.def("simd_detected", &simd_detected);
  m.def("simd_active", &simd_active);
  m.def("simd_force", &simd_force, py::arg("name"), py::pos_only());
  m.def("ignore_caps_for_test", &ignore_caps_for_test, py::arg("ignore"), py::pos_only());
  m.def("_noop", [] {});  // what an empty call costs, for the benchmark of it
}

}  // namespace fastcv::python
