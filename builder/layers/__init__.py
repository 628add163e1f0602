"""What a layer is, and each layer type, one file each."""
