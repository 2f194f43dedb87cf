"""What an artist sets beside the style, and what it does to pixels."""
