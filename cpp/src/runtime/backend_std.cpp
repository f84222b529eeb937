// Fresh threads for each call: no pool, so nothing to hang after a fork, and ThreadSanitizer sees all of it.
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

#include "runtime/backend.hpp"
#include "runtime/cpus.hpp"

namespace fastcv::backend {
namespace {
thread_local bool inside = false;
}

std::string name() { return "std::thread"; }

int default_threads() {
  const int cpus = recent_affinity_cpus();
  return cpus > 0 ? cpus : static_cast<int>(std::thread::hardware_concurrency());
}
std::string default_reason() { return "the number of processors (" + std::to_string(default_threads()) + ")"; }
bool in_parallel() { return inside; }

void run(int count, void (*fn)(void* context, int index) noexcept, void* context) {
  std::vector<std::thread> threads;
  threads.reserve(count - 1);
  int started = 1;
  try {
    for (; started < count; started++) {
      threads.emplace_back([=] {
        inside = true;
        fn(context, started);
      });
    }
  } catch (const std::system_error&) {
    // No more threads to be had: the caller does what is left.
  }
  inside = true;
  fn(context, 0);
  for (int i = started; i < count; i++) fn(context, i);
  inside = false;
  for (std::thread& thread : threads) thread.join();
}

bool install_fork_handlers() { return true; }
bool fork_safe() { return true; }

}  // namespace fastcv::backend
