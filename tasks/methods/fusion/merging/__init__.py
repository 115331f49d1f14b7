"""Merging: networks of one architecture become one network by arithmetic on their weights, at the cost of one to serve."""
