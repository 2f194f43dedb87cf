"""What a source is: opened, scanned, decoded once; its clocks, tracks, cuts into chunks."""
