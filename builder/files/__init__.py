"""Files beside a spec: data, weights, pictures and the contents of a run folder."""
