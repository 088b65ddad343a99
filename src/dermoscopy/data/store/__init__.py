"""The store: all images, masks and labels of a data set at one size, in one HDF5 file."""
