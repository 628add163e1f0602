"""YAML text to plain data with positions, arithmetic in values, and names."""
