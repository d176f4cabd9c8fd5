"""Filters at several scales: moments of their responses, then extra trees and a kernel machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage
from sklearn.ensemble import ExtraTreesClassifier, VotingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

TARGET = "photograph"
SIDE = 16


def solve(public: Path, submission: Path) -> None:
    train, test = (pd.read_csv(public / name) for name in ("train.csv", "test.csv"))
    known, asked = (_features(part.filter(like="pixel").to_numpy()) for part in (train, test))
    machine = make_pipeline(StandardScaler(), SVC(C=5, gamma="scale", probability=True, random_state=0))
    trees = ExtraTreesClassifier(500, max_features=0.2, random_state=0)
    model = VotingClassifier([("machine", machine), ("trees", trees)], voting="soft")
    named = model.fit(known, train[TARGET]).predict(asked)
    pd.DataFrame({"id": test["id"], TARGET: named}).to_csv(submission, index=False)


def _features(pixels: np.ndarray) -> np.ndarray:
    patches = pixels.reshape(-1, SIDE, SIDE)
    columns = [_radial_spectrum(patches), *_moments(patches)]
    for scale in (0.7, 1.2, 2.0, 3.0):
        along = (0, scale, scale)
        smooth = ndimage.gaussian_filter(patches, along)
        edges = np.stack(
            [ndimage.gaussian_filter(patches, along, order=(0, *way)) for way in ((1, 0), (0, 1))]
        )
        strength = np.hypot(*edges)
        bend = sum(ndimage.gaussian_filter(patches, along, order=(0, *way)) for way in ((2, 0), (0, 2)))
        # Both ways of an axis count alike: a patch may be turned and mirrored.
        balance = np.sort(np.abs(edges).mean(axis=(2, 3)), axis=0).T
        columns += [balance, *_moments(smooth), *_moments(strength), *_moments(bend)]
    return np.column_stack(columns)


def _moments(response: np.ndarray) -> list[np.ndarray]:
    flat = response.reshape(len(response), -1)
    centred = flat - flat.mean(axis=1, keepdims=True)
    deviation = centred.std(axis=1) + 1e-9
    quantiles = np.quantile(flat, [0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98], axis=1).T
    return [
        deviation,
        (centred**3).mean(axis=1) / deviation**3,
        (centred**4).mean(axis=1) / deviation**4,
        quantiles,
    ]


def _radial_spectrum(patches: np.ndarray) -> np.ndarray:
    power = np.log(np.abs(np.fft.fft2(patches)) ** 2 + 1e-6)
    frequency = np.abs(np.fft.fftfreq(SIDE) * SIDE)
    radius = np.hypot(*np.meshgrid(frequency, frequency)).round().astype(int)
    rings = [power[:, radius == ring].mean(axis=1) for ring in range(1, radius.max())]
    spread = [power[:, radius == ring].std(axis=1) for ring in range(1, radius.max())]
    return np.column_stack(rings + spread)
