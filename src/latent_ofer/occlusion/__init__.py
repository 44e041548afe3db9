"""Made-up occlusion: what hides a face in training, in the tests and in the demo."""
