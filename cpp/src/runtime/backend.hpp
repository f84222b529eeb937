// The two ways to run bands on threads: OpenMP (backend_openmp.cpp) or std::thread (backend_std.cpp).
// CMake's FASTCV_THREADS chooses the file; both keep these promises.
#pragma once

#include <cstdint>
#include <string>

namespace fastcv::backend {

std::string name();
int default_threads();  // on the calling thread, when nobody said anything
std::string default_reason();
bool in_parallel();  // already inside a parallel region

// Runs fn(context, 0 .. count - 1), index 0 on the calling thread, and returns when all are done.
// Threads that cannot be had are made up for by the ones that can.
void run(int count, void (*fn)(void* context, int index) noexcept, void* context);

bool install_fork_handlers();
bool fork_safe();

using ThreadMark = std::uintptr_t;
inline ThreadMark thread_mark() {  // differs between threads that are alive
  static thread_local char mark;
  return reinterpret_cast<ThreadMark>(&mark);
}

}  // namespace fastcv::backend
