"""The boundary between pipeline and networks: the same four calls, several engines."""
