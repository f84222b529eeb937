// What the rest of the runtime needs to know about threads.
#pragma once

#include <string>

namespace fastcv {

struct ThreadChoice {
  int threads;
  std::string reason;
};
ThreadChoice explain_thread_count();

// The value of FASTCV_NUM_THREADS, 0 when unset. Throws std::runtime_error when it is not a number >= 1.
int read_environment_threads();

// Between the parallel regions of a long job, each too short to ask by itself: asks about every 50 ms whether this call
// is to stop, and throws Interrupted then. Does nothing inside a parallel region.
void check_interrupt();

std::string thread_backend_name();
bool install_fork_handlers();  // true: threads work in a forked child
bool fork_safe();

}  // namespace fastcv
