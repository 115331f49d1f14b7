"""What an ancestor hands down beside its weights: recipe, contract, preprocessing, data set card, tuned settings."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.data.card import DataCard

FOLDER = "solution"


@dataclass(frozen=True)
class Solution:
    """A version's solution; a part is None where the version has none, as an imported model may.

    `expects` is how a network from outside wants its pixels, as `PictureInput.as_json` writes it.
    `tuned` is what the search over hyper-parameters found best in this family, by its name under `train` in a recipe.
    """

    recipe: dict[str, Any] | None = None
    card: DataCard | None = None
    preprocessing: dict[str, Any] | None = None
    contract: dict[str, Any] | None = None
    tuned: dict[str, Any] | None = None
    expects: dict[str, Any] | None = None

    def write(self, folder: Path) -> None:
        """Writes the parts that stand as JSON files below a version's folder."""
        parts = {
            "recipe": self.recipe,
            "card": self.card.model_dump(mode="json") if self.card else None,
            "preprocessing": self.preprocessing,
            "contract": self.contract,
            "tuned": self.tuned,
            "expects": self.expects,
        }
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
        for name, part in parts.items():
            if part is not None:
                (folder / FOLDER / f"{name}.json").write_text(json.dumps(part, indent=1))

    @classmethod
    def read(cls, folder: Path) -> "Solution":
        """Reads what stands below a version's folder."""

        def part(name: str) -> dict[str, Any] | None:
            path = folder / FOLDER / f"{name}.json"
            return json.loads(path.read_text()) if path.is_file() else None

        card = part("card")
        return cls(
            recipe=part("recipe"),
            card=DataCard(**card) if card else None,
            preprocessing=part("preprocessing"),
            contract=part("contract"),
            tuned=part("tuned"),
            expects=part("expects"),
        )
