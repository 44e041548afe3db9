"""The figures of the protocols: detection, repair, recognition, face finding."""
