"""Recipes, schedules, container files, and the server for bundles."""
