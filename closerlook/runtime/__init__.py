"""How a job runs: its log, device, random streams, and going on after a kill."""
