"""The reconstructor: coarse fill by the autoencoder, then a U-Net with self-assembly."""
