"""Puts this folder on the import path, for `parity_recipe`."""
