"""From a portrait to Gaussians."""
