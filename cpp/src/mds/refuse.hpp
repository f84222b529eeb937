// How solve_mds says no.
#pragma once

#include <sstream>
#include <stdexcept>

namespace fastcv::mds {

// Throws std::invalid_argument: "mds: ", and all parts written one after the other.
template <class... Parts>
[[noreturn]] void refuse(const Parts&... parts) {
  std::ostringstream text;
  text << "mds: ";
  (text << ... << parts);
  throw std::invalid_argument(text.str());
}

}  // namespace fastcv::mds
