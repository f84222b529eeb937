// Fork. libgomp keeps its worker threads in a pool; a forked child inherits the pool but not the threads, and
// waits for them for ever (GCC bug 60035). A prepare handler therefore gives the pool back before each fork
// (omp_pause_resource_all: 15 us, and 20 us for the next region to make it again). Without that function
// a child of a process that used threads runs on one thread.
//
// Too many threads. libgomp ends the whole process when it cannot start a thread (a limit on processes or
// memory), so a team that grows is tried first with plain threads that can fail politely.
#include <dlfcn.h>
#include <omp.h>
#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <new>

#include "runtime/backend.hpp"

namespace fastcv::backend {
namespace {

using PauseAll = int (*)(int kind);
constexpr int kSoft = 1;  // omp_pause_soft

// Written once, at import.
PauseAll pause_all = nullptr;
bool runtime_forks_itself = false;  // LLVM's libomp starts afresh in the child by its own handlers
std::atomic<bool> used_threads{false};
std::atomic<bool> serial_only{false};  // in a child whose inherited pool is dead

// The size of this thread's team, as far as we made it. OpenMP keeps one pool for each thread that opens regions.
thread_local int team_size = 1;

void before_fork() {
  if (runtime_forks_itself) return;
  if (pause_all == nullptr || pause_all(kSoft) != 0) return;
  team_size = 1;
}

void in_child() {
  // team_size > 1: this thread's pool was not given back (no such function, or a fork inside a region).
  if (!runtime_forks_itself && used_threads && team_size > 1) serial_only = true;
}

bool can_start(int extra) {
  struct Gate {
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  } gate;
  std::unique_ptr<pthread_t[]> probes(new (std::nothrow) pthread_t[extra]);
  if (probes == nullptr) return false;
  int started = 0;
  pthread_mutex_lock(&gate.mutex);  // holds all probes alive at once
  bool ok = true;
  for (int i = 0; i < extra && ok; i++) {
    pthread_t thread;
    ok = pthread_create(
             &thread, nullptr,
             [](void* p) -> void* {
               pthread_mutex_lock(&static_cast<Gate*>(p)->mutex);
               pthread_mutex_unlock(&static_cast<Gate*>(p)->mutex);
               return nullptr;
             },
             &gate) == 0;
    if (ok) probes[started++] = thread;
  }
  // And while their stacks are held: what libgomp itself allocates for a team, many times over. It ends the process
  // too when it gets no memory.
  constexpr std::size_t kTeamMemory = 1 << 20;
  void* const memory = ok ? ::operator new(kTeamMemory, std::nothrow) : nullptr;
  ok = memory != nullptr;
  ::operator delete(memory);
  pthread_mutex_unlock(&gate.mutex);
  for (int i = 0; i < started; i++) pthread_join(probes[i], nullptr);
  return ok;
}

}  // namespace

std::string name() {
  Dl_info info;
  const bool found = dladdr(reinterpret_cast<void*>(&omp_get_max_threads), &info) != 0 && info.dli_fname != nullptr;
  return "OpenMP " + std::to_string(_OPENMP) + " (" + (found ? info.dli_fname : "unknown library") + ")";
}

int default_threads() { return omp_get_max_threads(); }
std::string default_reason() { return "OpenMP's setting (" + std::to_string(omp_get_max_threads()) + ")"; }
bool in_parallel() { return omp_in_parallel() != 0; }

void run(int count, void (*fn)(void* context, int index) noexcept, void* context) {
  if (serial_only || (count > team_size && !can_start(count - 1))) {
    for (int i = 0; i < count; i++) fn(context, i);
    return;
  }
  used_threads = true;
  team_size = count;
  // OpenMP may give fewer threads than asked for: each takes the bands that are left over in its turn.
#pragma omp parallel num_threads(count)
  for (int i = omp_get_thread_num(); i < count; i += omp_get_num_threads()) fn(context, i);
}

bool install_fork_handlers() {
  static const bool once = [] {
    runtime_forks_itself = dlsym(RTLD_DEFAULT, "__kmpc_fork_call") != nullptr;
    if (!runtime_forks_itself) pause_all = reinterpret_cast<PauseAll>(dlsym(RTLD_DEFAULT, "omp_pause_resource_all"));
    pthread_atfork(before_fork, nullptr, in_child);
    return true;
  }();
  static_cast<void>(once);
  return fork_safe();
}

bool fork_safe() { return runtime_forks_itself || pause_all != nullptr; }

}  // namespace fastcv::backend
