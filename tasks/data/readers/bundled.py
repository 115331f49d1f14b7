"""Small data sets that come with scikit-learn: real rows without a download."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from model_registry.errors import InputError
from tasks.data.labels import label_names
from tasks.data.rawtable import RawTable
from tasks.data.readers.pictures import picture_table
from tasks.data.readers.request import Request
from tasks.data.readers.table import table_of
from tasks.data.wording import nearest

NAMES = ("digits", "breast_cancer", "wine", "iris")


def read_bundled(path: Path, request: Request) -> RawTable:
    """Reads `bundled:<name>`; labels are the data set's own names.

    Args:
        path: The name after `bundled:`.
        request: What is asked for.

    Raises:
        InputError: No such data set.
    """
    name = str(path)
    if name not in NAMES:
        raise InputError(
            f"data.source: expected one of {[f'bundled:{n}' for n in NAMES]}. Received: 'bundled:{name}'.{nearest(name, NAMES)}"
        )
    from sklearn import datasets

    if name == "digits":
        bunch = datasets.load_digits()
        # 8 x 8 grey pictures of 17 levels (Alpaydin & Kaynak, 1998)
        return picture_table(bunch.images.astype(np.uint8), label_names(bunch.target, request.name), request, pixel_max=16.0)
    bunch = getattr(datasets, f"load_{name}")(as_frame=True)
    target = request.target or "target"
    order = [str(label) for label in bunch.target_names]
    frame = bunch.data.assign(**{target: np.array(order, dtype=object)[bunch.target.to_numpy()]})
    return table_of(frame, replace(request, target=target), class_order=order)
