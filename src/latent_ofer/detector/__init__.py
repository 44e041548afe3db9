"""Which patches hide the face: the paper's SVDD, one of clean faces, and two light networks."""
