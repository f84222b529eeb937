#include "arguments.hpp"

#include <algorithm>
#include <limits>
#include <string_view>

namespace fastcv::python {
namespace {

constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

std::int64_t saturated(PyObject* integer) {
  int overflow = 0;
  const std::int64_t value = PyLong_AsLongLongAndOverflow(integer, &overflow);
  return overflow == 0 ? value : overflow > 0 ? kMax : kMin;
}

// NumPy's bool and complex scalars turn into numbers when asked; nobody means that.
bool named(PyObject* object, const char* prefix) {
  return std::string_view(Py_TYPE(object)->tp_name).starts_with(prefix);
}

}  // namespace

std::string type_name(PyObject* object) { return Py_TYPE(object)->tp_name; }

std::string short_repr(PyObject* object) {
  constexpr std::size_t kLongest = 80;
  std::string text = py::str(py::repr(py::handle(object)));
  if (text.size() > kLongest) text = text.substr(0, kLongest - 3) + "...";
  return text;
}

bool as_int(PyObject* object, std::int64_t* value) {
  if (PyLong_CheckExact(object)) {
    *value = saturated(object);
    return true;
  }
  if (PyBool_Check(object) || !PyIndex_Check(object)) return false;
  const py::object integer = py::reinterpret_steal<py::object>(PyNumber_Index(object));
  if (!integer) {
    PyErr_Clear();
    return false;
  }
  *value = saturated(integer.ptr());
  return true;
}

std::int64_t int_argument(const char* function, const char* argument, PyObject* object, std::int64_t least,
                          std::int64_t most) {
  std::int64_t value;
  if (!as_int(object, &value)) {
    refuse<py::type_error>(function, ": ", argument, " must be an int, got ", type_name(object));
  }
  if (value < least) {
    refuse<py::value_error>(function, ": ", argument, " must be at least ", least, ", got ", short_repr(object));
  }
  if (value > most) {
    refuse<py::value_error>(function, ": ", argument, " must be at most ", most, ", got ", short_repr(object));
  }
  return value;
}

bool bool_argument(const char* function, const char* argument, PyObject* object) {
  if (!PyBool_Check(object)) {
    refuse<py::type_error>(function, ": ", argument, " must be a bool, got ", type_name(object));
  }
  return object == Py_True;
}

int num_threads_argument(const char* function, PyObject* object) {
  if (object == Py_None) return 0;
  std::int64_t value;
  if (!as_int(object, &value)) {
    refuse<py::type_error>(function, ": num_threads must be an int or None, got ", type_name(object));
  }
  if (value < 1) refuse<py::value_error>(function, ": num_threads must be at least 1, got ", short_repr(object));
  return static_cast<int>(std::min<std::int64_t>(value, std::numeric_limits<int>::max()));
}

IntPair int_pair_argument(const char* function, const char* argument, const char* what, PyObject* object) {
  std::int64_t value;
  if (as_int(object, &value)) return {value, value};
  if (PySequence_Check(object) && !PyUnicode_Check(object) && !PyBytes_Check(object)) {
    // A tuple of our own: what an item's __index__, or another thread, does to a list must not free what is being read.
    const py::object items = py::reinterpret_steal<py::object>(PySequence_Tuple(object));
    if (!items) PyErr_Clear();
    IntPair pair;
    if (items && PyTuple_GET_SIZE(items.ptr()) == 2 && as_int(PyTuple_GET_ITEM(items.ptr(), 0), &pair.x) &&
        as_int(PyTuple_GET_ITEM(items.ptr(), 1), &pair.y)) {
      return pair;
    }
    refuse<py::type_error>(function, ": ", argument, " must be an int or a pair ", what, " of ints, got ",
                           short_repr(object));
  }
  refuse<py::type_error>(function, ": ", argument, " must be an int or a pair ", what, " of ints, got ",
                         type_name(object));
}

bool as_real(PyObject* object, double* value) {
  if (PyFloat_CheckExact(object)) {
    *value = PyFloat_AS_DOUBLE(object);
    return true;
  }
  if (PyBool_Check(object) || PyComplex_Check(object) || named(object, "numpy.bool") ||
      named(object, "numpy.complex") || named(object, "numpy.clongdouble") || !PyNumber_Check(object)) {
    return false;
  }
  const double number = PyLong_Check(object) ? PyLong_AsDouble(object) : PyFloat_AsDouble(object);
  if (number == -1.0 && PyErr_Occurred()) {
    const bool overflow = PyErr_ExceptionMatches(PyExc_OverflowError);
    PyErr_Clear();
    if (!overflow) return false;
    *value = std::numeric_limits<double>::infinity();  // an int beyond all doubles
    return true;
  }
  *value = number;
  return true;
}

UserCallback::UserCallback(const char* function, PyObject* object) : object_(object == Py_None ? nullptr : object) {
  if (object_ != nullptr && !PyCallable_Check(object)) {
    refuse<py::type_error>(function, ": callback must be callable or None, got ", type_name(object));
  }
}

Names::Names(const char* function, const char* argument, std::vector<Entry> entries)
    : function_(function), argument_(argument), entries_(std::move(entries)) {
  for (const Entry& entry : entries_) interned_.push_back(PyUnicode_InternFromString(entry.name));
}

int Names::operator()(PyObject* object) const {
  for (std::size_t i = 0; i < entries_.size(); i++) {
    if (object == interned_[i]) return entries_[i].value;
  }
  if (!PyUnicode_Check(object)) {
    refuse<py::type_error>(function_, ": ", argument_, " must be a str, got ", type_name(object));
  }
  for (std::size_t i = 0; i < entries_.size(); i++) {
    if (PyUnicode_Compare(object, interned_[i]) == 0) return entries_[i].value;
  }
  std::string valid;
  for (const Entry& entry : entries_) {
    if (!entry.alias) valid += (valid.empty() ? "\"" : ", \"") + std::string(entry.name) + "\"";
  }
  refuse<py::value_error>(function_, ": ", argument_, " must be one of ", valid, ", got ", short_repr(object));
}

}  // namespace fastcv::python
