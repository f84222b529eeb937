"""Four everyday jobs of vision code, each near the limit of the processor, on plain NumPy arrays."""

from fastcv import datasets
from fastcv._box_blur import box_blur
from fastcv._core import __version__
from fastcv._halo import halo
from fastcv._mds import MDSResult, mds
from fastcv._mds_descent import History, gradient_descent
from fastcv._mds_estimator import MDS
from fastcv._mds_geometry import Alignment, pairwise_distances, procrustes
from fastcv._preprocess import Preprocess
from fastcv._runtime import get_num_threads, set_num_threads, show_config, simd_targets
from fastcv._transform import Transform
from fastcv._tv import TVInfo, denoise_tv
from fastcv._tv_chambolle import ChambolleInfo, denoise_tv_chambolle
from fastcv._warnings import ConvergenceWarning

__all__ = [
    "MDS",
    "Alignment",
    "ChambolleInfo",
    "ConvergenceWarning",
    "History",
    "MDSResult",
    "Preprocess",
    "TVInfo",
    "Transform",
    "__version__",
    "box_blur",
    "datasets",
    "denoise_tv",
    "denoise_tv_chambolle",
    "get_num_threads",
    "gradient_descent",
    "halo",
    "mds",
    "pairwise_distances",
    "procrustes",
    "set_num_threads",
    "show_config",
    "simd_targets",
]
