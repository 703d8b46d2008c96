"""Symmetry functions, Chebyshev expansions and AGNI: definitions by brute force, derivatives, continuity, refusals."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial.chebyshev import chebval

from matloop.core.elements import Z_OF, filled_table
from matloop.core.errors import ConfigError, DataError
from matloop.matter.neighbours import Vicinity
from matloop.matter.structures import from_arrays, joined
from matloop.represent.structural import environments, triplets
from matloop.represent.structural.agni import AgniFeaturizer
from matloop.represent.structural.chebyshev import ChebyshevFeaturizer, by_order
from matloop.represent.structural.symmetry_functions import GaussianSymmetryFeaturizer, SymmetryFunctionsFeaturizer
from matloop.testing.structures import sample_structures

pytest.importorskip("matscipy", reason="the extra structures is not installed")

CELL = np.array([[3.1, 0.2, 0.0], [-0.3, 3.4, 0.4], [0.3, 0.0, 4.1]])
PLACES = np.array([[0.02, 0.01, 0.0], [0.52, 0.45, 0.48], [0.1, 0.6, 0.55], [0.5, 0.1, 0.9]])
ELEMENTS = ("Na", "Cl", "O", "Na")
NUMBERS = [Z_OF[symbol] for symbol in ELEMENTS]
G2, G4, G5 = ((0.8, 0.0), (2.0, 2.5)), ((0.03, 1, 1), (0.02, 3.5, -1, 0.5)), ((0.05, 2, -1), (0.02, 5, 1), (0.05, 1, 1))
FEATURIZERS = {
    "weighted": SymmetryFunctionsFeaturizer(4.5, g2=G2, g4=G4, g5=G5, weights=("uniform", "Electronegativity")),
    "by element": SymmetryFunctionsFeaturizer(4.5, G2, G4, G5, species=("O", "Na", "Cl"), fade="polynomial"),
    "matminer": GaussianSymmetryFeaturizer(4.5),
    "chebyshev": ChebyshevFeaturizer(4.5, radial=5, angular=6, angular_cutoff=3.9),
    "aenet": ChebyshevFeaturizer(4.5, radial=3, angular=4, species=("O", "Na", "Cl"), fade="polynomial"),
    "agni": AgniFeaturizer(4.5, directions=("z", "x")),
}


def crystal(lattice=CELL, places=PLACES):
    return from_arrays(np.asarray(lattice)[None], [np.asarray(places)], [NUMBERS])


def around(cutoff):
    """(neighbour, vector) of each site by going through all images."""
    positions = PLACES @ CELL
    found = [[] for _ in ELEMENTS]
    for image in itertools.product(range(-3, 4), repeat=3):
        for i, j in itertools.product(range(4), repeat=2):
            step = positions[j] + np.array(image) @ CELL - positions[i]
            if 1e-8 < np.linalg.norm(step) < cutoff:
                found[i].append((j, step))
    return found


def fade(r, cutoff):
    return 0.5 * (math.cos(math.pi * r / cutoff) + 1) if r < cutoff else 0.0


def pairs_of(neighbours):
    """(j, k, r_ij, r_ik, r_jk, cosine) of all pairs of neighbours, each once."""
    for (j, a), (k, b) in itertools.combinations(neighbours, 2):
        r, s = np.linalg.norm(a), np.linalg.norm(b)
        yield j, k, r, s, np.linalg.norm(a - b), a @ b / r / s


@pytest.mark.parametrize("by_element", [False, True])
def test_symmetry_functions_are_what_their_definition_says(by_element):
    cutoff, species = 4.0, ("Cl", "Na", "O")
    options = {"species": species} if by_element else {"weights": ("uniform", "Number")}
    ours = SymmetryFunctionsFeaturizer(cutoff, G2, G4, G5, **options)
    sites, names = ours.sites(crystal()), list(ours.site_columns())
    if by_element:
        radial = {e: (lambda j, e=e: ELEMENTS[j] == e) for e in species}
        angular = {
            f"{a} {b}" if a != b else a: (
                lambda j, k, a=a, b=b: {(a, b), (b, a)} & {(ELEMENTS[j], ELEMENTS[k])} != set()
            )
            for a, b in itertools.combinations_with_replacement(species, 2)
        }
    else:
        radial = {"uniform": lambda j: 1.0, "Number": lambda j: NUMBERS[j]}
        angular = {"uniform": lambda j, k: 1.0, "Number": lambda j, k: NUMBERS[j] * NUMBERS[k]}
    for i, neighbours in enumerate(around(cutoff)):
        lengths = [(j, np.linalg.norm(v)) for j, v in neighbours]
        for (eta, shift), (name, w) in itertools.product(G2, radial.items()):
            expected = sum(w(j) * math.exp(-eta * (r - shift) ** 2) * fade(r, cutoff) for j, r in lengths)
            column = names.index(f"G2 eta={eta:.6g} shift={shift:.6g} {name}")
            assert sites[i, column] == pytest.approx(expected, rel=1e-10, abs=1e-13)
        for kind, functions in (("G4", G4), ("G5", G5)):
            for (eta, zeta, sign, shift), (name, w) in itertools.product(
                [(*f, 0.0)[:4] for f in functions], angular.items()
            ):
                expected = 0.0
                for j, k, r, s, t, cosine in pairs_of(neighbours):
                    sides = (r, s, t) if kind == "G4" else (r, s)
                    bells = [math.exp(-eta * (side - shift) ** 2) * fade(side, cutoff) for side in sides]
                    expected += w(j, k) * 2 ** (1 - zeta) * max(1 + sign * cosine, 0) ** zeta * math.prod(bells)
                text = f" shift={shift:g}" if shift else ""
                column = names.index(f"{kind} eta={eta:.6g} zeta={zeta:g} lambda={sign:g}{text} {name}")
                assert sites[i, column] == pytest.approx(expected, rel=1e-10, abs=1e-13)


@pytest.mark.parametrize("weights", ["Row", "aenet"])
def test_chebyshev_is_what_its_definition_says(weights):
    cutoff, inner, species = 4.4, 3.6, ("Cl", "Na", "O")
    if weights == "aenet":
        ours = ChebyshevFeaturizer(cutoff, radial=6, angular=5, angular_cutoff=inner, species=species)
        value = {"Cl": -1.0, "Na": 0.0, "O": 1.0}  # typespin of aenet's sfbasis
        of_site = [value[symbol] for symbol in ELEMENTS]
    else:
        ours = ChebyshevFeaturizer(cutoff, radial=6, angular=5, angular_cutoff=inner, weights=("uniform", "Row"))
        of_site = [3.0, 3.0, 2.0, 3.0]
    sites = ours.sites(crystal()).reshape(4, 13, 2)
    for i, neighbours in enumerate(around(cutoff)):
        near = [(j, v) for j, v in neighbours if np.linalg.norm(v) < inner]
        for channel, w in enumerate(([1.0] * 4, of_site)):
            for n in range(7):
                term = np.eye(7)[n]
                lengths = [(j, np.linalg.norm(v)) for j, v in neighbours]
                expected = sum(w[j] * chebval(2 * r / cutoff - 1, term) * fade(r, cutoff) for j, r in lengths)
                assert sites[i, n, channel] == pytest.approx(expected, rel=1e-10, abs=1e-12)
            for n in range(6):
                expected = sum(
                    w[j] * w[k] * chebval(cosine, np.eye(6)[n]) * fade(r, inner) * fade(s, inner)
                    for j, k, r, s, _, cosine in pairs_of(near)
                )
                assert sites[i, 7 + n, channel] == pytest.approx(expected, rel=1e-10, abs=1e-12)


def test_weights_of_aenet_skip_zero_for_an_even_number_of_elements():
    assert by_order(("Ti", "O")).table[1, [22, 8]].tolist() == [-1, 1]
    assert by_order(("Ti", "O", "Li", "F")).table[1, [22, 8, 3, 9]].tolist() == [-2, -1, 1, 2]
    assert by_order(("Ti",)).names == ("uniform",)


def energy(featurizer, structures, slopes):
    return float((featurizer.sites(structures) * slopes).sum())


def numeric(featurizer, lattice, places, slopes, step=2e-5):
    """Forces and virial of sum(slopes * features) by central differences of fourth order."""
    forces, virial = np.zeros((4, 3)), np.zeros((3, 3))
    weights = ((1, 8 / 12), (-1, -8 / 12), (2, -1 / 12), (-2, 1 / 12))
    for a, b in itertools.product(range(4), range(3)):
        for times, weight in weights:
            moved = places @ lattice
            moved[a, b] += times * step
            e = energy(featurizer, crystal(lattice, moved @ np.linalg.inv(lattice)), slopes)
            forces[a, b] -= weight * e / step
    for a, b in itertools.product(range(3), repeat=2):
        for times, weight in weights:
            strain = np.eye(3)
            strain[a, b] += times * step
            virial[a, b] -= weight * energy(featurizer, crystal(lattice @ strain.T, places), slopes) / step
    return forces, virial


@pytest.mark.parametrize("name", list(FEATURIZERS))
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**20), scale=st.sampled_from([0.8, 1.0, 1.6]))
def test_forces_and_virials_are_finite_differences(name, seed, scale):
    """Cells smaller than the cutoff: most neighbours are images, some of the site itself."""
    rng = np.random.default_rng(seed)
    lattice = scale * (CELL + 0.2 * rng.normal(size=(3, 3)))
    places = PLACES + 0.04 * rng.normal(size=(4, 3))
    featurizer, structures = FEATURIZERS[name], crystal(lattice, places)
    features = featurizer.sites(structures)
    slopes = rng.normal(size=features.shape) / np.maximum(np.abs(features).max(axis=0), 1e-3)
    found = featurizer.forces(structures, slopes)
    forces, virial = numeric(featurizer, lattice, places, slopes)
    np.testing.assert_allclose(found.forces, forces, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.virials[0], virial, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", list(FEATURIZERS))
def test_all_derivatives_follow_from_those_of_the_pairs(name):
    structures = joined([crystal(), crystal(1.2 * CELL, PLACES[::-1])])
    featurizer = FEATURIZERS[name]
    slopes = np.random.default_rng(3).normal(size=featurizer.sites(structures).shape)
    found, forces = featurizer.derivatives(structures), featurizer.forces(structures, slopes)
    centres, moved, values = found.positions()
    assert len(np.unique(centres * 8 + moved)) == len(centres)
    by_hand = np.zeros((8, 3))
    np.add.at(by_hand, moved, -np.einsum("eak,ek->ea", values, slopes[centres]))
    np.testing.assert_allclose(by_hand, forces.forces, rtol=1e-9, atol=1e-9)
    virials = -np.einsum("sabk,sk->sab", found.strains(), slopes).reshape(2, 4, 3, 3).sum(axis=1)
    np.testing.assert_allclose(virials, forces.virials, rtol=1e-9, atol=1e-9)
    if name != "agni":  # along axes it turns with the crystal
        np.testing.assert_allclose(virials, virials.transpose(0, 2, 1), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", list(FEATURIZERS))
def test_features_and_forces_are_continuous_at_the_cutoff(name):
    """One neighbour crosses the cutoff among three others."""
    places = np.array([[0.0, 0, 0], [1.9, 0.3, 0.1], [0.2, 2.1, -0.4], [0.0, 0.0, 1.0]])
    featurizer = FEATURIZERS[name]

    def at(distance):
        there = places.copy()
        there[3, 2] = distance
        structures = from_arrays(np.eye(3)[None], [there], [NUMBERS], periodic=np.zeros((1, 3), bool))
        features = featurizer.sites(structures)[0]
        return features, featurizer.derivatives(structures)

    crossings = {4.5: featurizer.site_columns()}
    if name == "chebyshev":
        crossings[3.9] = [column for column in featurizer.site_columns() if "angular" in column]
    for cutoff, columns in crossings.items():
        taken = [featurizer.site_columns().index(column) for column in columns]
        inside, outside = at(cutoff - 1e-5), at(cutoff + 1e-5)
        np.testing.assert_allclose(inside[0][taken], outside[0][taken], rtol=0, atol=1e-6)
        last = inside[1].values[(inside[1].centres == 0) & (inside[1].moved == 3)][..., taken]
        assert np.abs(last).max() < 1e-3


def test_a_shared_site_counts_with_the_mean_of_its_species():
    """The mean over both ways to fill one site of two, the other ones being fixed."""
    sample = sample_structures()
    alloy = sample.take(np.flatnonzero(sample.names == "alloy"))
    featurizer = SymmetryFunctionsFeaturizer(2.8, weights=("Number",))  # the site is not its own neighbour
    pure = [from_arrays(alloy.lattices, [alloy.coordinates], [[z, 13]]) for z in (26, 24)]
    second = [featurizer.sites(one)[1] for one in pure]
    np.testing.assert_allclose(featurizer.sites(alloy)[1], 0.7 * second[0] + 0.3 * second[1], rtol=1e-12)


def test_other_elements_than_asked_for_are_refused_by_name():
    structures = joined([crystal(), sample_structures().take(np.array([2]))])
    featurizer = FEATURIZERS["by element"]
    features, reasons = featurizer.transform(structures), featurizer.reasons(structures)
    assert np.isfinite(features[0]).all()
    assert np.isnan(features[1]).all()
    assert list(reasons) == [1]
    assert "contains C;" in reasons[1]
    assert np.isnan(featurizer.forces(structures, np.ones_like(featurizer.sites(structures))).forces[4:]).all()


def test_too_many_triplets_are_refused_with_their_count(monkeypatch):
    structures = joined([crystal(), crystal(3 * CELL)])
    counts = triplets.triplet_counts(Vicinity(structures).within(6.0), structures.offsets)
    monkeypatch.setattr(triplets, "MOST_TRIPLETS", int(counts[0]) - 1)
    featurizer = SymmetryFunctionsFeaturizer(6.0)
    assert np.isnan(featurizer.transform(structures)).all(axis=1).tolist() == [True, False]
    assert f"{counts[0]:,} pairs of neighbours" in featurizer.reasons(structures)[0]
    assert np.isfinite(SymmetryFunctionsFeaturizer(6.0, g4=0, g5=2).transform(structures)).all()


def test_parts_of_any_size_give_the_same_bits(monkeypatch):
    structures, featurizer = sample_structures(), SymmetryFunctionsFeaturizer(g5=2)
    whole = featurizer.transform(structures)
    monkeypatch.setattr(triplets, "TRIPLETS_AT_ONCE", 57)
    monkeypatch.setattr(environments, "PAIRS_AT_ONCE", 19)
    assert np.array_equal(featurizer.transform(structures), whole, equal_nan=True)


def test_an_isolated_atom_has_zeros():
    alone = from_arrays(np.eye(3)[None], [np.zeros((1, 3))], [[2]], periodic=np.zeros((1, 3), bool))
    for name in ("matminer", "weighted", "chebyshev", "agni"):
        assert (FEATURIZERS[name].sites(alone) == 0).all()
        assert FEATURIZERS[name].derivatives(alone).values.shape[0] == 0


@pytest.mark.parametrize(
    ("featurizer", "told"),
    [
        (SymmetryFunctionsFeaturizer(weights=("Number",), species=("Na",)), "leave out weights or species"),
        (SymmetryFunctionsFeaturizer(species=("Na", "Xx")), "Xx"),
        (SymmetryFunctionsFeaturizer(species=("Na", "Na")), "once"),
        (SymmetryFunctionsFeaturizer(weights=("Colour",)), "Colour"),
        (SymmetryFunctionsFeaturizer(g2=((1.0,),)), "eta, shift"),
        (SymmetryFunctionsFeaturizer(g2=((1.0, 0.0), (1.0, 0.0))), "once"),
        (SymmetryFunctionsFeaturizer(g4=((1.0, 0.5, 1.0),)), "zeta >= 1"),
        (SymmetryFunctionsFeaturizer(g5=((1.0, 2.5, 1.0),)), "whole number"),
        (SymmetryFunctionsFeaturizer(cutoff=-1.0), "positive"),
        (GaussianSymmetryFeaturizer(cutoff=0.0), "positive"),
        (ChebyshevFeaturizer(angular_cutoff=9.0), "at most"),
        (ChebyshevFeaturizer(radial=-1), "order"),
        (AgniFeaturizer(directions=("u",)), "x, y, z"),
        (AgniFeaturizer(etas=(0.0,)), "positive"),
    ],
)
def test_options_of_no_use_are_refused(featurizer, told):
    with pytest.raises(ConfigError, match=told):
        featurizer.transform(crystal())


def test_an_unknown_fade_is_refused():
    with pytest.raises(ConfigError, match="cosine, polynomial"):
        SymmetryFunctionsFeaturizer(fade="box").transform(crystal())


def test_derivatives_say_which_row_cannot_be_described():
    structures = joined([crystal(), from_arrays(np.zeros((1, 3, 3)), [np.zeros((0, 3))], [[]])])
    with pytest.raises(DataError, match="row 1"):
        FEATURIZERS["agni"].derivatives(structures)
    with pytest.raises(DataError, match="slopes"):
        FEATURIZERS["agni"].forces(crystal(), np.zeros((4, 2)))


def test_default_columns_do_not_depend_on_the_elements():
    values = filled_table("magpie").column("Number")
    assert values[Z_OF["Og"]] > 0  # every element has a weight
    for featurizer in (SymmetryFunctionsFeaturizer(), ChebyshevFeaturizer()):
        assert np.isfinite(featurizer.transform(sample_structures())).all()
