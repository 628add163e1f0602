"""How results look: tables, plots and progress on a terminal."""
