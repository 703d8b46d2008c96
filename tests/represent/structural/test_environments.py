from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from matloop.core.errors import ConfigError
from matloop.matter.neighbours import Vicinity
from matloop.matter.structures import from_arrays
from matloop.represent.structural import clipping, voronoi
from matloop.represent.structural.coordination import CoordinationFeaturizer
from matloop.represent.structural.crystal_fingerprint import CrystalNNFeaturizer
from matloop.represent.structural.crystal_nn import _ion_radius, crystal_coordination
from matloop.represent.structural.histogram_peak import histogram_peak
from matloop.represent.structural.motifs import MOTIFS
from matloop.represent.structural.op_site import OPSiteFeaturizer
from matloop.represent.structural.order_parameters import order_parameters
from matloop.represent.structural.voronoi_fingerprint import VoronoiFeaturizer
from matloop.testing.structures import sample_structures

pytest.importorskip("matscipy")
# made with matminer 0.10.1 by tools/environment_references.py
REFERENCE = np.load(Path(__file__).parent / "environments_matminer_0_10_1.npz")
SAMPLE = sample_structures()
BCC = "body-centered cubic CN_8"


def crystals():
    bounds = list(zip(REFERENCE["offsets"][:-1], REFERENCE["offsets"][1:], strict=True))
    places, numbers = ([REFERENCE[name][a:b] for a, b in bounds] for name in ("coordinates", "numbers"))
    return replace(from_arrays(REFERENCE["lattices"], places, numbers), oxidation=REFERENCE["oxidation"])


@pytest.mark.parametrize(
    ("name", "featurizer"),
    [
        ("crystal_nn", CrystalNNFeaturizer()),
        ("crystal_nn, geometric", CrystalNNFeaturizer(distance_cutoffs=(), x_diff_weight=0.0, porous=False)),
        ("op_site", OPSiteFeaturizer()),
        ("voronoi", VoronoiFeaturizer()),
    ],
)
def test_features_of_sites_are_those_of_matminer(name, featurizer):
    ours, columns = featurizer.sites(crystals()), featurizer.site_columns()
    assert [column.removeprefix("shell ") for column in columns] == REFERENCE[f"{name}/columns"].tolist()
    for column, mine, theirs in zip(columns, ours.T, REFERENCE[f"{name}/values"].T, strict=True):
        if not column.endswith(BCC):  # depends on the order of neighbours there
            np.testing.assert_allclose(mine, theirs, atol=1e-6, err_msg=column)


def test_coordination_numbers_are_those_of_pymatgen():
    ours = CoordinationFeaturizer().sites(crystals())
    for name, mine in zip(CoordinationFeaturizer().site_columns(), ours.T, strict=True):
        np.testing.assert_allclose(mine, REFERENCE[f"{name}/values"][:, 0], atol=1e-9, err_msg=name)


def test_the_preset_cn_is_the_part_of_the_coordination_numbers():
    whole, part = CrystalNNFeaturizer(), CrystalNNFeaturizer(preset="cn")
    kept = [name.startswith("wt ") for name in whole.site_columns()]
    np.testing.assert_array_equal(whole.sites(crystals())[:, kept], part.sites(crystals()))
    with pytest.raises(ConfigError, match="'ops' or 'cn'"):
        CrystalNNFeaturizer(preset="all").columns()


def test_textbook_crystals_have_their_coordination_numbers():
    found = CoordinationFeaturizer(statistics=("mean",)).transform(SAMPLE)[:, 0]
    by_name = dict(zip(SAMPLE.names.tolist(), found, strict=True))
    expected = {"rock salt": 6, "CsCl": 8, "diamond": 4, "wurtzite": 4, "hcp": 12, "superheavy": 0}
    assert {name: by_name[name] for name in expected} == expected
    assert by_name["perovskite"] == pytest.approx((12 + 6 + 3 * 2) / 5)  # oxygen: two titanium


def test_ideal_surroundings_have_order_one():
    ideal = CrystalNNFeaturizer(statistics=("mean",))
    found = ideal.transform(SAMPLE)
    columns, rows = ideal.site_columns(), SAMPLE.names.tolist()
    for row, column in (("rock salt", "octahedral CN_6"), ("diamond", "tetrahedral CN_4"), ("CsCl", BCC)):
        weight = found[rows.index(row), columns.index(f"wt {column.split()[-1]}")]
        assert found[rows.index(row), columns.index(column)] == pytest.approx(weight, rel=1e-6)
        assert weight > 0.5


@pytest.mark.parametrize("k", list(MOTIFS))
def test_order_parameters_are_those_of_pymatgen(k):
    local_env = pytest.importorskip("pymatgen.analysis.local_env")
    options = pytest.importorskip("pymatgen.core.local_env").CN_OPT_PARAMS
    vectors = np.random.default_rng(k).normal(size=(12, k, 3))
    ours = order_parameters(vectors, MOTIFS[k], np.tile(-np.arange(k, dtype=float), (12, 1)))
    for column, motif in enumerate(MOTIFS[k]):
        kind, *rest = options.get(k, {}).get(motif.name, [motif.name])
        peer = local_env.LocalStructOrderParams([kind], parameters=[rest[0] if rest else None])
        for row, around in enumerate(vectors):
            sites = [type("Site", (), {"coords": place}) for place in (np.zeros(3), *around)]
            theirs = peer.get_order_parameters(sites, 0, indices_neighs=list(range(1, k + 1)))[0]
            assert ours[row, column] == pytest.approx(theirs or 0.0, abs=1e-12), motif.name


