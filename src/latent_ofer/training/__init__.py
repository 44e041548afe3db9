"""What every stage's training shares: recipe, batches, loop, checkpoint, processes."""
