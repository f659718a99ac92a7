"""Clocks of other systems, followed while a session runs. `base` says what each has to do."""
