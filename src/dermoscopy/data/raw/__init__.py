"""Raw files: discovery, decoding and checks of images, masks and tables."""
