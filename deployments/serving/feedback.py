"""Ground truth as clients send it to `/feedback`: by request id, whenever it is known, in any order."""

import time
from collections.abc import Sequence
from typing import Any

import orjson

from deployments.serving import request_id
from deployments.serving.capture import Label
from deployments.serving.errors import RequestError, invalid, listed, malformed, nearest, shown, too_large
from deployments.serving.service import Service
from tasks.data.values import text_of

FORM = "an object with `request_id` and `labels` (one a row, null where unknown), or a list of such objects"


def take(service: Service, body: bytes) -> int:
    """Keeps the labels of a request's body, and counts them for a challenger on trial.

    Returns:
        How many labels there were.

    Raises:
        RequestError: 400, naming what is wrong; 409, labels are of no use here; 413; 429, the writer can't keep up.
    """
    lineup = service.lineup
    if service.capture is None and lineup.challenger is None:
        raise RequestError(409, "NOT_KEPT", "This server keeps no predictions, so labels find none. Start it with --capture.")
    known = list(lineup.champion.labels) + ([] if lineup.challenger is None else lineup.challenger.labels)
    found = [_one(each, known) for each in _entries(body)]
    count = sum(label is not None for _, labels in found for label in labels)
    if count > service.settings.max_rows:
        raise too_large(f"body: expected at most {service.settings.max_rows} labels. Received: {count}. Send them in parts.")
    now, kept = time.time(), 0
    for identity, labels in found:
        if lineup.challenger is not None:
            service.tally.labelled(identity, labels)
        for row, label in enumerate(labels):
            if label is not None and service.capture is not None:
                kept += service.capture.put(Label(identity, now, lineup.champion.name, row, label))
    service.metrics.labels.inc(count)
    if service.capture is not None and kept < count:
        lost = f"{count - kept} labels could not be kept. Send them again."
        raise RequestError(429, "RESOURCE_EXHAUSTED", lost, {"Retry-After": "5"})
    return count


def _entries(body: bytes) -> list[Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise malformed(f"body: expected JSON. Received: {error}.") from error
    entries = document if isinstance(document, list) else [document]
    if not entries or not all(isinstance(each, dict) for each in entries):
        raise malformed(f"body: expected {FORM}. Received: {shown(document)}.")
    return entries


def _one(entry: dict[str, Any], known: Sequence[str]) -> tuple[str, list[str | None]]:
    identity, labels = entry.get("request_id"), entry.get("labels")
    if not isinstance(identity, str) or not request_id.is_harmless(identity):
        raise invalid(f"request_id: expected what an answer had in X-Request-ID. Received: {shown(identity)}.")
    if not isinstance(labels, list) or not labels:
        raise invalid(f"labels: expected a list, one label a row. Received: {shown(labels)}.")
    if any(isinstance(label, list | dict | bool) for label in labels):
        raise invalid(f"labels: expected text, numbers or null. Received: {shown(labels)}.")
    texts = [text_of(label) for label in labels]
    for row, text in enumerate(texts):
        if text is not None and text not in known:
            raise invalid(f"labels: row {row}: expected one of {listed(known)}. Received: {shown(text)}.{nearest(text, known)}")
    return identity, texts
