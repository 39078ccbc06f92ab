"""The data directory: where the journal, the installed agents and the tokens are."""

from collections.abc import Mapping
from pathlib import Path

from ...schema.settings import Settings
from .home import base_directory


def data_directory(settings: Settings, environment: Mapping[str, str]) -> Path:
    """Raises :class:`NoHome` when the settings name none and there is no home."""
    if settings.data_dir:
        return Path(settings.data_dir).absolute()
    return base_directory(environment, "XDG_DATA_HOME", ".local/share") / "sandbox-agent"
