// How a block of passes is run: by a wavefront over the rows of an image, or by a sweep over the slices of a volume.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "fastcv/runtime.hpp"
#include "tv/chambolle.hpp"
#include "tv/chambolle_solve.hpp"

namespace fastcv::tv {

struct Block {
  int stages;
  bool update_last;
  bool keep_u;  // of the last stage, in the result
  Measure measure;
};

template <class T>
class Solver<T>::Passes {
 public:
  static std::unique_ptr<Passes> make(const std::vector<std::ptrdiff_t>& shape, const Settings& settings);
  virtual ~Passes() = default;

  virtual void begin(const Rows<const T>& image, const Rows<T>& result) = 0;
  // From the dual that advance() left (first: 0) to another one; the former stays as it is, so that a block can
  // be run again.
  virtual void run(const Block& block) = 0;
  virtual void advance() = 0;
  virtual int most() const = 0;      // stages in a block
  virtual T* plane(int number) = 0;  // the caller's first, then those of both duals

  double energy(int stage) const { return energies_[stage]; }
  double change(int stage) const { return changes_[stage]; }

 protected:
  std::vector<double> energies_, changes_;  // of the last block
};

}  // namespace fastcv::tv
