"""What starts work by itself, and what watches over it. One file per sensor; each is a thin shell over a function."""
