"""Larger structures than are allowed are refused, in this thread and inside the block only."""

import threading

from matloop.matter.allowed import USUAL, allowed, at_most
from matloop.matter.structures_read import read_structures

CUBE = "x\n1.0\n9 0 0\n0 9 0\n0 0 9\nPo\n27\nDirect\n" + "\n".join(
    f"{i / 3} {j / 3} {k / 3}" for i in range(3) for j in range(3) for k in range(3)
)
CELL = "".join(
    f"_cell_length_{axis} 9\n_cell_angle_{angle} 90\n"
    for axis, angle in zip("abc", ("alpha", "beta", "gamma"), strict=True)
)
OPERATIONS = "".join(f"'x+{k}/27, y, z'\n" for k in range(27))
BOMB = (
    f"data_x\n{CELL}loop_\n_symmetry_equiv_pos_as_xyz\n{OPERATIONS}"
    "loop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
    + "".join(f"Po{i} 0.01 {i / 100} 0\n" for i in range(40))
)  # fmt: skip


def test_more_sites_than_allowed_are_refused_inside_only():
    with at_most(sites=26, pairs=1000):
        assert "27 sites; structures of up to 26" in read_structures([CUBE])[1][0]
        assert "more than 26 sites" in read_structures([BOMB])[1][0]
    assert read_structures([CUBE])[1] == {}
    assert allowed() == USUAL


def test_another_thread_is_not_touched():
    told = []
    with at_most(sites=5, pairs=5):
        thread = threading.Thread(target=lambda: told.append(allowed()))
        thread.start()
        thread.join(60)
    assert told == [USUAL]


def test_more_than_is_usual_cannot_be_asked_for():
    with at_most(sites=10**9, pairs=10**9):
        assert allowed() == USUAL
