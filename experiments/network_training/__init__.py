"""The parts of `network.py`, one file for each thing it shows; `trainings.py` is what they all look at."""
