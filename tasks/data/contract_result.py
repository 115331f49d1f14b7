"""What came of holding rows against a contract, in words."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tasks.data.contract_gx import version
from tasks.data.pixels import PREFIX
from tasks.data.wording import listed

LARGEST = float(np.finfo(np.float64).max)
ANY = ("critical", "warning", "info")


@dataclass(frozen=True)
class Failure:
    """One expectation that does not hold.

    Attributes:
        type: GX's name of the expectation.
        column: Column or columns; empty for the table as a whole.
        severity: As the suite says: critical, warning or info.
        rule: What was expected, for people.
        rows: Positions of the failing rows; None where the table as a whole fails.
        values: What each of these rows holds, as text.
        found: What was found, for people.
    """

    type: str
    column: str
    severity: str
    rule: str
    rows: list[int] | None
    values: list[str]
    found: str


@dataclass(frozen=True)
class ContractResult:
    """What came of holding rows against a suite.

    Attributes:
        success: Every expectation holds.
        failed_expectations: Those that do not, in the suite's order.
        statistics: Counts of expectations (all, evaluated, failed) and of rows (all, failing).
    """

    success: bool
    failed_expectations: list[Failure]
    statistics: dict[str, int] = field(default_factory=dict)

    @property
    def table_failures(self) -> list[Failure]:
        """Expectations that the table as a whole breaks."""
        return [failure for failure in self.failed_expectations if failure.rows is None]

    @property
    def failing_rows(self) -> dict[int, list[str]]:
        """Row position to the reasons why it fails."""
        return self.rows_failing(ANY)

    def rows_failing(self, severities: tuple[str, ...]) -> dict[int, list[str]]:
        """Row position to reasons, of expectations of these severities alone."""
        reasons: dict[int, list[str]] = {}
        for failure in self.failed_expectations:
            if failure.severity in severities:
                for row, value in zip(failure.rows or [], failure.values, strict=True):
                    reasons.setdefault(row, []).append(f"{failure.rule}. Received: {value}")
        return dict(sorted(reasons.items()))

    def to_json(self) -> dict[str, Any]:
        """What is kept beside the data set: counts and examples, not every row."""
        failures = [
            {
                "type": failure.type,
                "column": failure.column,
                "severity": failure.severity,
                "rule": failure.rule,
                "rows": None if failure.rows is None else len(failure.rows),
                "found": failure.found,
            }
            for failure in self.failed_expectations
        ]
        return {
            "success": self.success,
            "statistics": self.statistics,
            "failed_expectations": failures,
            "great_expectations_version": version(),
        }


def identity(config: dict[str, Any]) -> tuple[str, str]:
    """Type and columns of an expectation."""
    return config["type"], ", ".join(columns_of(config))


def columns_of(config: dict[str, Any]) -> list[str]:
    """Columns that an expectation is about; none for the table as a whole."""
    kwargs = config["kwargs"]
    names = [kwargs.get("column"), kwargs.get("column_A"), kwargs.get("column_B"), *(kwargs.get("column_list") or [])]
    return [str(name) for name in names if name is not None]


def failure_of(result: dict[str, Any], kept: np.ndarray) -> Failure:
    """A failed result of GX in our words.

    Args:
        result: In GX's JSON form.
        kept: int64: positions of the validated rows in the whole table.
    """
    config, details = result["expectation_config"], result["result"]
    kind, column = identity(config)
    severity = str(config.get("severity") or "critical")
    rule = f"{column + ': ' if column else ''}{_rule(kind, config['kwargs'])}"
    rows = details.get("unexpected_index_list")
    if rows is None:
        return Failure(kind, column, severity, rule, None, [], _raised(result["exception_info"]) or _observed(details))
    values = [_shown(value) for value in details["unexpected_list"]]
    found = f"{len(rows)} of {details['element_count']} rows, e.g. {listed(dict.fromkeys(values), 3)}"
    return Failure(kind, column, severity, rule, [int(kept[row]) for row in rows], values, found)


def _rule(kind: str, kwargs: dict[str, Any]) -> str:
    """What an expectation asks for, for people."""
    if kind == "expect_column_values_to_be_between":
        bounds = [
            f"{word} {kwargs[key]:g}"
            for word, key in (("from", "min_value"), ("to", "max_value"))
            if kwargs.get(key) is not None
        ]
        rule = f"values {' '.join(bounds)}" if kwargs.get("max_value") != LARGEST else "finite numbers"
    elif kind == "expect_column_values_to_be_in_set":
        rule = f"one of {listed(kwargs['value_set'])}"
    elif kind == "expect_column_values_to_not_be_null":
        mostly = kwargs.get("mostly") or 1.0
        rule = "a value in every row" if mostly == 1 else f"a value in {mostly:.0%} of the rows"
    elif kind == "expect_column_values_to_be_in_type_list":
        rule = "numbers" if "float" in kwargs["type_list"] else f"values of type {listed(kwargs['type_list'])}"
    elif kind == "expect_column_to_exist":
        rule = "the column to exist"
    elif kind == "expect_table_columns_to_match_set":
        rule = f"the columns {listed(kwargs['column_set'], 40)}"
    elif kind == "expect_column_values_to_match_regex" and PREFIX in str(kwargs.get("regex")):
        rule = f"pictures that begin with {str(kwargs['regex']).removeprefix('^')}"
    else:
        named = ("column", "column_list", "column_A", "column_B", "batch_id")
        arguments = {key: value for key, value in kwargs.items() if key not in named}
        rule = f"{kind.removeprefix('expect_').replace('_', ' ')} {arguments or ''}".rstrip()
    return f"expected {rule} ({kind})"


def _observed(details: dict[str, Any]) -> str:
    """What GX saw, of an expectation without rows."""
    mismatched = details.get("details", {}).get("mismatched", {})
    if mismatched:
        return ", ".join(
            f"{kind} columns {listed(names)}" for kind, names in mismatched.items() if kind == "missing" or len(mismatched) == 1
        )
    return f"{details['observed_value']}" if "observed_value" in details else "no such column"


def _raised(info: dict[str, Any]) -> str:
    """The message of an expectation that could not be evaluated; empty where it could."""
    entries = [info] if "raised_exception" in info else list(info.values())
    messages = [str(entry.get("exception_message")) for entry in entries if entry.get("raised_exception")]
    return f"not evaluated: {messages[0].splitlines()[0]}" if messages else ""


def _shown(value: Any) -> str:
    """One unexpected value, as text."""
    if value is None:
        return "nothing"
    if isinstance(value, float | np.floating):
        return f"{float(value):g}"
    return str(value)
