"""The real agent CLIs, at pinned versions, against the scripted model server. Marker: `agents`."""
