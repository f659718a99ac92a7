"""Sources of frames. `base` says what a camera promises; the other files keep it."""
