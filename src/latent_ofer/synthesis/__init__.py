"""Syn-X: a data set's faces with something in front of them, the same bytes for everybody."""
