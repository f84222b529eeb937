// Classical scaling from a few rows of the distances: a start for the solver, exact where the distances are.
#pragma once

#include "fastcv/mds.hpp"

namespace fastcv::mds {

// Positions of n points, coordinate after coordinate at `stride`, zeros behind the last point, centred; from the
// distances of at most `landmarks` points to all: classical scaling of those points, then each point from its distances
// to them (de Silva and Tenenbaum's landmark MDS). With n <= landmarks it is classical MDS itself. Coordinates beyond
// the rank of the landmarks are 0. Reads D(landmark, i), and D(i, landmark) too if `symmetrize`. False where what it
// read is not finite, or its squares are not; x is then undefined.
template <class T>
bool landmark_scaling(const MatrixView<T>& distances, std::ptrdiff_t n, bool symmetrize, std::ptrdiff_t landmarks,
                      int dimensions, T* x, std::ptrdiff_t stride);

}  // namespace fastcv::mds
