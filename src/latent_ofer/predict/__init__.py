"""From the files and folders that a user names to rows of results."""
