"""great-expectations, run quietly: offline, no context on disk, nothing on the terminal."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd

import model_registry.environment  # noqa: F401  (turns GX's analytics off before it is imported)
from model_registry.errors import InputError
from tasks.data.wording import nearest

COLUMNS_AT_ONCE = 40
Config = dict[str, Any]
"""One expectation as JSON: {"type": ..., "kwargs": {...}, "meta": {...}, "severity": ...}."""


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps GX's log lines and the warnings of what it imports off the terminal."""
    logger = logging.getLogger("great_expectations")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations  # noqa: F401  (sets its logger's level, so it must come before ours)

        level = logger.level
        logger.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            logger.setLevel(level)


def suite_json(name: str, expectations: list[Config], meta: dict[str, Any]) -> dict[str, Any]:
    """A suite in GX's own JSON form, the same bytes for the same expectations.

    Args:
        name: Name of the suite.
        expectations: Configurations, checked by GX as it builds them.
        meta: What the suite carries along.
    """
    with _quiet():
        import great_expectations as gx

        suite = gx.ExpectationSuite(name=name, expectations=expectations, meta=dict(meta))
        document: dict[str, Any] = suite.to_json_dict()  # type: ignore[assignment]
    for config in document["expectations"]:
        config.pop("id", None)  # a random one would change the bytes
    document.pop("id", None)
    return document


def check_expectations(expectations: list[Any], where: str) -> None:
    """Lets GX build every expectation, because a suite drops those it cannot build with no more than a log line.

    Raises:
        InputError: One is unknown or has wrong arguments.
    """
    with _quiet():
        from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
        from great_expectations.expectations.registry import list_registered_expectation_implementations

        for i, config in enumerate(expectations):
            if not isinstance(config, dict) or not isinstance(config.get("type"), str):
                raise InputError(
                    f"{where}: expectations[{i}]: expected `type` and `kwargs`, as GX 1.x writes them. "
                    f"Received: {repr(config)[:200]}"
                )
            known = list_registered_expectation_implementations()
            if config["type"] not in known:
                raise InputError(
                    f"{where}: expectations[{i}].type: expected an expectation of great-expectations. "
                    f"Received: {config['type']!r}.{nearest(config['type'], known)}"
                )
            try:
                ExpectationConfiguration(**config).to_domain_obj()
            except Exception as error:  # pydantic 1, TypeError or GX's own errors
                reason = " ".join(str(error).split())
                raise InputError(f"{where}: expectations[{i}] ({config['type']}): {reason}") from error


def validate(frame: pd.DataFrame, expectations: list[Config]) -> list[dict[str, Any]]:
    """Runs expectations on a table.

    Args:
        frame: Rows with the positions 0 to n - 1 as index; GX reports failing rows by index.
        expectations: Configurations.

    Returns:
        One result an expectation, in GX's JSON form with result format COMPLETE.
    """
    results: list[dict[str, Any]] = []
    for columns, part in _parts(frame, expectations):
        # The copy puts equal types side by side in memory, which is how pandas filters rows fast.
        results += _run(frame[columns].copy(), part)
    return results


def _parts(frame: pd.DataFrame, expectations: list[Config]) -> Iterator[tuple[list[str], list[Config]]]:
    """Columns, and the expectations that need no others.

    GX filters the whole table once an expectation, so that a wide table in one piece takes time by the square of its width.
    """
    by_column: dict[str, list[Config]] = {}
    whole = []
    for config in expectations:
        column = config["kwargs"].get("column")
        if column in frame.columns and "row_condition" not in config["kwargs"]:
            by_column.setdefault(column, []).append(config)
        else:
            whole.append(config)
    if whole:
        yield list(frame.columns), whole
    names = list(by_column)
    for start in range(0, len(names), COLUMNS_AT_ONCE):
        some = names[start : start + COLUMNS_AT_ONCE]
        yield some, [config for name in some for config in by_column[name]]


def _run(frame: pd.DataFrame, expectations: list[Config]) -> list[dict[str, Any]]:
    """Runs expectations as a validation definition of a context that lives in memory alone."""
    with _quiet():
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        context = gx.get_context(mode="ephemeral")
        context.enable_analytics(False)
        context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
        asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("rows")
        batch = asset.add_batch_definition_whole_dataframe("all")
        suite = context.suites.add(gx.ExpectationSuite(name="contract", expectations=expectations))
        definition = context.validation_definitions.add(gx.ValidationDefinition(name="contract", data=batch, suite=suite))
        result = definition.run(batch_parameters={"dataframe": frame}, result_format={"result_format": "COMPLETE"})
        return list(result.to_json_dict()["results"])  # type: ignore[arg-type]


def version() -> str:
    """GX's version, kept with results."""
    from importlib.metadata import version as installed

    return installed("great-expectations")
