"""Several cameras on one animal: where they stand, which frames belong together, points in 3-D."""
