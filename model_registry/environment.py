"""Process settings that must stand before Prefect, MLflow, great-expectations or TensorFlow are imported.

This is the one place that sets them. A value the user has already set is kept.
"""

import os

DEFAULTS = {
    # No dependency reports home unless the user asks for it.
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # tfmot works on tf_keras alone, so the whole product does.
    "TF_USE_LEGACY_KERAS": "1",
    # TensorFlow's and absl's start-up notes tell the user nothing to act on.
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",  # bit-for-bit equal results from equal seeds
    "ABSL_MIN_LOG_LEVEL": "3",
    # Matrices here are small: on two threads of OpenBLAS, which wait for each other in a loop, a linear head on 500 rows took
    # 3.3 s of processor time, on one 0.1 s. TensorFlow has threads of its own.
    "OPENBLAS_NUM_THREADS": "1",
    # Prefect's lines go to its server and log files; the terminal shows bequest's own progress.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "WARNING",
    # Two flows on a fresh home at once need longer than the default 20 s for their server.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # A server that is down is told in seconds, not after minutes of retries.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "GIT_PYTHON_REFRESH": "quiet",
}


def apply() -> None:
    """Sets every default that the user has not set."""
    for key, value in DEFAULTS.items():
        os.environ.setdefault(key, value)


apply()
