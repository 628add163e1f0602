"""Recurrent cells: equations read from YAML, their names, order and widths, and the layer type they make."""
