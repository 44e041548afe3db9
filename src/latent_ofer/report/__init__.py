"""Results of a run as one page that any browser opens."""
