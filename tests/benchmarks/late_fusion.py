"""What fusing two modalities gains over either alone: a picture, and the columns of the same row.

    make bench NAME=late_fusion

scikit-learn's digits: three columns of pixels are the picture, the sums over the rows and columns of the rest are numbers. On a
fresh workspace for each seed two earlier projects learn from half of the rows, one from the pictures, one from the numbers.
Then a project on the other half inherits from both, by `bequest run` with the recipe's defaults and no search:

- `heirs`: what the heir of either reads is its own part alone.
- `late_fusion`: `fuse: log_pool`, without a network from scratch among the heirs, trained on as one.
- `side_by_side`: a network from scratch that reads both parts, without ancestors.

Accuracy is the test split's, which each version reads once; the heirs are judged by recipes of their own, which inherit from
one ancestor alone.
"""

import os
from pathlib import Path
from typing import Any

import _settings  # noqa: F401  (before numpy)
import numpy as np
import pandas as pd
import yaml
from _record import record
from _shipped import by_seed
from PIL import Image
from sklearn.datasets import load_digits

SEEDS = (0, 1, 2)
TAIL: dict[str, Any] = {"compress": {"prune": None}, "train": {"search": {"trials": 0}}, "deploy": {"to": "staging"}}
PICTURE, EARLIER, LATER = {"column": "left"}, {"start": 0.0, "end": 0.5}, {"start": 0.5, "end": 1.0}


def write_rows(folder: Path) -> None:
    """The table, and its pictures beside it."""
    digits = load_digits()
    (folder / "left").mkdir()
    rows = []
    for number, (image, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        Image.fromarray((image[:, :3] * 15).astype(np.uint8)).save(folder / "left" / f"{number}.png")
        totals = [*image[:, 3:].sum(axis=1), *image[:, 3:].sum(axis=0)]
        rows.append(
            {"left": f"left/{number}.png", **{f"sum {place}": each for place, each in enumerate(totals)}, "digit": str(label)}
        )
    pd.DataFrame(rows).to_csv(folder / "halves.csv", index=False)


def one_seed(seed: int) -> dict[str, float]:
    """Test accuracy by project."""
    from flows.inherit import inherit
    from flows.session import prepare_process

    prepare_process()
    folder = Path(os.environ["BEQUEST_HOME"]).parent
    write_rows(folder)

    def run(name: str, data: dict[str, Any], **more: Any) -> float:
        path = folder / f"{name}.yaml"
        stated = TAIL | {"name": name, "seed": seed, "data": {"source": "halves.csv", "target": "digit"} | data} | more
        path.write_text(yaml.safe_dump(stated))
        found = inherit(str(path)).verdict.metrics["accuracy"]
        assert found is not None
        return found

    run("pictures", {"features": ["left"], "image": PICTURE, "rows": EARLIER})
    run("numbers", {"drop": ["left"], "rows": EARLIER})
    both = {"image": PICTURE, "rows": LATER}
    alone = {"control": False}
    heirs = {
        name: run(
            f"heir-of-{name}", both, inherit={"ancestors": [f"models:/{name}@staging"], "solution": False}, transfer=alone
        )
        for name in ("pictures", "numbers")
    }
    ancestors = [f"models:/{name}@staging" for name in heirs]
    fused = run("fused", both, inherit={"ancestors": ancestors, "solution": False}, transfer=alone, fuse={"method": "log_pool"})
    return heirs | {"late_fusion": fused, "side_by_side": run("fresh", both)}


def tell(found: list[dict[str, float]]) -> None:
    """Writes the results of as many seeds as there are."""
    mean = {name: round(float(np.mean([each[name] for each in found])), 4) for name in found[0]}
    best = [max(each["pictures"], each["numbers"]) for each in found]
    gains = [100 * (each["late_fusion"] - own) for each, own in zip(found, best, strict=True)]
    record(
        "late_fusion",
        {"accuracy": mean, "gain_over_best_modality_points": round(float(np.mean(gains)), 2), "by_seed": found},
        ("tensorflow", "scikit-learn"),
        data="scikit-learn's digits, three columns of pixels as pictures, sums over the rest as numbers",
        seeds=list(SEEDS[: len(found)]),
        split="the recipes' own; early stopping and fusion on validation, test read once a version",
    )


if __name__ == "__main__":
    by_seed(str(Path(__file__)), SEEDS, one_seed, tell)
