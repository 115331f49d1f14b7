"""Pure methods on arrays and networks: no Prefect, no MLflow, no registry."""
