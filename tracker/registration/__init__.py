"""Where a camera looks now, against where it looked when the arena was set up.

`align` brings two pictures together to a fraction of a pixel, `start` finds where to begin when it
moved far, `reference` says how it moved or that it cannot be said, `watch` does so while a session
runs, `offline` between two sessions.
"""
