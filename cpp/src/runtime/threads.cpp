#include "runtime/threads.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <exception>

#include "fastcv/runtime.hpp"
#include "runtime/backend.hpp"
#include "runtime/cpus.hpp"

namespace fastcv {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kPollInterval = std::chrono::milliseconds(50);
constexpr int kMaxThreads = 4096;  // a sane bound for what a user may ask for

std::atomic<int> chosen_threads{0};       // set_num_threads
std::atomic<int> environment_threads{0};  // FASTCV_NUM_THREADS
std::atomic<bool> ignore_caps{false};
std::atomic<InterruptPoll> interrupt_poll{nullptr};

int cgroup_threads() { return static_cast<int>(std::ceil(std::min(cgroup_cpus(), double{kMaxThreads}))); }

int capped(int threads, int affinity) {
  if (ignore_caps.load(std::memory_order_relaxed)) return std::clamp(threads, 1, kMaxThreads);
  if (affinity > 0) threads = std::min(threads, affinity);
  if (const int quota = cgroup_threads(); quota > 0) threads = std::min(threads, quota);
  return std::clamp(threads, 1, kMaxThreads);
}

int wanted(int requested) {
  if (requested > 0) return requested;
  if (const int n = chosen_threads.load(std::memory_order_relaxed); n > 0) return n;
  if (const int n = environment_threads.load(std::memory_order_relaxed); n > 0) return n;
  return backend::default_threads();  // belongs to the calling thread in OpenMP: never cached
}

}  // namespace

// ---- authority -----------------------------------------------------------------------------

int thread_count(int requested) {
  const int n = wanted(requested);
  return n <= 1 ? 1 : capped(n, recent_affinity_cpus());
}

void set_num_threads(int n) {
  if (n < 0) {
    throw std::invalid_argument("set_num_threads: n must be at least 0 (0: the default), got " + std::to_string(n));
  }
  chosen_threads = n;
}

int get_num_threads() { return capped(wanted(0), affinity_cpus()); }

void ignore_caps_for_test(bool ignore) { ignore_caps = ignore; }

int read_environment_threads() {
  const char* text = std::getenv("FASTCV_NUM_THREADS");
  if (text == nullptr || *text == '\0') return 0;
  char* end = nullptr;
  errno = 0;
  const long n = std::strtol(text, &end, 10);
  if (*end != '\0' || errno != 0 || n < 1) {
    throw std::runtime_error("fastcv: FASTCV_NUM_THREADS must be a whole number of at least 1, got \"" +
                             std::string(text) + "\"");
  }
  environment_threads = static_cast<int>(std::min<long>(n, kMaxThreads));
  return environment_threads;
}

ThreadChoice explain_thread_count() {
  std::string reason;
  if (chosen_threads > 0) {
    reason = "set_num_threads(" + std::to_string(chosen_threads) + ")";
  } else if (environment_threads > 0) {
    reason = "FASTCV_NUM_THREADS=" + std::to_string(environment_threads);
  } else {
    reason = backend::default_reason();
  }
  const int asked = wanted(0), affinity = affinity_cpus(), threads = capped(asked, affinity);
  if (threads < asked) {
    reason += threads == affinity ? ", capped by CPU affinity (" + std::to_string(affinity) + ")"
                                  : ", capped by the cgroup's CPU quota";
  }
  return {threads, reason};
}

std::string thread_backend_name() { return backend::name(); }
bool install_fork_handlers() { return backend::install_fork_handlers(); }
bool fork_safe() { return backend::fork_safe(); }

// ---- one call's team -----------------------------------------------------------------------

void set_interrupt_poll(InterruptPoll poll) { interrupt_poll = poll; }

void check_interrupt() {
  const InterruptPoll poll = interrupt_poll.load(std::memory_order_relaxed);
  if (poll == nullptr || backend::in_parallel()) return;
  thread_local Clock::time_point next{};
  const Clock::time_point now = Clock::now();
  if (now < next) return;
  next = now + kPollInterval;
  if (poll()) throw Interrupted();
}

// Shared by the threads of one parallel_rows.
class Band::Team {
 public:
  explicit Team(InterruptPoll poll) : poll_(poll), caller_(backend::thread_mark()) {}

  bool stopped() const { return stop_.load(std::memory_order_relaxed); }

  void checkpoint() {
    if (stopped()) throw Interrupted();
    if (poll_ == nullptr || backend::thread_mark() != caller_) return;
    if (first_) return void(first_ = false);  // a call that ends before its second checkpoint reads no clock
    const Clock::time_point now = Clock::now();
    if (next_poll_ == Clock::time_point()) next_poll_ = now + kPollInterval;
    if (now < next_poll_) return;
    if (poll_()) throw Interrupted();
    next_poll_ = Clock::now() + kPollInterval;
  }

  void run(std::ptrdiff_t rows, int bands, int index, void (*fn)(void*, Band&), void* context) noexcept {
    if (stopped()) return;
    try {
      // The first `rows % bands` bands are one row longer: no product that could overflow.
      const std::ptrdiff_t size = rows / bands, longer = rows % bands;
      const std::ptrdiff_t begin = index * size + std::min<std::ptrdiff_t>(index, longer);
      Band band{begin, begin + size + (index < longer ? 1 : 0), index, this};
      fn(context, band);
    } catch (...) {
      // The first exception is kept, and only then the others are told to stop: what they throw is dropped.
      if (!failed_.exchange(true)) {
        error_ = std::current_exception();
        stop_ = true;
      }
    }
  }

  void rethrow() {
    if (error_) std::rethrow_exception(std::move(error_));
  }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<bool> failed_{false};
  std::exception_ptr error_;
  InterruptPoll poll_;
  backend::ThreadMark caller_;  // polls, because only there Python sees a signal
  bool first_ = true;
  Clock::time_point next_poll_{};
};

void Band::checkpoint() { team->checkpoint(); }

int band_count(std::ptrdiff_t rows, std::ptrdiff_t grain, int threads) {
  const std::ptrdiff_t most = rows / std::max<std::ptrdiff_t>(grain, 1);
  return static_cast<int>(std::clamp<std::ptrdiff_t>(most, 1, std::max(threads, 1)));
}

void parallel_rows_erased(std::ptrdiff_t rows, std::ptrdiff_t grain, int threads, void (*fn)(void* context, Band& band),
                          void* context) {
  if (rows <= 0) return;
  int bands = band_count(rows, grain, threads);
  const bool nested = backend::in_parallel();
  // Inside somebody's parallel region this thread may not be one that Python knows: no poll.
  Band::Team team(nested ? nullptr : interrupt_poll.load(std::memory_order_relaxed));
  if (nested) bands = 1;
  if (bands == 1) {
    Band band{0, rows, 0, &team};
    fn(context, band);
    return;
  }
  struct Work {
    Band::Team& team;
    std::ptrdiff_t rows;
    int bands;
    void (*fn)(void*, Band&);
    void* context;
  } work{team, rows, bands, fn, context};
  backend::run(
      bands,
      [](void* erased, int index) noexcept {
        Work& w = *static_cast<Work*>(erased);
        w.team.run(w.rows, w.bands, index, w.fn, w.context);
      },
      &work);
  team.rethrow();
}

}  // namespace fastcv
