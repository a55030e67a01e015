"""The ensemble trainer: stacks of networks, what they minimise, what regularises them, and what is recorded."""
