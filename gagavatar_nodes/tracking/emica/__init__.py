"""The published tracker: its detector, networks, pose optimisation and files. Needs PyTorch and its weights."""
