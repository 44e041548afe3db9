"""A page and an API over one model: `latent-ofer serve`."""
