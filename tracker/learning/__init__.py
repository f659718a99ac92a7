"""Train a network from a recipe. The only part of `tracker` that needs PyTorch."""
