// Classical scaling from a few rows of the distances: a start for the solver, exact where the distances are.
#pragma once

#include <vector>

#include "fastcv/mds.hpp"

namespace fastcv::mds {

// The points whose distances to all of n are enough to start from: a draw, the same every time, ascending.
std::vector<std::ptrdiff_t> choose_landmarks(std::ptrdiff_t n, int dimensions);

// Positions of n points, coordinate after coordinate at `stride`, zeros behind the last point, centred; from the
// distances of the chosen landmarks to all: classical scaling of those points, then each point from its distances to
// them (de Silva and Tenenbaum's landmark MDS). Where all points are landmarks it is classical MDS itself. Coordinates
// beyond the rank of the landmarks are 0. Reads D(landmark, i), and D(i, landmark) too if `symmetrize`. False where
// what it read is not finite, or its squares are not; x is then undefined.
template <class T>
bool landmark_scaling(const MatrixView<T>& distances, std::ptrdiff_t n, bool symmetrize, int dimensions, T* x,
                      std::ptrdiff_t stride);

// The same from the landmarks' rows alone, one after another.
bool landmark_scaling(const double* rows, std::ptrdiff_t n, int dimensions, double* x, std::ptrdiff_t stride);

}  // namespace fastcv::mds
