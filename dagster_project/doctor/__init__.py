"""What can be wrong with a deployment, found, explained and mended: a module for each, and their list."""
