"""How well behaviours are told: what the pipeline says of tracks, beside what people saw.

`decide` runs the pipeline over a file of tracks, `agreement` compares episodes with bouts,
`operating` looks for the point at which false triggers, misses and delay are as wanted.
"""
