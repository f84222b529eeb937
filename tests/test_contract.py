"""What every public function keeps, whatever is sent to it: right, or one clear TypeError or ValueError, `out` untouched.

The functions stand in contract.py, the arrays in hostile.py.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastcv
from contract import CALLS, ENTRIES, RESULTS, SCIKIT_LEARN, Call, Entry
from fastcv import _core
from hostile import ARGUMENTS, DTYPES, HUGE, LAYOUTS, NOT_ARRAYS, REPEATED, SHAPES, Subclass

pytestmark = pytest.mark.filterwarnings("ignore::fastcv.ConvergenceWarning")
entries = pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
with_out = pytest.mark.parametrize("entry", [e for e in ENTRIES if e.has_out], ids=lambda e: e.name)
REFUSALS = (TypeError, ValueError)


PLAIN = ("TVInfo", "MDSResult", "History")  # results that are their fields


def public_names() -> set[str]:
    names = set()
    for name in fastcv.__all__:
        value = getattr(fastcv, name)
        if inspect.ismodule(value):
            names |= {f"{name}.{inner}" for inner in value.__all__}
            continue
        names.add(name)
        if inspect.isclass(value) and not issubclass(value, tuple | Warning) and name not in PLAIN:
            names |= {f"{name}.{inner}" for inner in vars(value) if not inner.startswith("_")}
            if "__call__" in vars(value):
                names.add(f"{name}.__call__")
    return names


def test_every_public_name_is_here():
    assert public_names() == set(CALLS) | RESULTS | SCIKIT_LEARN


def test_every_function_of_arrays_is_here():
    taking = {name for name, call in CALLS.items() if call.left_alone & {"image", "distances", "x0"}}
    tested = {entry.name.split("-")[0] for entry in ENTRIES}
    assert {name.removesuffix(".__call__") for name in taking} <= tested


@pytest.mark.parametrize("name", CALLS)
def test_every_parameter_is_here(name):
    function: Any = fastcv
    for part in name.split("."):
        function = getattr(function, part)
    expected = [p for p in inspect.signature(function).parameters if p != "self"]
    assert list(CALLS[name].arguments) == expected


# ---- arrays --------------------------------------------------------------------------------------


def attempt(function: Any, *arguments: Any, **named: Any) -> tuple[Any, Exception | None]:
    """What it returns, or what it refuses with."""
    try:
        return function(*arguments, **named), None
    except REFUSALS as error:
        return None, error


def outcome(entry: Entry, array: Any) -> Any:
    """The result, or the words of a clear refusal."""
    result, refusal = attempt(entry.call, array)
    if refusal is not None:
        assert entry.clear(refusal), repr(refusal)
        return str(refusal)
    assert type(result) is np.ndarray
    shape, dtype = entry.result(array)
    assert (result.shape, result.dtype) == (shape, dtype)
    return result


def assert_same(a: Any, b: Any) -> None:
    if isinstance(a, str) or isinstance(b, str):
        assert a == b
    else:
        assert a.tobytes() == b.tobytes()


@entries
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_in(entry, layout):
    for dtype in entry.dtypes:
        array = entry.array(dtype)
        view = LAYOUTS[layout].of(array)
        before = view.tobytes()
        expected = outcome(entry, array)
        assert not isinstance(expected, str)
        entry.check(array, expected)
        assert_same(outcome(entry, view), expected)
        view.flags.writeable = False
        assert_same(outcome(entry, view), expected)
        assert view.tobytes() == before


@with_out
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_out(entry, layout):
    """The elements are written, and no byte between them."""
    for dtype in entry.dtypes:
        array = entry.array(dtype)
        expected = entry.call(array)
        out, memory = LAYOUTS[layout].make(expected.shape, expected.dtype)
        other, other_memory = LAYOUTS[layout].make(expected.shape, expected.dtype)
        assert entry.call(array, out=out) is out
        other[...] = expected
        assert memory.tobytes() == other_memory.tobytes()


@entries
@pytest.mark.parametrize("kind", REPEATED)
def test_strides_of_zero(entry, kind):
    for dtype in entry.dtypes:
        view = REPEATED[kind](entry.array(dtype))
        expected = outcome(entry, view.copy())
        assert_same(outcome(entry, view), expected)


@entries
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shapes(entry, shape):
    for dtype in entry.dtypes:
        array = entry.array(dtype, shape)
        result = outcome(entry, array)
        if isinstance(result, str):
            continue
        assert entry.empty or array.size
        if array.ndim < 5:
            entry.check(array, result)
        if entry.has_out:
            out = np.empty_like(result)
            assert entry.call(array, out=out) is out
            assert_same(out, result)


def widths(dtype: str) -> range:
    return range(1, 2 * 64 // np.dtype(dtype).itemsize + 2)


@entries
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_every_width(entry, dtype, many_threads):
    """To two of the widest vectors and one, on every SIMD target and on one or three threads."""
    if dtype not in entry.dtypes:
        pytest.skip("not of this dtype")
    for width in widths(dtype):
        shape = [(3, width), (2, width, 3), (1, width, 4), (4, width)][width % 4]
        if len(entry.shape) == 2:
            shape = (width, width)
        array = entry.array(dtype, shape, seed=width)
        for target in _core.simd_detected():
            _core.simd_force(target)
            result = entry.call(array, num_threads=1)
            entry.check(array, result)
            assert_same(entry.call(array, num_threads=3), result)


@entries
def test_dtypes(entry):
    accepted = set()
    for name in DTYPES:
        array = entry.array(name)
        result = outcome(entry, array)
        if isinstance(result, str):
            if entry.has_out:
                out = np.full_like(entry.call(entry.array(entry.dtypes[-1])), 7)
                with pytest.raises(TypeError):
                    entry.call(array, out=out)
                assert (out == 7).all()
            continue
        accepted.add(name)
        entry.check(array, result)
    assert accepted == set(entry.dtypes)


@entries
@pytest.mark.parametrize("kind", NOT_ARRAYS)
def test_not_an_array(entry, kind):
    good = np.full_like(entry.call(entry.array(entry.dtypes[0])), 7)
    options = {"out": good} if entry.has_out else {}
    with pytest.raises(TypeError) as caught:
        entry.call(NOT_ARRAYS[kind], **options)
    assert entry.clear(caught.value), str(caught.value)
    assert (good == 7).all()
    if entry.has_out and NOT_ARRAYS[kind] is not None:
        with pytest.raises(TypeError, match=rf"^{entry.says}.*\bout\b"):
            entry.call(entry.array(entry.dtypes[0]), out=NOT_ARRAYS[kind])


@entries
def test_masked_arrays_and_subclasses(entry):
    for dtype in entry.dtypes:
        array = entry.array(dtype)
        expected = entry.call(array)
        assert_same(outcome(entry, array.view(Subclass)), expected)
        with pytest.raises(TypeError, match=f"^{entry.says}.*masked"):
            entry.call(np.ma.masked_array(array))
        if not entry.has_out:
            continue
        out = np.empty_like(expected).view(Subclass)
        assert entry.call(array, out=out) is out
        assert_same(out, expected)
        with pytest.raises(TypeError, match=f"^{entry.says}.*masked"):
            entry.call(array, out=np.ma.masked_array(np.empty_like(expected)))


# ---- out -----------------------------------------------------------------------------------------


@with_out
def test_out_that_does_not_fit(entry):
    for dtype in entry.dtypes:
        array = entry.array(dtype)
        good = entry.call(array)
        shape = good.shape
        strided = np.lib.stride_tricks.as_strided
        memory = np.full(4 * good.nbytes + 64, 7, np.uint8)
        flat = memory[: good.nbytes * 2].view(good.dtype)
        read_only = flat[: good.size].reshape(shape)
        read_only.flags.writeable = False
        bad = {
            "read-only": read_only,
            "a broadcast": strided(flat, shape, (0,) * good.ndim),
            "a broadcast axis": strided(flat, shape, (0, *good.strides[1:])),
            "overlapping elements": strided(flat, shape, (good.itemsize,) * good.ndim),
            "too short": np.empty((shape[0] - 1, *shape[1:]), good.dtype),
            "too long": np.empty((shape[0] + 1, *shape[1:]), good.dtype),
            "an axis more": np.empty((*shape, 1), good.dtype),
            "flat": np.empty(good.size, good.dtype),
            "no axis": np.empty((), good.dtype),
            "transposed": np.empty(shape[::-1], good.dtype),
            "of another dtype": np.empty(shape, np.int64),
            "byte-swapped": np.empty(shape, good.dtype.newbyteorder()) if good.itemsize > 1 else None,
            "objects": np.empty(shape, object),
        }
        for kind, out in bad.items():
            if out is None:
                continue
            with pytest.raises(REFUSALS, match=rf"^{entry.says}.*\bout\b") as caught:
                entry.call(array, out=out)
            assert type(caught.value) in REFUSALS, kind
        assert (memory == 7).all()


@with_out
@pytest.mark.parametrize("shift", [0, 1, -1, 8, "rows", "flipped"])
def test_out_over_the_input(entry, shift):
    """Where the result may lie over what it is made of, it is right; else it is refused and nothing is written."""
    for dtype in entry.dtypes:
        array = entry.array(dtype)
        shape, out_dtype = entry.result(array)
        out_dtype = np.dtype(out_dtype)
        expected = entry.call(array)
        memory = np.zeros(2 * (array.nbytes + expected.nbytes) + 128, np.uint8)
        middle = 64
        view = memory[middle : middle + array.nbytes].view(array.dtype).reshape(array.shape)
        view[...] = array
        step = shift if isinstance(shift, int) else array.strides[0] if shift == "rows" else 0
        begin = middle + step
        out = np.ndarray(shape, out_dtype, memory.data, begin)
        if shift == "flipped":
            out = out[::-1]
        before = memory.tobytes()
        _, refusal = attempt(entry.call, view, out=out)
        if refusal is None:
            assert_same(out, expected)
        else:
            assert entry.clear(refusal)
            assert memory.tobytes() == before


# ---- values --------------------------------------------------------------------------------------


def floats(entry: Entry) -> list[str]:
    return [dtype for dtype in ("float32", "float64") if dtype in entry.dtypes]


@entries
@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_not_finite(entry, value):
    rule = entry.nan if value == "nan" else entry.inf
    for dtype in floats(entry):
        array = entry.array(dtype, (60, 60) if entry.shape[0] == entry.shape[-1] else (60, 70))
        bad = array.copy()
        bad[:15, :15] = float(value)
        out = entry.call(array)
        expected = out.copy()
        if rule == "refused":
            with pytest.raises(ValueError, match=rf"^{entry.says}{entry.argument}"):
                entry.call(bad, **({"out": out} if entry.has_out else {}))
            assert_same(out, expected)
            continue
        with np.errstate(invalid="ignore"):
            got = entry.call(bad)
        if rule == "missing":
            assert np.isfinite(got).all()
        else:
            far = np.s_[..., -expected.shape[-2] // 5 :, -expected.shape[-1] // 5 :]
            assert not np.isfinite(got).all()
            assert_same(got[far].copy(), expected[far].copy())


@entries
@pytest.mark.parametrize("value", [-0.0, 5e-324, 1e-45, 1e-40, 2e-308, 1e-310, 1e30, 1e150])
def test_constants_stay(entry, value):
    """Denormals are not flushed, nothing overflows on the way."""
    if not entry.keeps_constants:
        pytest.skip("a border of its own")
    for dtype in floats(entry):
        if value > float(np.finfo(dtype).max):
            continue
        array = np.full((40, 50), value, dtype)
        for target in _core.simd_detected():
            _core.simd_force(target)
            got = entry.call(array)
            assert (abs(got - array.flat[0]) <= entry.constant_ulp * np.spacing(abs(array.flat[0]))).all()


def test_floating_point_mode_is_left_alone():
    """Nobody turns denormals off for the process."""
    tiny = np.float64(5e-324)
    assert tiny * np.float64(1) == tiny
    assert np.float32(1e-45) * np.float32(1) != 0


# ---- huge views without memory --------------------------------------------------------------------

HUGE_CALL = """
import json, resource, sys, time
sys.path.insert(0, {tests!r})
import numpy as np
from contract import ENTRIES
entry = next(e for e in ENTRIES if e.name == {name!r})
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30), resource.RLIM_INFINITY))
words = []
for dtype in entry.dtypes[:1] + entry.dtypes[-1:]:
    for shape in {shapes!r}:
        if np.dtype(dtype).itemsize * np.prod(shape, dtype=object) >= 2**63:
            continue
        begin = time.monotonic()
        try:
            entry.call(np.broadcast_to(np.ones((), dtype), shape), num_threads=1)
            word = "done"
        except Exception as error:
            word = type(error).__name__ + ": " + str(error)
        words.append([str(shape), dtype, word, time.monotonic() - begin])
