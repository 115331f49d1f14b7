"""How a benchmark leaves its results: `results/NAME.json` with the command that reproduces them."""

import json
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any


def record(name: str, figures: dict[str, Any], packages: tuple[str, ...], **more: Any) -> None:
    """Writes and prints the results of a benchmark.

    Args:
        name: The benchmark's name, as in `make bench NAME=...`.
        figures: What was measured, units in the names.
        packages: Whose versions to note.
        **more: What else a reader needs: data, seeds, split.
    """
    result = {
        "command": f"make bench NAME={name}",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {package: version(package) for package in ("bequest", *packages)},
        **more,
        "figures": figures,
    }
    path = Path(__file__).parent / "results" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(figures, indent=2))
