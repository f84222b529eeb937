// From Python arguments to plain C++ values, and the words for what is refused.
// Written for calls that take half a microsecond: no allocation and no attribute look-up unless something is wrong.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <exception>
#include <sstream>
#include <string>
#include <vector>

namespace fastcv::python {

namespace py = pybind11;

// Throws Error (py::type_error, py::value_error) with all parts written one after the other.
template <class Error, class... Parts>
[[noreturn]] void refuse(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  throw Error(text.str());
}

std::string type_name(PyObject* object);   // "float", "NoneType", "numpy.ndarray"
std::string short_repr(PyObject* object);  // repr, cut when it is long

// True for int and what stands for one (NumPy's integers), false for bool, float and all else.
// Numbers beyond 64 bits become the nearest of those.
bool as_int(PyObject* object, std::int64_t* value);

// An int within [least, most], or a refusal: "box_blur: num_threads must be at least 1, got 0".
std::int64_t int_argument(const char* function, const char* argument, PyObject* object, std::int64_t least,
                          std::int64_t most);

// True or False; nothing that stands for one.
bool bool_argument(const char* function, const char* argument, PyObject* object);

// None or an int >= 1; None: 0, which means "not said".
int num_threads_argument(const char* function, PyObject* object);

struct IntPair {
  std::int64_t x, y;
};
// An int for both, or (x, y). `what` words the expectation: "(width, height)". The range is the caller's to check.
IntPair int_pair_argument(const char* function, const char* argument, const char* what, PyObject* object);

// A real number that is not a bool; false for anything else.
bool as_real(PyObject* object, double* value);

// A choice by name. Names are interned, so that a literal in the caller's code is found by its address.
class Names {
 public:
  struct Entry {
    const char* name;
    int value;
    bool alias = false;  // understood, but not offered in messages
  };
  Names(const char* function, const char* argument, std::vector<Entry> entries);
  int operator()(PyObject* object) const;
  int operator()(const py::handle& object) const { return (*this)(object.ptr()); }

 private:
  const char* function_;
  const char* argument_;
  std::vector<Entry> entries_;
  std::vector<PyObject*> interned_;
};

// Lets other Python threads run while it lives. Short work keeps the lock: giving it up costs more.
class ReleaseGil {
 public:
  explicit ReleaseGil(bool release) : state_(release ? PyEval_SaveThread() : nullptr) {}
  ~ReleaseGil() {
    if (state_ != nullptr) PyEval_RestoreThread(state_);
  }
  ReleaseGil(const ReleaseGil&) = delete;
  ReleaseGil& operator=(const ReleaseGil&) = delete;

 private:
  PyThreadState* state_;
};

// What a user gave as `callback`, for a solver that runs without the GIL and asks it now and then whether to stop.
class UserCallback {
 public:
  // A callable or None, or a refusal. Borrows.
  UserCallback(const char* function, PyObject* object);
  explicit operator bool() const { return object_ != nullptr; }

  // Calls it with the tuple that arguments() makes under the GIL. True: stop, because it said so, or because it raised.
  template <class Arguments>
  bool operator()(Arguments&& arguments) {
    const py::gil_scoped_acquire held;
    try {
      const py::object answer = py::reinterpret_borrow<py::object>(object_)(*py::tuple(arguments()));
      const int stop = PyObject_IsTrue(answer.ptr());
      if (stop < 0) throw py::error_already_set();
      return stop != 0;
    } catch (...) {
      error_ = std::current_exception();
      return true;
    }
  }
  bool raised() const { return error_ != nullptr; }
  void rethrow() const {  // what it raised, if anything
    if (error_) std::rethrow_exception(error_);
  }

 private:
  PyObject* object_;
  std::exception_ptr error_;
};

}  // namespace fastcv::python
