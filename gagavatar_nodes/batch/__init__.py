"""Many clips: jobs, the ledger that knows what is done, and the workers that do them, here or on a Ray cluster."""
