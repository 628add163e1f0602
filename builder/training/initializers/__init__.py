"""What an initializer is, and the initializers of torch.nn.init."""
