"""The human ratings: fetched, verified, kept (assets) and read (reviews)."""
