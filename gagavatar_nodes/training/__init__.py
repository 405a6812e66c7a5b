"""Learning GAGAvatar (arXiv 2410.07971): data, losses and the training loop."""
