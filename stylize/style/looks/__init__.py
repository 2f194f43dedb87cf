"""Whether painted pictures are good: faces, structure, letters, color, strokes, hatch and calm, each as a number.

Pure measures on uint8 RGB pictures; :mod:`looks.table` says which values a style may have. None of them is a gate
alone: the unchanged photograph keeps every face and holds still, and noise has any texture.
"""
