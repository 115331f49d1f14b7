"""Moves a version after a trial in production: `python -m deployments.move NAME VERSION promote|rollback --reason WHY`.

A server that tries a challenger starts it, because it loads no MLflow itself; the ledger names `serve` as who moved it.
"""

import argparse
import sys

from model_registry.errors import BequestError


def main(arguments: list[str] | None = None) -> int:
    """Promotes the challenger to production, or archives it.

    Returns:
        0, or the exit code of what went wrong.
    """
    parser = argparse.ArgumentParser(prog="python -m deployments.move", description="Moves a version after its trial.")
    parser.add_argument("name")
    parser.add_argument("version", type=int)
    parser.add_argument("move", choices=["promote", "rollback"])
    parser.add_argument("--champion", type=int, help="the version that it was tried against, which must stand there still")
    parser.add_argument("--reason", required=True, help="kept in the promotion ledger")
    options = parser.parse_args(arguments)
    from model_registry import acting, stages

    try:
        with acting.acting_as("serve"):
            if options.move == "promote":
                stages.promote(
                    options.name,
                    options.version,
                    "production",
                    reason=options.reason,
                    expected="any" if options.champion is None else int(options.champion),
                )
            else:
                stages.promote(options.name, options.version, "archived", reason=options.reason)
    except BequestError as error:
        sys.stderr.write(f"error: {error}\n".replace("\n", " ").strip() + "\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
