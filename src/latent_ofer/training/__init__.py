"""What every stage's training shares: recipe, loop, checkpoint."""
