// Stands in for the solver of incomplete measurements until it is merged.
#include <stdexcept>

#include "mds/solve.hpp"

namespace fastcv::mds {

template <class T>
MdsReport solve_network(const MdsProblem<T>&, const MdsOptions<T>&, T*, double*) {
  throw std::invalid_argument("mds: distances must be complete");
}
template MdsReport solve_network(const MdsProblem<float>&, const MdsOptions<float>&, float*, double*);
template MdsReport solve_network(const MdsProblem<double>&, const MdsOptions<double>&, double*, double*);

}  // namespace fastcv::mds
