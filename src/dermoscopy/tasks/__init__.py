"""Tasks: training, validation and test steps as Lightning modules."""
