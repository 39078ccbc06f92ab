"""`GET /metrics`: the families, and the scrape that reads their figures."""
