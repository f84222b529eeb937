from collections.abc import Callable, Sequence
from typing import Any, Final, SupportsFloat, SupportsIndex, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

_Pixel = TypeVar("_Pixel", np.uint8, np.uint16, np.float32, np.float64)
_Float = TypeVar("_Float", np.float32, np.float64)
_IntOrPair: TypeAlias = SupportsIndex | Sequence[SupportsIndex] | npt.NDArray[np.integer[Any]]

__version__: Final[str]
DEFAULT_CHANNEL_AXIS: Final[int]

def box_blur(
    image: npt.NDArray[_Pixel],
    ksize: _IntOrPair,
    border: str,
    border_value: SupportsFloat | Sequence[SupportsFloat] | npt.NDArray[Any],
    anchor: _IntOrPair | None,
    rounding: str,
    alpha: str,
    channel_axis: SupportsIndex | None,
    out: npt.NDArray[_Pixel] | None,
    num_threads: SupportsIndex | None,
    /,
) -> npt.NDArray[_Pixel]: ...
def gradient_descent(
    x0: npt.NDArray[Any],
    distances: npt.NDArray[np.float32] | npt.NDArray[np.float64],
    learning_rate: SupportsFloat | str,
    num_iterations: SupportsIndex,
    loss: str,
    history: SupportsIndex | None,
    callback: Callable[[int, npt.NDArray[Any], float], object] | None,
    out: npt.NDArray[Any] | None,
    num_threads: SupportsIndex | None,
    /,
) -> tuple[
    npt.NDArray[Any],
    npt.NDArray[np.int64] | None,
    npt.NDArray[Any] | None,
    npt.NDArray[np.float64] | None,
    int,
    float,
    bool,
]: ...
def denoise_tv_chambolle(
    image: npt.NDArray[Any],
    weight: SupportsFloat,
    eps: SupportsFloat,
    max_num_iter: SupportsIndex,
    channel_axis: SupportsIndex | None,
    tau: SupportsFloat | None,
    stop: str,
    out: npt.NDArray[Any] | None,
    return_info: bool,
    num_threads: SupportsIndex | None,
    block: int,
    /,
) -> Any: ...
def denoise_tv(
    image: npt.NDArray[_Pixel],
    weight: SupportsFloat | npt.NDArray[np.floating[Any]] | None,
    tol: SupportsFloat,
    max_iter: SupportsIndex,
    channel_axis: SupportsIndex | None,
    channels: str,
    isotropic: bool,
    data_range: SupportsFloat | None,
    sigma: SupportsFloat | str | None,
    warm_start: npt.NDArray[np.floating[Any]] | None,
    callback: Callable[[int, float], object] | None,
    out: npt.NDArray[_Pixel] | None,
    return_dual: bool,
    num_threads: SupportsIndex | None,
    /,
) -> tuple[
    npt.NDArray[_Pixel],
    int,
    float,
    float,
    float,
    float,
    bool,
    npt.NDArray[np.floating[Any]] | None,
    float | None,
    float,
    bool,
    bool,
    bool,
]: ...
def chambolle_layout(shape: Sequence[int], wide: bool, /) -> tuple[int, int, int, int, int]: ...
def chambolle_part(
    image: npt.NDArray[Any],
    from_: npt.NDArray[Any] | None,
    to: npt.NDArray[Any] | None,
    u: npt.NDArray[Any] | None,
    energies: npt.NDArray[np.float64] | None,
    changes: npt.NDArray[np.float64] | None,
    begin: int,
    end: int,
    weight: float,
    tau: float,
    passes: int,
    update_last: bool,
    num_threads: int,
    /,
) -> None: ...
def denoise_part_layout(shape: Sequence[int], wide: bool, /) -> tuple[int, int, int]: ...
def denoise_part_take(
    shape: Sequence[int], state: npt.NDArray[Any], begin: int, rows: npt.NDArray[Any], /
) -> None: ...
def denoise_part_round(
    shape: Sequence[int],
    isotropic: bool,
    state: npt.NDArray[Any],
    weight: float,
    sigma: float,
    slope: float,
    done: int,
    iterations: int,
    num_threads: int,
    bounds: npt.NDArray[np.float64],
    begin: int,
    end: int,
    source: tuple[Any, ...],
    u: npt.NDArray[Any] | None,
    sums: npt.NDArray[np.float64] | None,
    dual: npt.NDArray[Any] | None,
    /,
) -> None: ...
def denoise_plan(
    shape: Sequence[int], weight: float, mean_slope: float, coarse_ratio: float, tol: float, /
) -> tuple[float, bool, bool, float, float, int, int]: ...
def denoise_next_look(
    tol: float, first: int, last: int, looks: npt.NDArray[np.float64], /
) -> tuple[int, bool]: ...
def denoise_part_certificate(
    shape: Sequence[int],
    wide: bool,
    weight: float,
    bounds: npt.NDArray[np.float64],
    sums: npt.NDArray[np.float64],
    proven: bool,
    /,
) -> tuple[float, float]: ...
def denoise_part_halve(pixels: npt.NDArray[Any], half: npt.NDArray[Any], /) -> None: ...
def denoise_part_coarse(
    pixels: npt.NDArray[Any], isotropic: bool, weight: float, num_threads: int, half: npt.NDArray[Any], /
) -> float: ...
def denoise_part_row_sums(pixels: npt.NDArray[Any], sums: npt.NDArray[np.float64], /) -> None: ...
def denoise_part_constant(
    sums: npt.NDArray[np.float64],
    bounds: npt.NDArray[np.float64],
    pixels: npt.NDArray[Any],
    first_row: int,
    squares: npt.NDArray[np.float64],
    /,
) -> float: ...
def denoise_part_constant_certificate(
    shape: Sequence[int],
    wide: bool,
    sums: npt.NDArray[np.float64],
    bounds: npt.NDArray[np.float64],
    squares: npt.NDArray[np.float64],
    largest: float,
    weight: float,
    /,
) -> tuple[bool, list[float], float, float]: ...
def denoise_part_proven(
    pixels: npt.NDArray[Any],
    isotropic: bool,
    weight: float,
    done: int,
    iterations: int,
    num_threads: int,
    bounds: npt.NDArray[np.float64],
    begin: int,
    end: int,
    from_: npt.NDArray[Any] | None,
    to: npt.NDArray[Any],
    u: npt.NDArray[Any] | None,
    sums: npt.NDArray[np.float64] | None,
    /,
) -> None: ...
def make_preprocessor(
    size: Any,
    resize: Any,
    resize_to: Any,
    anchor: Any,
    stride: Any,
    upscale: Any,
    interpolation: Any,
    antialias: Any,
    clip: Any,
    scale: Any,
    mean: Any,
    std: Any,
    std_eps: Any,
    reverse_channels: Any,
    channels: Any,
    layout: Any,
    dtype: Any,
    pad_value: Any,
    pad_normalized: Any,
    /,
) -> object: ...
def preprocess(
    preprocessor: object, image: Any, roi: Any, out: Any, num_threads: Any, /
) -> npt.NDArray[Any]: ...
def preprocess_batch(
    preprocessor: object, images: Any, rois: Any, out: Any, num_threads: Any, /
) -> npt.NDArray[Any]: ...
def preprocess_placement(
    preprocessor: object, height: Any, width: Any, roi: Any, /
) -> tuple[
    tuple[int, int, int, int],
    tuple[int, float, float, int, int, int, int],
    tuple[int, float, float, int, int, int, int],
]: ...
def mds_remote(
    points: int,
    dimensions: int,
    largest: float,
    sum_squares: float,
    rows: Callable[[npt.NDArray[np.intp]], npt.NDArray[np.float64]],
    gradient: Callable[[npt.NDArray[np.float64]], tuple[npt.NDArray[np.float64], float]],
    residuals: Callable[[npt.NDArray[np.float64]], tuple[npt.NDArray[np.float64], float]],
    init: npt.NDArray[np.float64] | None,
    max_iter: int,
    tol: float,
) -> tuple[npt.NDArray[np.float64], float, float, npt.NDArray[np.float64], int, bool, bool, str]: ...
def mds_rows_gradient(
    distances: npt.NDArray[np.floating[Any]],
    first: int,
    x: npt.NDArray[np.float64],
    sstress: bool,
    num_threads: int,
) -> tuple[npt.NDArray[np.float64], float]: ...
def mds_rows_residuals(
    distances: npt.NDArray[np.floating[Any]], first: int, x: npt.NDArray[np.float64], num_threads: int
) -> tuple[npt.NDArray[np.float64], float]: ...
def mds(
    distances: npt.NDArray[np.floating[Any]] | tuple[int, Any, Any, Any, Any],
    n_components: SupportsIndex,
    weights: npt.NDArray[np.floating[Any]] | None,
    anchors: tuple[npt.NDArray[np.int64], npt.NDArray[np.floating[Any]]] | None,
    symmetrize: bool,
    init: tuple[bool, npt.NDArray[np.floating[Any]]] | None,
    loss: str,
    max_iter: SupportsIndex,
    tol: SupportsFloat,
    seed: int,
    callback: Callable[[int, npt.NDArray[np.floating[Any]], float], object] | None,
    num_threads: SupportsIndex | None,
    /,
) -> tuple[npt.NDArray[np.floating[Any]], float, float, npt.NDArray[np.float64], int, bool, bool, str]: ...
def pairwise_distances(
    x: npt.NDArray[_Float], y: npt.NDArray[_Float] | None, num_threads: SupportsIndex | None, /
) -> npt.NDArray[_Float]: ...
def procrustes(
    x: npt.NDArray[Any], y: npt.NDArray[Any], reflection: bool, scale: bool, /
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], float, float, bool]: ...
def get_num_threads() -> int: ...
def as_ndarray(function: str, argument: str, object: Any, /) -> npt.NDArray[Any]: ...
def set_num_threads(n: SupportsIndex | None, /) -> None: ...
def report() -> dict[str, Any]: ...
def simd_compiled() -> list[str]: ...
def simd_detected() -> list[str]: ...
def simd_active() -> str: ...
def simd_force(name: str, /) -> None: ...
def ignore_caps_for_test(ignore: bool, /) -> None: ...
def _noop() -> None: ...
