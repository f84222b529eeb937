"""The same functions beyond one machine: images in chunks, on Dask. Needs the extra ``fastcv-cpu[dask]``."""

from fastcv.dask._box_blur import box_blur
from fastcv.dask._preprocess import preprocess

__all__ = ["box_blur", "preprocess"]
