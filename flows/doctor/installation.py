"""Checks of Python, the packages and the process's settings."""

import os
import platform
from importlib.metadata import PackageNotFoundError, distribution, requires, version

from flows.doctor.check import Check

# Each variable with the values that its own package takes for "off" (prefect/_internal/analytics/enabled.py,
# prefect/settings/models/server/root.py, mlflow/telemetry/utils.py, great_expectations/core/config_provider).
_OFF = {"0", "false", "no", "off", "n", "f"}
_ON = {"1", "true", "yes", "on", "y", "t"}
_SILENT = {
    "DO_NOT_TRACK": {"1", "true", "yes"},
    "PREFECT_SERVER_ANALYTICS_ENABLED": _OFF,
    "MLFLOW_DISABLE_TELEMETRY": {"1", "true"},
    "GX_ANALYTICS_ENABLED": _OFF,
}


def python(_: bool) -> list[Check]:
    """Whether this Python is one that bequest is made for."""
    from packaging.specifiers import SpecifierSet

    wanted, found = distribution("bequest").metadata["Requires-Python"] or "", platform.python_version()
    if SpecifierSet(wanted).contains(found, prereleases=True):
        return [Check("Python", "ok", found)]
    return [Check("Python", "fail", f"{found}, expected {wanted}", "Make the environment anew with such a Python: `make env`.")]


def packages(_: bool) -> list[Check]:
    """Whether what is installed is what bequest's metadata asks for."""
    from packaging.requirements import Requirement

    wanted = [Requirement(line) for line in requires("bequest") or []]
    wanted = [each for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})]
    wrong = []
    for each in wanted:
        try:
            found = version(each.name)
        except PackageNotFoundError:
            found = "not installed"
        if found == "not installed" or not each.specifier.contains(found, prereleases=True):
            remedy = f"`pip install '{each.name}{each.specifier}'`, or the whole environment anew: `make env`."
            wrong.append(Check(f"package {each.name}", "fail", f"{found}, expected {each.specifier or 'any version'}", remedy))
    return wrong or [Check("packages", "ok", f"all {len(wanted)} as bequest {version('bequest')} asks for")]


def legacy_keras(_: bool) -> list[Check]:
    """Whether TensorFlow will load tf_keras, which tfmot works on."""
    found = os.environ.get("TF_USE_LEGACY_KERAS")
    if found in ("1", "true", "True"):
        return [Check("tf_keras", "ok", f"TF_USE_LEGACY_KERAS={found}")]
    remedy = "Unset it: bequest sets it to 1. With another value pruning fails, and logged models can't be trained on."
    return [Check("tf_keras", "fail", f"TF_USE_LEGACY_KERAS={found}", remedy)]


def telemetry(_: bool) -> list[Check]:
    """Whether any dependency will report home."""
    loud = {key: os.environ.get(key, "") for key, silent in _SILENT.items() if os.environ.get(key, "").lower() not in silent}
    if not loud:
        return [Check("telemetry", "ok", "off in Prefect, MLflow and great-expectations")]
    found = ", ".join(f"{key}={value}" for key, value in loud.items())
    return [Check("telemetry", "warn", found, f"Unset {', '.join(loud)} to keep these packages from reporting home.")]
