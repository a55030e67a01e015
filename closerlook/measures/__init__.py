"""What is computed from an ensemble's checkpoints, one module a measure."""
