"""Other engines that hand fastcv read-only memory: Ray Data and PyTorch's DataLoader."""

from __future__ import annotations

import numpy as np
import pytest

import fastcv

PRE = fastcv.Preprocess((40, 50), resize="letterbox", num_threads=1)


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (10, 60, 90, 3), np.uint8)


@pytest.mark.filterwarnings("ignore")
def test_ray_map_batches(frames):
    ray = pytest.importorskip("ray")
    pytest.importorskip("ray.data")
    pre = PRE

    def ready(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        frames = batch["data"]
        blurred = fastcv.box_blur(frames, 5, num_threads=1)
        return {
            "x": pre.batch(frames),
            "blurred": blurred,
            "writeable": np.full(len(frames), frames.flags.writeable),
        }

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        data = ray.data.from_numpy(frames)
        batches = data.map_batches(ready, batch_size=5, batch_format="numpy", zero_copy_batch=True)
        rows = batches.take_batch(len(frames))
    finally:
        ray.shutdown()
    assert not rows["writeable"].any(), "the blocks were to be read-only, without a copy"
    assert np.array_equal(rows["x"], PRE.batch(frames))
    assert np.array_equal(rows["blurred"], fastcv.box_blur(frames, 5))


@pytest.mark.parametrize("workers", [0, 2])
def test_data_loader(frames, workers):
    torch = pytest.importorskip("torch")

    class Frames(torch.utils.data.Dataset):
        def __init__(self) -> None:
            self.pixels = frames.copy()
            self.pixels.flags.writeable = False

        def __len__(self) -> int:
            return len(self.pixels)

        def __getitem__(self, index: int) -> np.ndarray:
            return PRE(self.pixels[index])

    loader = torch.utils.data.DataLoader(
        Frames(), batch_size=4, num_workers=workers, multiprocessing_context="fork" if workers else None
    )
    inputs = np.concatenate([batch.numpy() for batch in loader])
    assert np.array_equal(inputs, PRE.batch(frames))
