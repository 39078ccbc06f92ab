"""The API: the route table, the app that serves it, and the handlers."""
