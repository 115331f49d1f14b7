"""What a loop came to, for the terminal, for scripts and for Prefect's UI."""

from pydantic import BaseModel, ConfigDict

from model_registry.gates import Verdict
from tasks.deploy import Deployment


class Outcome(BaseModel):
    """The result of one loop."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: str
    gate: str
    unchanged: bool
    superseded: bool
    considered: list[str]
    inherited: list[str]
    inherited_keys: list[str]
    notes: list[str]
    reused: list[str]
    done: list[str]
    verdict: Verdict
    deployment: Deployment
    production: str | None
    awaits_approval: bool = False
    tree: str
    run_id: str


def as_markdown(outcome: Outcome) -> str:
    """The outcome as a Markdown page: verdict, stage, family tree."""
    rules = "\n".join(
        f"| {rule.rule} | {rule.metric} | {figure(rule.value)} | {figure(rule.limit)} | "
        f"{'**refused**' if rule.outcome == 'refused' else rule.outcome} | {rule.note.replace('|', '/')} |"
        for rule in outcome.verdict.rules
    )
    table = (
        f"| rule | metric | value | limit | | |\n| --- | --- | --- | --- | --- | --- |\n{rules}"
        if rules
        else "No rules were asked for."
    )
    return (
        f"# {outcome.version}: gate {outcome.gate}\n\n"
        f"Inherited from {', '.join(outcome.inherited) or 'nothing'}. Stage: {outcome.deployment.stage}. "
        f"In production: {outcome.production or 'nothing'}.\n\n{table}\n\n```\n{outcome.tree}\n```\n"
    )


def figure(value: float | None) -> str:
    """A number as people read it: whole numbers whole, fractions to four digits."""
    if value is None:
        return "n/a"
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) >= 10 else f"{value:.4g}"
