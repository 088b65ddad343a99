"""A gallery of test images: one HTML file with the same images through all arms of a sweep."""
