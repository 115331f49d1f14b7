"""Few different weights: kernels as codebooks."""
