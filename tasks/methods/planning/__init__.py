"""Choosing how to compress: what to try, what it gives, which of it to take."""
