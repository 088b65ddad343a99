"""Raw files as they come: images, masks and tables found, decoded and checked."""
