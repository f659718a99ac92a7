"""Frame in, observation out. `base` says what an observer promises."""
