"""The published tracker: its detector, networks, pose optimization and files. Needs PyTorch and its weights."""
