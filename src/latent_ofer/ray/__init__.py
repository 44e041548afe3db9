"""Many machines, by Ray (extra `ray`): `predictor` for own pipelines, and the run of `predict`."""

from latent_ofer.ray.actor import predictor

__all__ = ["predictor"]
