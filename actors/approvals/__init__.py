"""Approvals: the permission broker, always rules, where files really are, and the digests of what was shown."""
