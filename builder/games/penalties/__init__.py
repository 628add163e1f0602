"""What a penalty on a discriminator is, and each penalty, one file each."""
