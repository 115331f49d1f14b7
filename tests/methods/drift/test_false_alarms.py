"""How often a detector calls drift although both windows come from one source: at most as often as it says."""

import numpy as np
import pytest

from tasks.methods.drift import detectors, detectors_for, report

ALPHA, RUNS = 0.05, 200
SOURCES = {
    "normal": lambda rng, n: rng.normal(size=n),
    "heavy tailed": lambda rng, n: rng.lognormal(0, 1.5, n),
    "few values": lambda rng, n: rng.poisson(1.5, n).astype(float),
    "mostly zero": lambda rng, n: rng.normal(size=n) * (rng.random(n) < 0.2),
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", detectors_for("numeric"))
def test_numeric_detector_raises_few_false_alarms(name, source):
    rng = np.random.default_rng(0)
    draw = SOURCES[source]
    alarms = sum(detectors.get(name)(draw(rng, 120), draw(rng, 40)).p_value <= ALPHA for _ in range(RUNS))
    assert alarms / RUNS <= 2 * ALPHA


@pytest.mark.parametrize("name", detectors_for("categorical"))
def test_categorical_detector_raises_few_false_alarms_when_categories_are_rare(name):
    rng = np.random.default_rng(0)
    shares = 0.6 ** np.arange(12)
    names = np.array(list("abcdefghijkl"), object)

    def draw(n: int) -> np.ndarray:
        return rng.choice(names, n, p=shares / shares.sum())

    alarms = sum(detectors.get(name)(draw(120), draw(40)).p_value <= ALPHA for _ in range(RUNS))
    assert alarms / RUNS <= 2 * ALPHA


@pytest.mark.parametrize("numeric", detectors_for("numeric"))
def test_report_raises_few_false_alarms_for_the_batch_as_a_whole(numeric):
    rng = np.random.default_rng(1)
    kinds = dict.fromkeys("abcdef", "numeric") | dict.fromkeys("xyz", "categorical")

    def draw(n: int) -> dict[str, np.ndarray]:
        numbers = rng.normal(size=(6, n))
        numbers[0, rng.random(n) < 0.1] = np.nan
        words = rng.choice(np.array(["r", "g", "b", None], object), (3, n), p=[0.5, 0.3, 0.15, 0.05])
        return dict(zip(kinds, [*numbers, *words], strict=True))

    runs = 80
    alarms = sum(report(draw(150), draw(60), kinds, numeric=numeric, alpha=ALPHA, min_share=0.0).drifted for _ in range(runs))
    assert alarms / runs <= 2 * ALPHA


@pytest.mark.parametrize("together", ["mmd", "domain_classifier"])
def test_batch_keeps_its_false_alarm_rate_on_shuffled_rows(together):
    """Features, all of them together and predictions share one rate; the benchmark drift_loop measures it on real data."""
    rng = np.random.default_rng(2)
    rows, kinds = 3000, {"a": "numeric", "b": "numeric", "c": "categorical"}
    a = rng.normal(size=rows)
    whole = {"a": a, "b": a + rng.normal(size=rows), "c": rng.choice(np.array(["r", "g"], object), rows)}
    confidence = np.abs(np.tanh(a))
    runs, alarms = (20 if together == "mmd" else 5), 0
    for _ in range(runs):
        order = rng.permutation(rows)
        windows = [{name: values[part] for name, values in whole.items()} for part in (order[:150], order[150:250])]
        said = [{"confidence": confidence[part]} for part in (order[250:400], order[150:250])]
        found = report(*windows, kinds, multivariate=[together], predictions=tuple(said), alpha=0.1, min_share=0.0)
        alarms += found.drifted
    assert alarms / runs <= 0.2
