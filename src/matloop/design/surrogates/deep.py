"""Deep ensemble: networks that differ in seed and in the rows they see; where they disagree they do not know.

Lakshminarayanan, Pritzel & Blundell, Adv. Neural Inf. Process. Syst. 30 (2017) 6402. For thousands of rows; with few a
Gaussian process is better and quicker.
"""

from __future__ import annotations

from matloop.core.errors import ConfigError
from matloop.core.optional import require
from matloop.design.contract import Axes
from matloop.design.surrogates.families import FamilySurrogate


def make(axes: Axes, *, members: int = 6, layers: tuple[int, ...] = (64, 64), epochs: int = 150) -> FamilySurrogate:
    """A surrogate of networks.

    Parameters
    ----------
    members : how many networks, a multiple of 3: each deal of the rows into three parts trains three. layers : widths
    of the hidden layers. epochs : the most that a network is trained for.

    Raises
    ------
    ConfigError : no such number of members, or a layer without units. MissingExtra : torch is not installed.
    """
    if epochs < 1 or members < 6 or members % 3 or not layers or min(layers) < 1:
        raise ConfigError(
            f"{members} members of layers {tuple(layers)}, {epochs} epochs; needs 6, 9, 12, ... members, widths and "
            "epochs above zero."
        )
    require("torch", extra="deep")
    settings: dict[str, object] = {
        "members": 1,
        "layers": list(layers),
        "dropout": 0.0,
        "loss": "mse",
        "epochs": epochs,
    }
    settings |= {"rate": 1e-2, "patience": 20}  # small networks, few rows: a second instead of ten, equally good
    return FamilySurrogate(axes, "mlp", settings, parts=3, repeats=members // 3)
