"""From experiments to ensembles, files and costs."""
