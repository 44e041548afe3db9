"""The expression recogniser: CNN attention picks the latents that matter."""
