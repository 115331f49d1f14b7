"""The picture of a ranking: readable in size, the same bytes for the same numbers, for one selector and for several."""

import io

import numpy as np
import pytest
from PIL import Image

from tasks.methods.selection.picture import ranking_png
from tasks.methods.selection.race import Race, Round

ROWS = {"a/1": np.array([1.0, 2.0]), "from scratch": np.array([2.0, 4.0])}
RACE = Race([Round(1, ["a/1", "from scratch"], ROWS, [])], ["a/1", "from scratch"], {}, {})
ALONE = Race([Round(1, ["from scratch", "a/1"], {"from scratch": ROWS["from scratch"]}, [])], ["from scratch", "a/1"], {}, {})


def size(png: bytes) -> tuple[int, int]:
    image = Image.open(io.BytesIO(png))
    image.load()
    assert image.format == "PNG"
    assert np.asarray(image.convert("L")).std() > 5  # something is drawn
    return image.size


@pytest.mark.parametrize("count", [1, 3, 40])
@pytest.mark.parametrize("race", [None, RACE, ALONE])
def test_ranking_png_fits_a_page(count, race):
    ranked = [(f"{'a very long name of a model ' * (i % 2)}{i}/1", {"knn": 1 / (i + 1)}, i + 1.0) for i in range(count)]
    width, height = size(ranking_png(ranked, race, "from scratch", [ranked[0][0]]))
    assert 500 < width < 2000
    assert 300 < height < 2000


def test_ranking_png_draws_several_selectors_and_what_one_could_not_judge():
    several = [("a/1", {"knn": 0.9, "leep": None}, 1.5), ("b/2", {"knn": 0.5, "leep": -1.0}, 1.5)]
    assert ranking_png(several, RACE, "from scratch", []) != ranking_png(several, RACE, "from scratch", ["a/1"])
    size(ranking_png([("a/1", {"knn": 0.5}, 1.0), ("b/2", {"knn": 0.5}, 1.0)], None, "from scratch", []))


def test_ranking_png_is_the_same_bytes_when_the_numbers_are_the_same():
    ranked = [("a/1", {"knn": 0.9}, 1.0)]
    assert ranking_png(ranked, RACE, "from scratch", []) == ranking_png(ranked, RACE, "from scratch", [])
