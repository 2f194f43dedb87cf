"""A clip in pieces: lossless chunks of the source, encoded chunks of the styled frames."""
