"""Made-up dermoscopy, drawn by a causal model whose right answers are known."""
