"""The data products, one file per asset family. A body resolves inputs, calls one pure function, returns a result."""
