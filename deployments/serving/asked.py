"""One request for predictions, whichever protocol it speaks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from deployments.serving import open_inference, scoring
from deployments.serving.served import Raw, Served

Protocol = Literal["mlflow", "open_inference"]
Write = Callable[[Served, np.ndarray], bytes]


@dataclass(frozen=True)
class Asked:
    """A request, read up to its body.

    Args:
        protocol: What it speaks.
        body: Its body.
        content_type: Its header.
        request_id: Its id.
        key: Value of the header that keeps a client with one version, where there is one.
        name: Model that its path names; None: the one served.
        version: Version that its path names; None: whichever is to answer.
    """

    protocol: Protocol
    body: bytes
    content_type: str | None
    request_id: str
    key: str | None = None
    name: str | None = None
    version: str | None = None

    def read(self, served: Served, max_rows: int) -> tuple[Raw, Write]:
        """The rows in the form that `served` takes, and what makes the body of the answer.

        Raises:
            RequestError: 400, 413 or 415, naming what is wrong.
        """
        if self.protocol == "mlflow":
            raw = scoring.read(served, self.body, self.content_type, max_rows)
            return raw, lambda by, probabilities: scoring.answer(by.labels, probabilities)
        raw, identity, outputs = open_inference.read(served, self.body, max_rows)
        identity = self.request_id if identity is None else identity
        return raw, lambda by, probabilities: open_inference.answer(by, probabilities, identity, outputs)
