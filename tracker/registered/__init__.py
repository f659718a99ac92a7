"""Two sessions of one arena in shared coordinates, afterwards.

`sources` gives the view of a session without its animals, `pair` how one view lies to another,
`positions` the trajectories of one session where the other has its own.
"""
