"""The section `data`: a source, preprocessing, augmentation and the split into parts."""
