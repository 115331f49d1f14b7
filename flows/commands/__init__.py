"""The commands of `bequest`, one file a group; each has `register(app)`."""
