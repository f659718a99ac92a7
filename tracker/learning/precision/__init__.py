"""The same network in fewer bits, and what that costs."""
