"""The recipe: its schema, reading it, telling its mistakes, handing it down."""
