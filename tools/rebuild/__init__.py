"""Rebuilds the bundled data from the packages it comes from; see tools/rebuild_assets.py."""
