"""Motions: operations, files, built-ins, retargeting to a portrait."""
