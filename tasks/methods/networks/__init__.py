"""What runs and rewrites networks: build, flatten, cut, fuse, fit, store."""
