"""Large windows are not sorted, yet every answer is that of sorting them."""

import numpy as np
import pytest
from scipy import stats

from tasks.methods.drift import detectors
from tasks.methods.drift.grid import LEAST_ROWS, grid_of
from tasks.methods.drift.tables import bin_counts

ROWS = LEAST_ROWS + 500
SOURCES = {
    "normal": lambda rng: rng.normal(size=ROWS),
    "uniform": lambda rng: rng.random(ROWS + 1000),
    "heavy tailed": lambda rng: rng.lognormal(0, 3, ROWS),
    "few values": lambda rng: rng.poisson(2.0, ROWS).astype(float),
    "many whole numbers": lambda rng: np.round(rng.normal(0, 300, ROWS)),
    "two values": lambda rng: (rng.random(ROWS) < 0.3).astype(float),
    "mostly zero": lambda rng: rng.normal(size=ROWS) * (rng.random(ROWS) < 0.2),
}


def sorted_counts(first: np.ndarray, second: np.ndarray, bins: int) -> np.ndarray:
    """Rows by bin as the definition says: edges are quantiles of both windows, or the values where they are few."""
    pooled = np.sort(np.concatenate([first, second]))
    edges = np.unique(pooled)
    if len(edges) > bins:
        edges = np.unique(pooled[-(-np.arange(1, bins) * len(pooled) // bins) - 1])
    edges = edges[edges < pooled[-1]]
    return np.stack([np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1) for values in (first, second)])


@pytest.mark.parametrize("shift", [0.0, 0.5])
@pytest.mark.parametrize("source", SOURCES)
def test_large_windows_are_compared_exactly(source: str, shift: float):
    rng = np.random.default_rng(0)
    first, second = SOURCES[source](rng), SOURCES[source](rng) * (1 + shift)
    np.testing.assert_array_equal(np.stack(bin_counts(first, second)), sorted_counts(first, second, 10))
    score, expected = detectors.get("ks")(first, second), stats.ks_2samp(first, second, method="asymp")
    assert score.statistic == pytest.approx(expected.statistic, abs=1e-12)
    assert score.p_value == pytest.approx(expected.pvalue, abs=0.005)  # the limit, not the exact distribution


def test_grid_takes_few_values_and_leaves_bunched_ones_to_sorting():
    rng = np.random.default_rng(0)
    made = {name: grid_of(draw(rng), draw(rng)) for name, draw in SOURCES.items()}
    assert made["few values"].single
    assert made["normal"] is not None
    assert made["mostly zero"] is None
    assert made["heavy tailed"] is None


@pytest.mark.parametrize("first", [np.zeros(ROWS), np.array([-1e308, 1e308] * ROWS)], ids=["constant", "overflow"])
def test_grid_is_not_made_where_steps_have_no_length(first: np.ndarray):
    assert grid_of(first, first) is None


@pytest.mark.parametrize("name", ["js", "psi"])
def test_chi_square_says_what_dealing_says_when_bins_are_well_filled(name: str, monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=6000), rng.normal(0.05, 1, 4000)
    by_formula = detectors.get(name)(first, second).p_value
    monkeypatch.setattr("tasks.methods.drift.permutation.LEAST_EXPECTED", 10**9)
    assert by_formula == pytest.approx(detectors.get(name)(first, second).p_value, abs=0.03)
    assert 0.001 < by_formula < 0.9
