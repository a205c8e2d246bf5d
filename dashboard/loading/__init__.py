"""Filling the shop's tables: the Olist files, or a shop made up."""
