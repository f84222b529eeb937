// Where the resized image lies in the output.
#pragma once

#include "fastcv/preprocess.hpp"

namespace fastcv::preprocess {

Placement place(const PreprocessOptions& options, std::ptrdiff_t height, std::ptrdiff_t width);

}  // namespace fastcv::preprocess
