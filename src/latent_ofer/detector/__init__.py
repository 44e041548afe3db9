"""Which patches hide the face: the paper's deep SVDD, and a light network of our own."""
