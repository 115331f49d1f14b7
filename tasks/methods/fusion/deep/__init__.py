"""Deep fusion: one network over the features of several members."""
