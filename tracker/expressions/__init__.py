"""The language of rules: text in, a tree of what it says out. Nothing is evaluated here."""
