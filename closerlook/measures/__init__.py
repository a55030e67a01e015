"""What is computed of trained networks.

`curvature`, `critical_samples` and `sensitivity` are measures: each writes a file of its own about an ensemble's
`trained.h5`, by `trained`. `difficulty` and `filters` are numbers that figures and claims take of `trained.h5` itself;
the other modules are what these are computed by.
"""
