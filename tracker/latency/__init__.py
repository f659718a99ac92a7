"""The loop measured end to end on one's own rig; `measure` says how."""
