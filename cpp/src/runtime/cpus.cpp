#include "runtime/cpus.hpp"

#include <algorithm>
#include <fstream>
#include <string>

#ifdef __linux__
#include <sched.h>
#include <time.h>
#endif

namespace fastcv {
namespace {

#ifdef __linux__

// Quota in processors, or 0 when the file is absent or says "max" (v2) or -1 (v1).
double quota_v2(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");
  double quota = 0, period = 0;
  return file >> quota >> period && quota > 0 && period > 0 ? quota / period : 0;
}

double quota_v1(const std::string& folder) {
  std::ifstream quota_file(folder + "/cpu.cfs_quota_us"), period_file(folder + "/cpu.cfs_period_us");
  double quota = 0, period = 0;
  return quota_file >> quota && period_file >> period && quota > 0 && period > 0 ? quota / period : 0;
}

// The smallest quota of `group` and its ancestors. Inside a container the group's own path may not be
// visible below `root`; its limit then stands at `root` itself.
double tightest(const std::string& root, std::string group, double (*quota)(const std::string&)) {
  double least = 0;
  for (;;) {
    const double q = quota(root + group);
    if (q > 0 && (least == 0 || q < least)) least = q;
    if (group.empty()) return least;
    group.resize(group.rfind('/') == std::string::npos ? 0 : group.rfind('/'));
  }
}

double read_cgroup_cpus() {
  std::ifstream groups("/proc/self/cgroup");
  double least = 0;
  const auto note = [&](double q) {
    if (q > 0 && (least == 0 || q < least)) least = q;
  };
  for (std::string line; std::getline(groups, line);) {  // "hierarchy:controllers:/path"
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    std::string group = line.substr(second + 1);
    if (group == "/") group.clear();
    if (controllers == ",,") {
      note(tightest("/sys/fs/cgroup", group, quota_v2));
      note(tightest("/sys/fs/cgroup/unified", group, quota_v2));
    } else if (controllers.find(",cpu,") != std::string::npos) {
      note(tightest("/sys/fs/cgroup/cpu", group, quota_v1));
      note(tightest("/sys/fs/cgroup/cpu,cpuacct", group, quota_v1));
    }
  }
  return least;
}

#endif

}  // namespace

int affinity_cpus() {
#ifdef __linux__
  cpu_set_t set;  // 1024 processors; a larger machine answers EINVAL, and then the cap is left out
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  return 0;
}

int recent_affinity_cpus() {
#ifdef __linux__
  // Affinity belongs to a thread. A system call costs 0.1 us and more, the coarse clock 5 ns.
  thread_local int cpus = 0;
  thread_local long long expires = 0;
  timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  const long long ms = now.tv_sec * 1000LL + now.tv_nsec / 1000000;
  if (ms >= expires) {
    cpus = affinity_cpus();
    expires = ms + 10;
  }
  return cpus;
#else
  return 0;
#endif
}

double cgroup_cpus() {
#ifdef __linux__
  static const double cpus = read_cgroup_cpus();
  return cpus;
#else
  return 0;
#endif
}

}  // namespace fastcv
