"""May what stands in production serve? By the gate's word, or by a promotion that was forced and says why.

An alias that was moved by hand is honoured: the version stands in production. But a person who moves it in MLflow's UI may
not have seen that the gate refused it, or never judged it; so it serves only once that is answered for.
"""

from model_registry import ledger
from model_registry.errors import GateRefused
from model_registry.promotions import cleared
from model_registry.versions import Version


def fault(version: Version) -> str:
    """What is wrong with a version that stands in production without clearance, and the remedy; empty where nothing is."""
    if version.stage != "Production" or cleared(version.gate, version.version, ledger.read(version.name)):
        return ""
    word = "the gate refused it" if version.gate == "refused" else "the gate never judged it"
    return (
        f"{version.label} was put into production by hand, and {word}: it is not served. "
        f'`bequest promote {version.name} {version.version} --to production --force --reason "..."` answers for it and keeps '
        f"the reason; `bequest rollback {version.name}` puts the former version back."
    )


def require(version: Version) -> None:
    """Lets a version pass that may serve, whatever its stage: only production asks for clearance.

    Raises:
        GateRefused: It stands in production without.
    """
    if told := fault(version):
        raise GateRefused(told)