def test_order_parameters_do_not_depend_on_the_order_of_neighbours_or_the_frame():
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    for k, motifs in MOTIFS.items():
        vectors = np.random.default_rng(k).normal(size=(5, k, 3))
        other = vectors[:, np.random.default_rng(2).permutation(k)] @ turn.T
        np.testing.assert_allclose(order_parameters(vectors, motifs), order_parameters(other, motifs), atol=1e-9)


def test_the_peak_of_three_values_is_that_of_matminers_histogram():
    def peak(values):
        low, high = (float(int(f(values) * 1000.0 + s)) * 0.001 for f, s in ((min, -1.5), (max, 1.5)))
        low, high = min(max(low, 0.0), 1.0), min(max(high, 0.0), 1.0)
        low, high = (low - 0.001, high + 0.001) if low == high else (low, high)
        counts, edges = np.histogram(values, bins=int((high - low) * 1000.0), range=(low, high))
        best = [(i, 0.5 * (edges[i] + edges[i + 1])) for i in np.flatnonzero(counts == counts.max())]
        merged, i = [], 0
        while i < len(best):
            beside = i + 1 < len(best) and best[i + 1][0] - best[i][0] == 1
            weight = counts[best[i][0]] + (counts[best[i + 1][0]] if beside else 0)
            merged.append((weight, 0.5 * (best[i][1] + best[i + 1][1]) if beside else best[i][1]))
            i += 1 + beside
        return max(merged, key=lambda m: m[0])[1]

    rng = np.random.default_rng(0)
    near = rng.random((400, 1)) + rng.choice([0.0, 0.0, 0.0004, 0.001, 0.003, 0.2], size=(400, 3))
    values = np.concatenate([near, np.round(near, 3), [[0, 0, 0], [1, 1, 1], [1.2, 0, 1], [-0.1, -0.2, -0.1]]])
    np.testing.assert_array_equal(histogram_peak(values), [peak(row.tolist()) for row in values])


def test_ions_have_shannon_radii_and_those_between_states_lie_between():
    assert _ion_radius(8, -2.0) == 1.26
    assert _ion_radius(26, 2.5) == pytest.approx((0.92 + 0.785) / 2)
    assert _ion_radius(26, 0.0) == 1.42  # covalent
    assert _ion_radius(2, 1.0) == 0.0


def test_bonds_are_the_faces_of_the_likeliest_number():
    faces = voronoi.tessellate(SAMPLE, Vicinity(SAMPLE))
    row = SAMPLE.names.tolist().index("diamond")
    bonds = crystal_coordination(SAMPLE, faces).bonds()
    mine = bonds[SAMPLE.rows[faces.sites[bonds]] == row]
    np.testing.assert_allclose(faces.distances[mine], 1.785 * 3**0.5 / 2, rtol=1e-9)
    assert len(mine) == 8


def test_a_molecule_and_a_slab_have_shells_and_nearest_neighbours_but_no_cells():
    rows = [SAMPLE.names.tolist().index(name) for name in ("slab", "molecule")]
    few = SAMPLE.take(np.array(rows))
    found = CoordinationFeaturizer(statistics=("mean",)).transform(few)
    assert np.isnan(found[:, :4]).all()
    assert found[1, 4] == pytest.approx((2 + 1 + 1) / 3)
    assert "open" in CoordinationFeaturizer().reasons(few)[0]
    assert np.isfinite(OPSiteFeaturizer().transform(few)).all()


def test_an_atom_alone_has_no_shell_and_says_so():
    alone = from_arrays(np.eye(3)[None], [np.zeros((1, 3))], [[2]], periodic=np.zeros((1, 3), bool))
    assert np.isnan(OPSiteFeaturizer().transform(alone)).all()
    assert OPSiteFeaturizer().reasons(alone)[0] == "a site has no neighbours"


def test_splinters_that_matminer_counts_are_what_sets_voronoi_apart(monkeypatch):
    local_env = pytest.importorskip("pymatgen.analysis.local_env")
    core = pytest.importorskip("pymatgen.core")
    salt = SAMPLE.take(np.array([0]))
    noise = np.random.default_rng(0).uniform(-1e-8, 1e-8, size=salt.coordinates.shape)
    salt = replace(salt, coordinates=salt.coordinates + noise + 0.1)  # four cells meet in each edge of the cubes
    peer = core.Structure(salt.lattices[0], ["Na"] * 4 + ["Cl"] * 4, salt.coordinates)
    theirs = [len(local_env.VoronoiNN().get_voronoi_polyhedra(peer, site)) for site in range(8)]
    assert np.diff(voronoi.tessellate(salt, Vicinity(salt)).offsets).tolist() == [6] * 8
    assert min(theirs) > 6
    for module, name in ((voronoi, "SMALL_FACE"), (voronoi, "SHORT_EDGE"), (voronoi, "DEPTH"), (clipping, "DEPTH")):
        monkeypatch.setattr(module, name, 1e-14 if name == "DEPTH" else 0.0)
    assert np.diff(voronoi.tessellate(salt, Vicinity(salt)).offsets).tolist() == theirs
