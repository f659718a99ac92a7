"""Features in, a score per behaviour out. `base` says what a behaviour promises."""
