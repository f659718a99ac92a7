"""Stand-ins that make patching unnecessary: a manual clock, scripted devices, a fixed observer.

They ship with the package, so that plug-ins of others can be tested against them. Nothing
that runs an experiment imports this folder.
"""
