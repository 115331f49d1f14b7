"""The pictures of production are drawn of little and of much."""

import pytest

from tasks.methods.production_plots import Look, along_png, history_of_looks_png
from tasks.methods.sequential import Window

PNG = b"\x89PNG"


def look(place: int, **told: object) -> Look:
    fields = {"accuracy": None, "estimated": None, "drifted_share": 0.1, "drifted": False, "retrained": False}
    return Look(label=str(place), version=f"m/{place // 4}", **(fields | told))  # type: ignore[arg-type]


@pytest.mark.parametrize("looks", [1, 40])
def test_history_is_drawn_with_and_without_labels(looks: int):
    drawn = [look(place, accuracy=0.8 if place % 2 else None, estimated=(0.7, 0.6, 0.8)) for place in range(looks)]
    picture = history_of_looks_png(drawn, 0.9)
    assert picture.startswith(PNG)
    assert history_of_looks_png([look(place) for place in range(looks)], None).startswith(PNG)
    retrained = [look(place, accuracy=0.8, retrained=place == 0) for place in range(looks)]
    assert history_of_looks_png(retrained, 0.9) != picture


def test_accuracy_along_a_batch_is_drawn_with_its_alarms():
    windows = [Window(0, 50, 0.9, 0.8, 0.95), Window(50, 100, 0.5, 0.4, 0.6)]
    calm, alarmed = along_png(windows, [], 0.9), along_png(windows, [60, 80], None)
    assert calm.startswith(PNG)
    assert calm != alarmed
