"""How people and programs steer a session that runs, and what they need to rely on it.

`requests` are the words, `desk` decides who may do what, `server` is the session's socket and
`remote` the other end; `history` is for those who join late, `lifeline` and `results` for those
who follow.
"""
