"""A bundle as what a campaign expects before it has measured anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import ConfigError
from matloop.deploy.bundle import load_bundle
from matloop.deploy.predict import predict_frame
from matloop.problem.fault import did_you_mean, quoted


def prior_of(bundle: Path, target: str) -> Callable[[Mapping[str, FloatArray]], FloatArray]:
    """What the bundle predicts of experiments: {column: values} to shape (n,), NaN where it predicts nothing.

    Parameters
    ----------
    target : of the campaign; the bundle must predict one of this name, or nothing but one.

    Raises
    ------
    ConfigError : the bundle predicts other targets. BundleError : there is none, or it is damaged.
    """
    import pandas as pd

    loaded = load_bundle(bundle)
    names = [one.target for one in loaded.manifest.models]
    if target not in names and len(names) > 1:
        raise ConfigError(f"{bundle}: it does not predict {quoted(target)}. {did_you_mean(target, names)}")
    name = target if target in names else names[0]

    seen: dict[tuple[object, ...], float] = {}  # a search asks for the same experiments again and again

    def prior(columns: Mapping[str, FloatArray]) -> FloatArray:
        frame = pd.DataFrame(dict(columns))
        keys = list(frame.itertuples(index=False, name=None))
        new = [row for row, key in enumerate(keys) if key not in seen]
        if new:
            values = predict_frame(loaded, frame.iloc[new].reset_index(drop=True)).predictions[name].value
            seen.update(zip([keys[row] for row in new], values.tolist(), strict=True))
        return np.array([seen[key] for key in keys], dtype=np.float64)

    return prior
