"""The parts of `mle_is_kl_minimisation.py`, one file each: what is measured, and the checks it must pass."""
