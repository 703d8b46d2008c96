import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matloop.matter.neighbours import Vicinity
from matloop.matter.structures import from_arrays, joined
from matloop.represent.structural.voronoi import tessellate
from matloop.testing.structures import INVARIANCES, sample_structures, unreadable_structures

pytest.importorskip("matscipy")
SAMPLE = sample_structures()
CRYSTALS = SAMPLE.take(np.flatnonzero(SAMPLE.periodic.all(axis=1)))


def cells_of(structures):
    return tessellate(structures, Vicinity(structures))


def one(lattice, places):
    return from_arrays(np.asarray(lattice, float)[None], [np.asarray(places, float)], [[1] * len(places)])


def test_the_cell_of_a_body_centred_lattice_is_the_truncated_octahedron():
    a = 2.86
    faces = cells_of(one(a / 2 * (1 - 2 * np.eye(3)), [[0, 0, 0]]))
    edge = a * 2**0.5 / 4
    assert faces.n_edges.tolist() == [6] * 8 + [4] * 6
    np.testing.assert_allclose(faces.areas, [1.5 * 3**0.5 * edge**2] * 8 + [edge**2] * 6, rtol=1e-12)
    np.testing.assert_allclose(faces.face_distances, [a * 3**0.5 / 4] * 8 + [a / 2] * 6, rtol=1e-12)
    assert faces.volumes[0] == pytest.approx(8 * 2**0.5 * edge**3)


def test_of_cubes_that_touch_in_edges_only_those_with_a_face_are_neighbours():
    faces = cells_of(CRYSTALS.take(np.array([0])))  # rock salt, written as 8 sites
    assert np.diff(faces.offsets).tolist() == [6] * 8
    np.testing.assert_allclose(faces.solid_angles, 4 * np.pi / 6, rtol=1e-12)
    assert (CRYSTALS.numbers[faces.neighbours] != CRYSTALS.numbers[faces.sites]).all()


def test_a_distorted_perovskite_has_the_faces_that_pymatgen_finds():
    local_env = pytest.importorskip("pymatgen.analysis.local_env")
    core = pytest.importorskip("pymatgen.core")
    row = CRYSTALS.names.tolist().index("perovskite, distorted")
    structures = CRYSTALS.take(np.array([row]))
    faces = cells_of(structures)
    peer = core.Structure(structures.lattices[0], ["Ba", "Ti", "O", "O", "O"], structures.coordinates)
    for site in range(len(peer)):  # `get_all_voronoi_polyhedra` fails where coordinates are written outside the cell
        found = local_env.VoronoiNN().get_voronoi_polyhedra(peer, site)
        here = slice(faces.offsets[site], faces.offsets[site + 1])
        theirs = sorted(found.values(), key=lambda face: face["face_dist"])
        for name, ours in (("area", faces.areas), ("solid_angle", faces.solid_angles), ("n_verts", faces.n_edges),
                           ("face_dist", faces.face_distances), ("volume", faces.face_volumes)):  # fmt: skip
            np.testing.assert_allclose(ours[here], [face[name] for face in theirs], atol=1e-9, err_msg=name)


@given(
    st.lists(st.floats(-0.4, 0.4), min_size=9, max_size=9),
    st.lists(st.tuples(*[st.integers(0, 996)] * 3), min_size=1, max_size=7, unique=True),
    st.sampled_from([1.0, 4.0, 9.0]),
)
@settings(max_examples=30, deadline=None)
def test_cells_fill_space_and_faces_are_seen_from_both_sides(skew, places, size):
    lattice = size * (np.eye(3) + 0.9 * np.array(skew).reshape(3, 3) * (1 - np.eye(3)))
    structures = one(lattice, np.array(places) / 997)
    faces = cells_of(structures)
    assert not faces.refused
    assert faces.volumes.sum() == pytest.approx(abs(np.linalg.det(lattice)), rel=1e-6)
    np.testing.assert_allclose(np.bincount(faces.sites, faces.solid_angles), 4 * np.pi, rtol=1e-4)
    there = np.lexsort((np.round(faces.areas, 7), faces.neighbours, faces.sites))
    back = np.lexsort((np.round(faces.areas, 7), faces.sites, faces.neighbours))
    np.testing.assert_allclose(faces.areas[there], faces.areas[back], atol=1e-6 * size**2)


@pytest.mark.parametrize("way", list(INVARIANCES))
def test_cells_do_not_depend_on_how_the_crystal_is_written(way):
    other = INVARIANCES[way](CRYSTALS)
    ours, theirs = cells_of(CRYSTALS), cells_of(other)
    for row in range(len(CRYSTALS)):
        found = []
        for structures, faces in ((CRYSTALS, ours), (other, theirs)):
            mine = structures.rows[faces.sites] == row
            table = [faces.areas, faces.solid_angles, faces.distances, faces.n_edges]
            found.append(np.concatenate([[np.bincount(structures.rows[faces.sites], values)[row] for values in table],
                                         [mine.sum()]]) / structures.sizes[row])  # fmt: skip
        np.testing.assert_allclose(found[0], found[1], rtol=1e-6, err_msg=CRYSTALS.names[row])


def test_rows_have_the_same_cells_alone_and_in_a_batch():
    together = cells_of(SAMPLE)
    for row in (0, 4, 5, 11, 13):
        alone = cells_of(SAMPLE.take(np.array([row])))
        mine = SAMPLE.rows[together.sites] == row
        for name in ("areas", "solid_angles", "n_edges", "vectors"):
            np.testing.assert_array_equal(getattr(alone, name), getattr(together, name)[mine])


def test_rows_without_cells_have_a_reason_and_leave_the_others_alone():
    doubled = one(4 * np.eye(3), [[0, 0, 0], [0, 0, 1.0], [0.5, 0.5, 0.5]])
    batch = joined([unreadable_structures(), SAMPLE, doubled])
    faces = cells_of(batch)
    assert sorted(faces.refused) == [1, 2, 11, 12, 18]
    assert "no volume" in faces.refused[1]
    assert "finite" in faces.refused[2]
    assert "vacuum" in faces.refused[11] or "empty space" in faces.refused[11]
    assert "one place" in faces.refused[18]
    np.testing.assert_array_equal(faces.areas, cells_of(SAMPLE).areas)


def test_a_cell_of_many_sites_is_quick():
    import time

    places = np.random.default_rng(0).random((63, 3))
    structures = one(10 * np.eye(3), places)
    near = Vicinity(structures)
    cells_of(structures)
    begun = time.process_time()
    tessellate(structures, near)
    assert time.process_time() - begun < 0.5  # 0.02 s on an idle core
