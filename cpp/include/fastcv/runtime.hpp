// What every family stands on: sizes, memory, threads, interruption, the choice of SIMD target.
#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace fastcv {

// ---- sizes and memory ----------------------------------------------------------------------

// a * b, or std::length_error naming `what` when the product does not fit ptrdiff_t.
std::ptrdiff_t checked_mul(std::ptrdiff_t a, std::ptrdiff_t b, const char* what);

// Uninitialised scratch memory, aligned to 64 bytes. Throws std::bad_alloc. Allocated once per call,
// before any parallel region.
class Scratch {
 public:
  explicit Scratch(std::size_t bytes);
  std::byte* data() const { return data_.get(); }

 private:
  struct Free {
    void operator()(std::byte* p) const;
  };
  std::unique_ptr<std::byte[], Free> data_;
};

// ---- threads -------------------------------------------------------------------------------

// How many threads a call may use: `requested` (0: not said), else set_num_threads, else
// FASTCV_NUM_THREADS, else OpenMP's own setting; capped by CPU affinity and the cgroup's quota.
int thread_count(int requested);
void set_num_threads(int n);             // 0 forgets an earlier choice
int get_num_threads();                   // what thread_count(0) returns now
void ignore_caps_for_test(bool ignore);  // lets a test ask for more threads than the machine has

// Thrown out of checkpoint() when the caller asked to stop (Ctrl-C). Nothing else throws it.
struct Interrupted : std::runtime_error {
  Interrupted() : std::runtime_error("fastcv: interrupted") {}
};

// Asked about every 50 ms on the thread that called parallel_rows; true means stop.
using InterruptPoll = bool (*)();
void set_interrupt_poll(InterruptPoll poll);

// For a call of many short parallel_rows, none of which lives long enough to ask: called between them, it asks about
// every 50 ms, and throws Interrupted when the caller wants to stop. Does nothing inside a parallel region.
void check_interrupt();

// One thread's share of the rows: [begin, end). `index` < the number of bands, for scratch memory.
class Band {
 public:
  std::ptrdiff_t begin;
  std::ptrdiff_t end;
  int index;

  // Call between row blocks, every millisecond or so: throws when this call is to stop.
  void checkpoint();

  class Team;
  Team* team;  // set by parallel_rows
};

// How many bands parallel_rows will make of `rows`: at most `threads`, each at least `grain` rows.
int band_count(std::ptrdiff_t rows, std::ptrdiff_t grain, int threads);

// Calls fn(Band&) for contiguous bands that cover [0, rows), each on its own thread (on the caller's
// when there is one band, or when already inside a parallel region). The first exception stops the
// others and is rethrown here. A plain function pointer and context: no allocation on the way.
void parallel_rows_erased(std::ptrdiff_t rows, std::ptrdiff_t grain, int threads, void (*fn)(void* context, Band& band),
                          void* context);

template <class Fn>
void parallel_rows(std::ptrdiff_t rows, std::ptrdiff_t grain, int threads, Fn&& fn) {
  parallel_rows_erased(
      rows, grain, threads,
      [](void* context, Band& band) { (*static_cast<std::remove_reference_t<Fn>*>(context))(band); },
      const_cast<void*>(static_cast<const void*>(&fn)));
}

// ---- SIMD targets --------------------------------------------------------------------------
// Names, best first: "avx512" (Ice Lake and Zen 4 on), "avx2", "sse4"; "neon" on ARM.

std::vector<std::string> simd_compiled();
std::vector<std::string> simd_detected();  // compiled and supported by this processor
std::string simd_active();
// Forces one of simd_detected(), for tests; "" restores the best allowed by FASTCV_SIMD. Throws
// std::invalid_argument for another name. Not to be called while a kernel runs.
void simd_force(const std::string& name);

// Once, at import: checks the baseline, applies FASTCV_SIMD as an upper limit, installs fork handlers.
// Throws std::runtime_error when the processor lacks the baseline.
void initialize_runtime();

// ---- report --------------------------------------------------------------------------------

struct RuntimeReport {
  std::string version;
  std::string compiler;
  std::string thread_backend;  // "OpenMP (libgomp ...)" or "std::thread"
  int threads;                 // thread_count(0)
  std::string threads_reason;  // why: which authority spoke and what capped it
  int affinity_cpus;           // 0: unknown
  double cgroup_cpus;          // 0: no quota
  bool fork_safe;              // OpenMP can be paused before a fork
};
RuntimeReport runtime_report();

}  // namespace fastcv
