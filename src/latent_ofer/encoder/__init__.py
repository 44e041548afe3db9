"""The shared face encoder: a vision transformer trained as a masked autoencoder."""
