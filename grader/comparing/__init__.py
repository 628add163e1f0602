"""How a submission is held against the reference: layers matched, weights and inputs shared."""
