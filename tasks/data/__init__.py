"""Data: reading, the contract, cleaning, splits, and the transform that training and serving share."""
