"""The networks, their weights for any painting, and how a style is put into them."""
