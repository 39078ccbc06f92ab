"""Hypercorn's configuration, made from our settings."""

from ...schema.settings import Settings
from .access_log import AccessLog, ServerConfig


def make_config(settings: Settings) -> ServerConfig:
    config = ServerConfig()
    config.base_path = settings.base_path
    config.access_log_lines = settings.access_log_lines
    config.logger_class = AccessLog
    config.errorlog = None
    config.include_server_header = False
    config.h11_max_incomplete_size = settings.max_header_bytes
    config.keep_alive_max_requests = 1 << 62
    config.websocket_max_message_size = settings.max_body_bytes
    config.websocket_ping_interval = settings.websocket_ping or None
    return config
