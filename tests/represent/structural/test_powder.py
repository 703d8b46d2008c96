"""Powder patterns: pymatgen's peaks, known reflections, the bins, what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matloop.core.errors import ConfigError
from matloop.matter.structures import from_arrays
from matloop.represent.structural.powder import PowderFeaturizer, form_factors, powder_peaks
from matloop.testing.structures import INVARIANCES, sample_structures

CU_KA1 = 1.54056


def silicon():
    half = 5.4309 / 2
    return from_arrays(half * (1 - np.eye(3))[None], [np.array([[0, 0, 0], [0.25, 0.25, 0.25]])], [[14, 14]])


def test_silicon_has_the_peaks_of_the_standard():
    # NIST standard reference material 640: 111, 220, 311, 400, 331 with Cu K-alpha1, intensities of PDF 27-1402
    # (whose atoms vibrate: towards high angles theirs are weaker)
    peaks = powder_peaks(silicon(), CU_KA1, 10.0, 80.0)
    share = 100 * peaks.intensities / peaks.intensities.max()
    seen = share > 0.1
    np.testing.assert_allclose(peaks.two_theta[seen], [28.44, 47.30, 56.12, 69.13, 76.38], atol=0.02)
    np.testing.assert_allclose(share[seen], [100, 55, 30, 6, 11], atol=12)


def test_peaks_are_those_of_pymatgen():
    xrd = pytest.importorskip("pymatgen.analysis.diffraction.xrd")
    core = pytest.importorskip("pymatgen.core")
    structures = sample_structures()
    rows = [row for row in range(len(structures)) if structures.periodic[row].all()]
    rows = [row for row in rows if structures.names[row] not in ("superheavy", "1 A cell")]
    for row in rows:
        one = structures.take(np.array([row]))
        bounds = one.species_offsets
        species = [
            {core.Element.from_Z(int(one.numbers[k])): one.occupancies[k] for k in range(bounds[s], bounds[s + 1])}
            for s in range(len(one.coordinates))
        ]
        theirs = xrd.XRDCalculator("MoKa").get_pattern(core.Structure(one.lattices[0], species, one.coordinates))
        ours = powder_peaks(one, 0.71073, 0.0, 90.0)
        share = 100 * ours.intensities / ours.intensities.max()
        seen = share > 1e-3
        np.testing.assert_allclose(ours.two_theta[seen], theirs.x, atol=1e-9, err_msg=str(one.names[0]))
        np.testing.assert_allclose(share[seen], theirs.y, atol=1e-8)


def test_a_shared_site_scatters_as_the_mean_of_its_species():
    alloy = sample_structures().take(np.array([14]))
    peaks = powder_peaks(alloy, CU_KA1, 30.0, 50.0)
    d = CU_KA1 / (2 * np.sin(np.radians(peaks.two_theta / 2)))
    np.testing.assert_allclose(d, [2.9, 2.9 / np.sqrt(2)], rtol=1e-9)
    # 100 is the difference of the two sites, 110 their sum
    iron, chromium, aluminium = (form_factors(np.full(2, z), 1 / d, np.array([1, 1])) for z in (26, 24, 13))
    sites = np.array([0.7 * iron + 0.3 * chromium, 0.8 * aluminium])
    theta = np.radians(peaks.two_theta / 2)
    lorentz = (1 + np.cos(2 * theta) ** 2) / (np.sin(theta) ** 2 * np.cos(theta))
    wanted = np.array([6, 12]) * lorentz * (sites[0] + np.array([-1, 1]) * sites[1]) ** 2
    np.testing.assert_allclose(peaks.intensities, wanted, rtol=1e-12)


def test_bins_hold_the_shares_of_the_peaks():
    sharp = PowderFeaturizer(fwhm=0.02, step=1.0)
    pattern = sharp.transform(silicon())[0]
    peaks = powder_peaks(silicon(), 1.54184, 5.0, 90.0)
    bins = np.bincount((peaks.two_theta - 5).astype(int), weights=peaks.intensities, minlength=85)
    np.testing.assert_allclose(pattern, bins / bins.sum(), atol=1e-9)


@given(st.floats(0.05, 5.0), st.floats(0.1, 5.0), st.floats(20.0, 60.0))
@settings(max_examples=30, deadline=None)
def test_bins_sum_to_one_whatever_their_width(fwhm, step, lowest):
    pattern = PowderFeaturizer(fwhm=fwhm, step=step, lowest=lowest).transform(sample_structures())
    known = np.isfinite(pattern).all(axis=1)
    sums = pattern[known].sum(axis=1)
    assert known.sum() == 12
    assert (np.isclose(sums, 1.0) | (sums == 0)).all()
    assert (pattern[known] >= 0).all()


@given(st.lists(st.tuples(*[st.floats(0, 1)] * 3), min_size=1, max_size=5), st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_the_same_crystal_written_otherwise_has_the_same_pattern(places, seed):
    rng = np.random.default_rng(seed)
    lattice = 3.0 * np.eye(3) + rng.uniform(-0.8, 0.8, (3, 3))
    crystal = from_arrays(lattice[None], [np.array(places)], [rng.integers(1, 99, len(places))])
    featurizer = PowderFeaturizer(highest=60.0)
    pattern = featurizer.transform(crystal)
    for other in INVARIANCES.values():
        np.testing.assert_allclose(featurizer.transform(other(crystal)), pattern, atol=1e-6)


def test_a_small_distortion_changes_the_pattern_little():
    skewed = silicon()
    lattices = skewed.lattices @ (np.eye(3) + 1e-4 * np.diag([1.0, 0, -1.0]))
    other = from_arrays(lattices, [skewed.coordinates], [skewed.numbers])
    featurizer = PowderFeaturizer()
    assert np.abs(featurizer.transform(other) - featurizer.transform(skewed)).max() < 2e-3


def test_what_is_not_described_has_a_reason():
    reasons = PowderFeaturizer().reasons(sample_structures())
    names = sample_structures().names.tolist()
    assert reasons[names.index("superheavy")] == "the scattering of X-rays by Og is not tabulated"
    assert "repeats in all three" in reasons[names.index("slab")]
    huge = from_arrays(300.0 * np.eye(3)[None], [np.random.default_rng(0).random((19_000, 3))], [np.full(19_000, 14)])
    assert "reflections of 19,000 sites" in PowderFeaturizer(wavelength=0.5).reasons(huge)[0]


@pytest.mark.parametrize(
    "options", [{"step": 0.0}, {"lowest": 95.0}, {"highest": 200.0}, {"fwhm": 0.0}, {"step": 0.001}]
)
def test_wrong_options_are_refused(options):
    with pytest.raises(ConfigError, match="possible"):
        PowderFeaturizer(**options).columns()
