"""Symmetry operations as text and matrices, and the sites that they make of those of an asymmetric unit."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

import numpy as np

from matloop.core.arrays import FloatArray, IntArray, frozen
from matloop.matter.allowed import allowed
from matloop.matter.formats.part import StructureError

SNAP = 0.05
"""Angstrom: images of a site that lie closer are one site on a special position, written with few digits."""
OTHER_SNAPS = (0.002, 0.2, 0.5)
"""Angstrom: tried instead, in this order, where the file says of how many images a site has and `SNAP` gives others."""
MOST_OPERATIONS = 2_000

_TERM = re.compile(r"([+-]?)(?:(\d+(?:\.\d*)?|\.\d+)(?:/(\d+))?)?\*?([xyzabc]?)", re.IGNORECASE)

Operations = tuple[FloatArray, FloatArray]
"""Rotations, shape (m, 3, 3), and translations, shape (m, 3), on coordinates in lattice vectors."""


@lru_cache(maxsize=2048)
def operations(texts: tuple[str, ...]) -> Operations:
    """Operations such as "-x+1/2, y, z-x" as matrices.

    Raises
    ------
    StructureError : one is none; the message shows it.

    Examples
    --------
    >>> operations(("-y, x-y, z+1/3",))[0][0].astype(int).tolist()
    [[0, -1, 0], [1, -1, 0], [0, 0, 1]]
    """
    if len(texts) > MOST_OPERATIONS:
        raise StructureError(f"{len(texts):,} symmetry operations; there are at most 192 in a space group")
    both = [_operation(text) for text in texts]
    return frozen(np.array([rotation for rotation, _ in both])), frozen(np.array([shift for _, shift in both]))


def _operation(text: str) -> tuple[FloatArray, FloatArray]:
    rotation, shift = np.zeros((3, 3)), np.zeros(3)
    parts = re.sub(r"[\s'\"]", "", text).split(",")
    if len(parts) != 3 or len(text) > 200:
        raise StructureError(f"{text[:60]!r} is no symmetry operation; three parts such as 'x, -y, z+1/2' are needed")
    for row, part in enumerate(parts):
        at = 0
        while at < len(part):
            found = _TERM.match(part, at)
            if found is None or found.end() == at or not (found[2] or found[4]) or int(found[3] or 1) == 0:
                raise StructureError(f"{text[:60]!r} is no symmetry operation: {part[at:][:20]!r} cannot be read")
            size = float(Fraction(found[2] or "1") / int(found[3] or 1))
            size = -size if found[1] == "-" else size
            if found[4]:
                rotation[row, "xyzabc".index(found[4].lower()) % 3] += size
            else:
                shift[row] += size
            at = found.end()
    whole = (np.abs(rotation) < 10).all() and (rotation == np.round(rotation)).all()
    if not whole or round(abs(np.linalg.det(rotation)), 6) != 1.0 or not (np.abs(shift) < 100).all():
        raise StructureError(f"{text[:60]!r} is no symmetry operation: its matrix does not map the lattice onto itself")
    # translations written as decimals (0.3333) are thirds, quarters, sixths or eighths
    near = np.round(shift * 24) / 24
    return rotation, np.where(np.abs(near - shift) < 1e-3, near, shift)


# ---- orbits ----


def orbits(
    coordinates: FloatArray, lattice: FloatArray, group: Operations, multiplicities: IntArray
) -> tuple[FloatArray, IntArray, float]:
    """All sites that a group makes of those of the asymmetric unit.

    A site that lies within `SNAP` of some of its images is put into their middle first: the special position that is
    meant where 1/3 is written as 0.333. The first image of a site is the site as written.

    Parameters
    ----------
    coordinates : shape (n, 3). lattice : shape (3, 3), Angstrom. multiplicities : shape (n,), images of each site as
        the file says, 0 where it does not; they decide between `SNAP` and `OTHER_SNAPS`.

    Returns
    -------
    coordinates, shape (n_sites, 3), images in [0, 1); the row of `coordinates` that each comes from; how far a site was
    moved at most, Angstrom.

    Raises
    ------
    StructureError : more sites than are allowed (`matter.allowed`).
    """
    if len(group[0]) == 1 and np.array_equal(group[0][0], np.eye(3)):
        return coordinates, np.arange(len(coordinates)), 0.0
    at_once = max(1, 400_000 // len(group[0]) ** 2)
    parts = []
    for k in range(0, len(coordinates), at_once):
        part = slice(k, k + at_once)
        snapped, moved = _snapped(coordinates[part], lattice, group, multiplicities[part])
        parts.append((*_distinct(snapped, lattice, group), moved))
        if sum(len(sites) for sites, _, _ in parts) > allowed().sites:
            raise StructureError(
                f"symmetry makes more than {allowed().sites:,} sites; structures of up to so many are read"
            )
    homes = [part[1] + k * at_once for k, part in enumerate(parts)]
    farthest = max((part[2] for part in parts), default=0.0)
    return np.concatenate([part[0] for part in parts]), np.concatenate(homes), farthest


def _snapped(
    coordinates: FloatArray, lattice: FloatArray, group: Operations, multiplicities: IntArray
) -> tuple[FloatArray, float]:
    """Sites put onto the special positions they lie next to, and how far one was moved at most."""
    steps = np.einsum("mij,nj->nmi", group[0], coordinates) + group[1] - coordinates[:, None]
    steps -= np.round(steps)
    apart = np.linalg.norm(steps @ lattice, axis=2)
    same = apart < SNAP
    differ = (multiplicities > 0) & (len(group[0]) != multiplicities * same.sum(axis=1))
    for snap in OTHER_SNAPS if differ.any() else ():
        other = apart < snap
        agrees = differ & (len(group[0]) == multiplicities * other.sum(axis=1))
        same[agrees] = other[agrees]
        differ &= ~agrees
    middle = np.where(same[..., None], steps, 0.0).sum(axis=1) / np.maximum(same.sum(axis=1), 1)[:, None]
    middle[same.sum(axis=1) < 2] = 0.0
    return coordinates + middle, float(np.linalg.norm(middle @ lattice, axis=1).max(initial=0.0))


def _distinct(coordinates: FloatArray, lattice: FloatArray, group: Operations) -> tuple[FloatArray, IntArray]:
    """Images of each site, each once; and the site that each comes from."""
    images = np.einsum("mij,nj->nmi", group[0], coordinates) + group[1]
    between = images[:, :, None] - images[:, None]
    between -= np.round(between)
    alike = np.linalg.norm(between @ lattice, axis=3) < OTHER_SNAPS[0] / 2
    rows, which = np.nonzero(alike.argmax(axis=2) == np.arange(len(group[0])))
    images -= np.floor(images)
    images[images > 1.0 - 1e-12] = 0.0
    found = images[rows, which]
    written = which == _identity(*group)
    found[written] = coordinates[rows[written]]
    return found, rows


def _identity(rotations: FloatArray, shifts: FloatArray) -> int:
    """The place of the operation that changes nothing, -1 if it is not listed."""
    same = (np.abs(rotations - np.eye(3)).max(axis=(1, 2)) < 1e-9) & (np.abs(shifts).max(axis=1) < 1e-9)
    return int(np.flatnonzero(same)[0]) if same.any() else -1
