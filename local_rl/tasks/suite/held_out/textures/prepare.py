"""Patches of photographs bundled with scikit-image: train and test come from separate regions of each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from skimage import data
from skimage.color import rgb2gray

from local_rl.tasks.tables import write_parts

TARGET = "photograph"
PHOTOGRAPHS = (
    "brick",
    "grass",
    "gravel",
    "immunohistochemistry",
    "coins",
    "hubble_deep_field",
    "moon",
    "chelsea",
)
SIDE = 16
NOISE = 0.3
TRAIN_PATCHES, TEST_PATCHES = 220, 140
TEST_SHARE = 0.35
"""Of a photograph's width, on the right, with a patch's width left out between."""


def prepare(public: Path, private: Path) -> None:
    random = np.random.default_rng(5107)
    train, test = [], []
    for name in PHOTOGRAPHS:
        picture = getattr(data, name)()
        grey = rgb2gray(picture) if picture.ndim == 3 else picture / 255
        border = int(grey.shape[1] * (1 - TEST_SHARE))
        train.append(_patches(grey[:, : border - SIDE], name, TRAIN_PATCHES, random))
        test.append(_patches(grey[:, border:], name, TEST_PATCHES, random))
    parts = [pd.concat(part).sample(frac=1, random_state=5107) for part in (train, test)]
    write_parts(public, private, *parts, target=TARGET)


def _patches(region: np.ndarray, name: str, count: int, random: np.random.Generator) -> pd.DataFrame:
    rows = []
    while len(rows) < count:
        top, left = (int(random.integers(0, size - SIDE)) for size in region.shape)
        patch = region[top : top + SIDE, left : left + SIDE]
        if patch.std() < 0.01:
            continue  # plain background: nothing to recognise
        patch = (patch - patch.mean()) / patch.std() + NOISE * random.normal(size=patch.shape)
        patch = np.rot90(patch, int(random.integers(4)))
        rows.append((patch.T if random.random() < 0.5 else patch).ravel())
    names = [f"pixel_{row}_{column}" for row in range(SIDE) for column in range(SIDE)]
    return pd.DataFrame(np.round(rows, 2), columns=names).assign(**{TARGET: name})
