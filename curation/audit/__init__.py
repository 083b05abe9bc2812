"""Faults that a label has by itself: no model is needed to see them. Pure functions on records.

``instances`` looks at one photo's labels, ``prints`` at the photo on disk, and
``duplicates`` at photos that show the same and say something else.
"""
