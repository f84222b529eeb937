"""The same functions beyond one machine: images in chunks, on Dask. Needs the extra ``fastcv-cpu[dask]``."""

from fastcv.dask._box_blur import box_blur
from fastcv.dask._mds import gradient_descent, mds
from fastcv.dask._preprocess import preprocess
from fastcv.dask._tv import denoise_tv
from fastcv.dask._tv_chambolle import denoise_tv_chambolle

__all__ = ["box_blur", "denoise_tv", "denoise_tv_chambolle", "gradient_descent", "mds", "preprocess"]
