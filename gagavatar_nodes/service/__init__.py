"""Avatars over HTTP: uploads become avatars, motions and clips in worker processes, or live pictures."""
