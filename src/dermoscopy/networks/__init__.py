"""Networks: plain torch modules, no Lightning."""
