"""Specs, cells, data and assignments that ship with gradspec."""
