"""A drift check of 1,000,000 rows by 20 columns beside nannyml's.

    BEQUEST_PEER_PYTHON=/path/to/venv/bin/python make bench NAME=drift_check

The interpreter is one of an environment of its own with nannyml; where none is named, the benchmark is skipped and says so.

Half of the rows are the reference, half are in question; twelve of the twenty columns have moved by a tenth of their spread.
Columns are normal, uniform, log-normal, and whole numbers of few values, five of each. Both sides compute Kolmogorov-Smirnov
and Jensen-Shannon of every column of the same rows: nannyml's UnivariateDriftCalculator in ten chunks, its default, fitted on
the reference, then asked; ours by `report`, once for each detector, on raw arrays. Nothing is sampled on our side, and nothing
is sorted or kept from one run to the next. Data is in memory and everything imported before the clock starts. The two take
turns; the ratio is that of the least wall-clock seconds of each.

Verdicts: ours is the product's, at alpha 0.01 corrected for the columns; nannyml's is that more than half of the ten chunks
alert at its default thresholds. Its telemetry is off.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import _settings  # noqa: F401  (before numpy)
import numpy as np
import pandas as pd
from _record import record

from tasks.methods.drift import Kind, report

ROWS, COLUMNS, RUNS = 500_000, 20, 3
METHODS = {"ks": "kolmogorov_smirnov", "js": "jensen_shannon"}
_PEER = """
import json, sys, time, warnings
import pandas as pd
warnings.simplefilter("ignore")
import nannyml
reference, current = pd.read_parquet(sys.argv[1]), pd.read_parquet(sys.argv[2])
methods = sys.argv[3].split(",")
print(json.dumps({"version": nannyml.__version__}), flush=True)
for _ in sys.stdin:
    started, cpu = time.perf_counter(), time.process_time()
    check = nannyml.UnivariateDriftCalculator(column_names=list(reference), continuous_methods=methods)
    found = check.fit(reference).calculate(current)
    spent = time.perf_counter() - started, time.process_time() - cpu
    table = found.filter(period="analysis").to_df()
    alerts = {m: {c: bool(table[(c, m, "alert")].mean() > 0.5) for c in reference} for m in methods}
    print(json.dumps({"seconds": spent[0], "cpu_seconds": spent[1], "alerts": alerts}), flush=True)
"""


def columns(seed: int, moved: bool) -> dict[str, np.ndarray]:
    """Twenty columns; `moved` shifts twelve of them by a tenth of their spread."""
    rng = np.random.default_rng(seed)
    draws = (
        lambda: rng.normal(size=ROWS),
        lambda: rng.random(ROWS) * 12**0.5,
        lambda: rng.lognormal(0, 0.5, ROWS) / 0.6,
        lambda: rng.poisson(3, ROWS).astype(np.float64),
    )
    made = {}
    for column in range(COLUMNS):
        values = draws[column % 4]()
        if moved and column // 4 % 2 == 0:
            values = values + (0.1 if column % 4 != 3 else (rng.random(ROWS) < 0.17))
        made[f"c{column}"] = values
    return made


def ours(reference: dict[str, np.ndarray], current: dict[str, np.ndarray]) -> tuple[float, float, dict[str, dict[str, bool]]]:
    """Wall-clock seconds, processor seconds, verdicts by method and column."""
    started, cpu = time.perf_counter(), time.process_time()
    kinds: dict[str, Kind] = dict.fromkeys(reference, "numeric")
    found = {method: report(reference, current, kinds, numeric=method, alpha=0.01) for method in METHODS}
    spent = time.perf_counter() - started, time.process_time() - cpu
    verdicts = {METHODS[method]: {each.name: each.drifted for each in of.features} for method, of in found.items()}
    return *spent, verdicts


def main() -> None:
    """Measures both in turns."""
    peer = os.environ.get("BEQUEST_PEER_PYTHON")
    if not peer or not Path(peer).is_file():
        print(f"skipped: set BEQUEST_PEER_PYTHON to an interpreter that has nannyml. Received: {peer!r}.")
        return
    reference, current = columns(0, moved=False), columns(1, moved=True)
    quiet = os.environ | {"NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1"}
    quiet.pop("PYTHONPATH", None)
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / f"{name}.parquet") for name in ("reference", "current")]
        for path, window in zip(paths, (reference, current), strict=True):
            pd.DataFrame(window).to_parquet(path, index=False)
        with subprocess.Popen(
            [peer, "-c", _PEER, *paths, ",".join(METHODS.values())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=quiet,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            version = json.loads(process.stdout.readline() or "{}").get("version")
            if version is None:
                sys.exit(f"{peer}: nannyml could not be imported.")
            runs: list[dict[str, float]] = []
            for _ in range(RUNS):
                seconds, cpu, verdicts = ours(reference, current)
                process.stdin.write("\n")
                process.stdin.flush()
                theirs = json.loads(process.stdout.readline())
                runs.append(
                    {
                        "ours_seconds": round(seconds, 3),
                        "ours_cpu_seconds": round(cpu, 3),
                        "nannyml_seconds": round(theirs["seconds"], 3),
                        "nannyml_cpu_seconds": round(theirs["cpu_seconds"], 3),
                    }
                )
            process.stdin.close()
    differing = [
        f"{column} by {method}"
        for method, found in theirs["alerts"].items()
        for column, alert in found.items()
        if alert != verdicts[method][column]
    ]
    least = {key: min(run[key] for run in runs) for key in runs[0]}
    figures = {
        "speed_ratio_nannyml": round(least["nannyml_seconds"] / least["ours_seconds"], 2),
        "cpu_ratio_nannyml": round(least["nannyml_cpu_seconds"] / least["ours_cpu_seconds"], 2),
        **least,
        "verdicts": 2 * COLUMNS,
        "verdicts_that_differ": len(differing),
        "drifted_columns": sum(verdicts["kolmogorov_smirnov"].values()),
    }
    record(
        "drift_check",
        figures,
        ("numpy", "scipy"),
        rows=2 * ROWS,
        columns=COLUMNS,
        peer=f"nannyml {version}",
        sampling="none on either side",
        differing=differing,
        runs=runs,
    )


if __name__ == "__main__":
    main()
