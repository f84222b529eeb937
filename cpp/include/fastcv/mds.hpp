// Points from pairwise distances: gradient descent as published, and a solver that needs no learning rate.
#pragma once

#include <cstddef>

namespace fastcv {}  // namespace fastcv
