"""What makes memorization harder."""
