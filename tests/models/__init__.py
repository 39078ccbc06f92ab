"""A scripted model server: the model that the real agent CLIs talk to in our tests. No network, no key, no chance.

One file per vendor's protocol (`anthropic.py`) turns its requests into a :class:`~.conversation.Conversation` and a
:class:`~.conversation.Reply` into its stream; `scenarios.py` knows nothing of either.
"""
