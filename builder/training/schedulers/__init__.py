"""What a learning rate scheduler is, and the schedulers of torch.optim.lr_scheduler."""
