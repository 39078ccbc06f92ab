"""Approvals: who decided what an agent asked, what `always` stands for, and what a decision is bound to."""
