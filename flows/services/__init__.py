"""The services of a workspace: Prefect server, MLflow server and the worker that runs scheduled flows.

`bequest up` starts them in the background, `bequest down` ends them (`control`). What is named here imports neither
Prefect nor MLflow, so that every command may ask what runs.
"""

from flows.services.address import prefect_api_url, use_server_if_up
from flows.services.record import Service, running

__all__ = ["Service", "prefect_api_url", "running", "use_server_if_up"]
