// How many processors this process may use, from the kernel's point of view.
#pragma once

namespace fastcv {

int affinity_cpus();         // of the calling thread, asked now; 0: unknown
int recent_affinity_cpus();  // the same, at most 10 ms old
double cgroup_cpus();        // the tightest quota on the way up, in processors; 0: none. Read once.

}  // namespace fastcv
