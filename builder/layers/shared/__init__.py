"""Shape rules and fields that several layer types share."""
