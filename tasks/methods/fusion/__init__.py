"""From many models to one: their decisions combined, their weights merged, members grown for it."""
