"""Lightning callbacks: what a stage leaves in its folder besides its weights."""
