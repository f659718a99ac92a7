"""What a camera's lens does to a picture: boards, their corners, the lens, and its file.

`boards` finds a board in a picture, `solve` makes a lens of many such views, `lens` is what an
experiment keeps of it, `printing` and `pictures` are for people.
"""
