// What is measured of an image before it is denoised: how rough it is, and how noisy.
#pragma once

#include "tv/denoise_plane.hpp"

namespace fastcv::tv {

// The mean of |grad f| over a sample of the rows. 0 where there are no two pixels to compare.
template <class T>
double mean_slope(const PlaneShape& shape, const PlaneIo<T>& io);

}  // namespace fastcv::tv
