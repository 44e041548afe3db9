"""From a file to upright RGB pixels, from pixels to faces, from faces to aligned crops."""
