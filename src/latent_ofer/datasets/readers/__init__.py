"""Readers of data sets, one file a family; `registry` knows them by name."""
