"""Applications that reproduce published situations, where none of the shipped ones does."""
