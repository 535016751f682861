"""The parts of `losses_are_cross_entropies.py`, one file for each kind of response: what is minimised, and fitted."""
