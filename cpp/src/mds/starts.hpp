// Where to begin when distances are missing. No start is right for every network: what fails from one is solved
// from the next.
#pragma once

#include <cstdint>

#include "mds/graph.hpp"

namespace fastcv::mds {

// Landmark scaling of the lengths of shortest ways (Shang et al.'s MDS-MAP on landmarks): each connected part by
// itself, turned, mirrored and moved onto its anchors. Right for networks whose neighbours were measured.
// `measured`: a measured distance is used as it is, even where a detour is shorter (some may be much too short).
Positions shortest_path_start(const Network& network, const Graph& graph, std::ptrdiff_t landmarks, bool measured);

// Classical scaling with the mean of the squared distances in the place of those that are missing. Right for pairs
// that were drawn at random, where no way is short.
Positions spectral_start(const Network& network, const Graph& graph);

// Moves, turns and mirrors the free `members` (and those of their anchors that x holds a relative place for) so that
// the anchors among them lie best where they belong. Does nothing without anchors among them.
void align_with_anchors(const Network& network, const std::vector<std::int32_t>& members, Positions& x);

// Numbers in [0, 1) that are the same everywhere.
class Draws {
 public:
  explicit Draws(std::uint64_t seed) : state_(seed * 2 + 1) {}
  double uniform() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    std::uint64_t z = state_ ^ (state_ >> 29);
    z = (z ^ (z >> 32)) * 0xBF58476D1CE4E5B9u;
    return static_cast<double>((z ^ (z >> 29)) >> 11) * 0x1p-53;
  }
  double centred() { return uniform() - 0.5; }

 private:
  std::uint64_t state_;
};

}  // namespace fastcv::mds
