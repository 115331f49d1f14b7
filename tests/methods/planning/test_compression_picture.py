from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image

from tasks.methods.planning.front import Budget, Point
from tasks.methods.planning.picture import front_png

REFERENCE = Point((), "float32", 0.95, (0.93, 0.97), 0.1, 60_000, 50_000, 0.05, 0, 0)


@pytest.mark.parametrize("budget", [Budget(size_bytes=20_000), Budget(ratio=4, latency_ms=0.03), Budget(packed_bytes=9_000)])
def test_front_png_draws_points_front_and_budget(budget):
    points = [
        replace(REFERENCE, mode="int8", accuracy=accuracy, size_bytes=size, latency_ms=size / 1e6)
        for accuracy, size in ((0.948, 16_000), (0.93, 9_000), (0.3, 5_000))
    ]
    drawn = Image.open(BytesIO(front_png(points, REFERENCE, points[0], budget)))
    assert drawn.width > drawn.height > 300
    assert front_png(points, REFERENCE, points[0], budget) != front_png(points, REFERENCE, points[1], budget)
