"""Gaussians as files that splat viewers open."""
