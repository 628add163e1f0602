"""The pointwise operations of a cell compiled as C."""