small = entry.array(entry.dtypes[0])
entry.check(small, entry.call(small))
print(json.dumps(words))
"""


@entries
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a limit on memory")
def test_huge_views(entry):
    """Shapes of up to 2^62 elements over one: an error or the right result, and no crash."""
    code = HUGE_CALL.format(tests=str(Path(__file__).parent), name=entry.name, shapes=HUGE)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    for shape, dtype, word, seconds in json.loads(done.stdout):
        assert re.match(r"done$|MemoryError|(TypeError|ValueError): \w+", word), (shape, dtype, word)
        assert seconds < 20, (shape, dtype, word, seconds)


# ---- arguments -----------------------------------------------------------------------------------


def arguments_of(call: Call, name: str, value: Any) -> tuple[dict[str, Any], Any]:
    arguments = {**call.arguments, name: value}
    out = None
    if call.out is not None and name != "out":
        out = arguments["out"] = call.out()
    return arguments, out


def explained(call: Call, name: str, error: Exception) -> bool:
    words = call.also_says.get(name, name)
    return str(error).startswith(call.says) and bool(re.search(rf"\b({words}|{name})\b", str(error)))


CASES = [(name, argument) for name, call in CALLS.items() for argument in call.arguments]


@pytest.mark.parametrize(("name", "argument"), CASES, ids=[f"{n}-{a}" for n, a in CASES])
def test_arguments_are_understood_or_refused(name, argument):
    call = CALLS[name]
    if argument in call.left_alone:
        pytest.skip("sent arrays elsewhere")
    for value in ARGUMENTS:
        if argument == "callback" and callable(value):
            continue  # what it raises is the caller's
        if argument in ("n", "num_iterations") and isinstance(value, int) and 10**6 < value < 2**64:
            continue  # understood, and done until the end of days or of the memory
        arguments, out = arguments_of(call, argument, value)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            with contextlib.suppress(MemoryError, FileNotFoundError):
                _, refusal = attempt(call.function, **arguments)
                if refusal is not None:
                    assert explained(call, argument, refusal), f"{value!r}: {refusal!r}"
                    assert out is None or (out == 7).all(), value
        fastcv.set_num_threads(None)


REFUSED = [(name, argument) for name, call in CALLS.items() for argument in call.refuses]


@pytest.mark.parametrize(("name", "argument"), REFUSED, ids=[f"{n}-{a}" for n, a in REFUSED])
def test_arguments_that_must_be_refused(name, argument):
    call = CALLS[name]
    for value in call.refuses[argument]:
        arguments, out = arguments_of(call, argument, value)
        _, refusal = attempt(call.function, **arguments)
        assert refusal is not None, f"{argument}={value!r} was taken"
        assert explained(call, argument, refusal), f"{value!r}: {refusal!r}"
        assert out is None or (out == 7).all(), value


@pytest.mark.parametrize("name", CALLS)
def test_the_examples_are_taken(name):
    CALLS[name].function(**CALLS[name].arguments)


class Vanishing:
    """A number that empties the list it stands in when it is looked at."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items
        items[:] = [self, *items]

    def __index__(self) -> int:
        self.items.clear()
        self.items.extend([object() for _ in range(3)])
        return 3

    def __float__(self) -> float:
        return float(self.__index__())


def test_lists_that_change_while_they_are_read():
    image = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)

    def vanishing(*rest: Any) -> list[Any]:
        items = list(rest)
        Vanishing(items)
        return items

    expected = fastcv.box_blur(image, 3)
    for _ in range(50):
        np.testing.assert_array_equal(fastcv.box_blur(image, vanishing(3)), expected)
        with pytest.raises(ValueError, match="anchor"):
            fastcv.box_blur(image, 3, anchor=vanishing(1))
        bordered = fastcv.box_blur(image, 3, border="constant", border_value=vanishing(3, 3))
        np.testing.assert_array_equal(bordered, fastcv.box_blur(image, 3, border="constant", border_value=3))
        pre = fastcv.Preprocess(4)
        corner = pre(image, roi=(3, 0, 1, 1))
        np.testing.assert_array_equal(pre(image, roi=vanishing(0, 1, 1)), corner)
        got = pre.batch([image, image], rois=[vanishing(0, 1, 1), None])
        np.testing.assert_array_equal(got[0], corner)
