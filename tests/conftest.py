"""Puts this folder on the import path, for `parity_recipe`, and keeps the numeric libraries to one thread."""

import os

# On a busy machine threads that wait for each other make the tests ten times slower. Read when torch is first imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
