"""Approvals: who decided a permission or question, what `always` means, and the ids of approvals."""
