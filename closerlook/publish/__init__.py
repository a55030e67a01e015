"""From results to the paper, its provenance, and the comparison of runs."""
