"""From a folder of submissions to points: the reference, the runner and the marks of one folder."""
