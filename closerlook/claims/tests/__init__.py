"""The named tests of claims."""
