"""What training does to an image and its masks: geometry, colour, blur, noise."""
