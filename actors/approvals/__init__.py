"""Approvals: where files really are, and what a decision is bound to."""
