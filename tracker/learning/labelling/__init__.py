"""Which frames to label next, written for the programs that label."""
