#include "fastcv/runtime.hpp"
#include "runtime/cpus.hpp"
#include "runtime/simd.hpp"
#include "runtime/threads.hpp"

namespace fastcv {

void initialize_runtime() {
  initialize_simd();
  read_environment_threads();
  install_fork_handlers();
}

RuntimeReport runtime_report() {
  const ThreadChoice choice = explain_thread_count();
  RuntimeReport report;
  report.version = FASTCV_VERSION;
#if defined(__clang__)
  report.compiler = "Clang " __clang_version__;
#elif defined(__GNUC__)
  report.compiler = "GCC " __VERSION__;
#else
  report.compiler = "unknown";
#endif
  report.thread_backend = thread_backend_name();
  report.threads = choice.threads;
  report.threads_reason = choice.reason;
  report.affinity_cpus = affinity_cpus();
  report.cgroup_cpus = cgroup_cpus();
  report.fork_safe = fork_safe();
  return report;
}

}  // namespace fastcv
