"""Errors that a user can act on, each with the exit code the command line ends with."""


class BequestError(Exception):
    """The run failed; the message names the cause and the remedy."""

    exit_code = 1


class InputError(BequestError, ValueError):
    """The input (recipe, data, model file, argument) is wrong."""

    exit_code = 2


class IntegrityError(BequestError):
    """An artifact's bytes are not those its manifest promises."""


class StoreError(BequestError):
    """The registry's store is locked, unreachable or damaged."""


class GateRefused(BequestError):
    """The gate refused the version; nothing was promoted."""

    exit_code = 3
