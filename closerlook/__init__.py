"""closerlook rebuilds the papers on memorization and flat minima in deep networks."""
