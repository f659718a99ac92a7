"""The live view: a ZeroMQ client in a process of its own; what is known of a rig is apart from Qt.

Reading order: series, bouts, stages, judgement, what_if, rig (what is known); link (how it comes);
theme, the panels, rig_window, wall, app (how it looks).
"""
