"""Every timeout, limit and size of the daemon, with its unit, in one place.

``sandbox-agent server --help`` and docs/settings.md are generated from this class. Times are seconds, sizes bytes;
a timeout of 0 is off.
"""

from typing import Any

import attrs
from attrs import frozen

from .agent_user import UserName
from .base_path import check_base_path
from .workspace.trust import LEVELS

MOST_IN_ONE_ROW = 128 << 20
"""Bytes of text for one row of the journal. SQLite takes 1,000,000,000 bytes in a row, and JSON may need six bytes for
one."""


def setting(default: float | str, unit: str, meaning: str) -> Any:
    return attrs.field(default=default, metadata={"unit": unit, "meaning": meaning})


@frozen(kw_only=True)
class Settings:
    # Connections.
    max_connections: int = setting(
        4096, "connections", "most open connections; fewer where the system allows too few descriptors"
    )
    max_connections_without_token: int = setting(
        256, "connections", "most of one address on which no token was shown yet; beyond it the oldest is closed"
    )
    request_head_timeout: float = setting(15.0, "seconds", "time for the head of a request to arrive")
    reserved_descriptors: int = setting(
        32, "descriptors", "kept free for the daemon's own work: no session starts that would need one of them"
    )
    ending_descriptors: int = setting(
        16,
        "descriptors",
        "those of the reserved ones that are held open, for ending agents when all others are used up",
    )

    # Tokens, and the rate limits of each. Zero is off.
    max_tokens: int = setting(100, "tokens", "most tokens that are kept, beside the daemon's own")
    token_use_interval: float = setting(60.0, "seconds", "time between two writes of when tokens were last used")
    ticket_lifetime: float = setting(60.0, "seconds", "how long a ticket for one request is good")
    max_tickets: int = setting(100, "tickets", "tickets of one token that are good at once")
    max_connections_per_token: int = setting(2048, "connections", "most open connections of one token that was created")
    token_requests: float = setting(1000.0, "requests per second", "requests and commands of one token, on average")
    token_request_burst: int = setting(10_000, "requests", "requests of one token that may come at once")
    address_requests: float = setting(
        100.0, "requests per second", "requests of one address that show no token, on average; health is not counted"
    )
    address_request_burst: int = setting(1000, "requests", "such requests of one address that may come at once")
    failed_logins: int = setting(
        10, "per minute", "wrong tokens of one address that are answered 401; further ones get a 429"
    )

    # Requests of clients.
    base_path: str = setting(
        "", "path", "prefix of every path, like /agents, for a proxy that does not strip it; empty for none"
    )
    max_body_bytes: int = setting(4 << 20, "bytes", "largest request body and WebSocket message")
    max_header_bytes: int = setting(64 << 10, "bytes", "largest request line with its headers")
    body_timeout: float = setting(300.0, "seconds", "time for the body of a request to arrive")
    websocket_auth_timeout: float = setting(10.0, "seconds", "time for a WebSocket's first frame to bring the token")
    answers_kept: int = setting(1000, "answers", "answers to commands with a key kept per session for repeats")
    max_commands: int = setting(1000, "commands", "commands with a key that are under way at once, over all sessions")
    max_sessions: int = setting(1000, "sessions", "most sessions that are not ended")
    ended_sessions_kept: int = setting(1000, "sessions", "ended sessions that stay listed; the oldest go first")
    ended_bytes_kept: int = setting(1 << 30, "bytes", "events of ended sessions that are kept; the oldest go first")
    ended_age: float = setting(30 * 86400.0, "seconds", "how long an ended session is kept; 0 for ever")
    retention_interval: float = setting(600.0, "seconds", "time between two looks for ended sessions to forget")
    max_queued_prompts: int = setting(16, "prompts", "prompts that wait for a session's turn to end")
    queue_text_chars: int = setting(4096, "characters", "most of a waiting prompt that the list of the queue shows")
    max_attachment_bytes: int = setting(20 << 20, "bytes", "largest attachment that is sent inline")
    max_attachments_bytes: int = setting(
        32 << 20, "bytes", "most that the attachments of one prompt that are sent inline have together"
    )

    # The trust of a session's directory.
    workspace_trust: str = setting(
        "untrusted",
        "untrusted or trusted",
        "whether a session that does not say it lets its agent read the configuration in its directory",
    )
    workspace_file_bytes: int = setting(
        128 << 10, "bytes", "largest file of instructions, or skill, that is carried into an untrusted session"
    )
    workspace_text_bytes: int = setting(512 << 10, "bytes", "most that all of them may have together")

    # The journal.
    ephemeral: bool = setting(False, "on or off", "keep sessions in memory only; a restart forgets them")
    durability: str = setting("normal", "normal or full", "what survives: a kill of the daemon, or a power cut as well")
    tail_bytes: int = setting(1 << 20, "bytes", "newest events of a session held in memory; older ones are on disk")
    tails_bytes: int = setting(256 << 20, "bytes", "events of all sessions together held in memory")
    session_bytes: int = setting(
        4 << 30,
        "bytes",
        "events of one session on disk; the oldest expire, and a turn that alone has more is ended. 0 for no bound",
    )
    sessions_bytes: int = setting(
        16 << 30,
        "bytes",
        "events of all living sessions together on disk; the largest give way in the same way. 0 for no bound",
    )
    journal_check: float = setting(0.25, "seconds", "time to check a journal at the start; the rest is checked later")
    journal_patience: float = setting(
        2.0, "seconds", "time that a command waits for a journal that cannot be written before it is answered 503"
    )
    journal_retry: float = setting(0.5, "seconds", "pause before a write that found no room on disk is tried again")

    # The event log and its readers.
    log_bytes: int = setting(64 << 20, "bytes", "events kept per session with --ephemeral; older ones expire")
    logs_bytes: int = setting(
        1 << 30, "bytes", "events kept of all sessions with --ephemeral; the oldest of the largest expire"
    )
    feed_bytes: int = setting(64 << 20, "bytes", "events kept for the stream of all sessions with --ephemeral")
    stream_batch_bytes: int = setting(256 << 10, "bytes", "most that one write to a subscriber drains")
    sse_keepalive: float = setting(15.0, "seconds", "silence on an SSE stream before a comment is sent")
    websocket_ping: float = setting(20.0, "seconds", "time between WebSocket pings")
    stalled_write_timeout: float = setting(900.0, "seconds", "time without progress before a reader is cut off")
    socket_send_bytes: int = setting(256 << 10, "bytes", "kernel send buffer of one connection")
    keep_alive_timeout: float = setting(75.0, "seconds", "idle time before a kept-alive connection is closed")
    half_closed_probe: float = setting(
        1.0,
        "seconds",
        "time before a client that has closed its side, and waits for an answer, is asked if it is there",
    )
    linger_timeout: float = setting(1.0, "seconds", "time for a client to read our last answer before we close")
    drain_timeout: float = setting(1.0, "seconds", "time for open requests and streams to end in a graceful stop")

    tls_reload_interval: float = setting(
        60.0, "seconds", "time between two looks whether --tls-cert or --tls-key has changed; 0 for none"
    )
    access_log_lines: int = setting(
        1000,
        "lines",
        "most that the requests of one address log in ten seconds; the others are counted. 0 for no bound",
    )
    log_file_bytes: int = setting(16 << 20, "bytes", "size at which a --log-file is set aside and a new one begun")
    log_files_kept: int = setting(3, "files", "log files that were set aside and are kept; the oldest goes")
    log_queue_bytes: int = setting(1 << 20, "bytes", "log lines that wait for an output that is slow or not read")
    log_drain_timeout: float = setting(0.5, "seconds", "time for the last log lines to be written at the end")
    loop_check_interval: float = setting(0.5, "seconds", "time between two looks at how late the event loop is")
    pause_gap: float = setting(1.0, "seconds", "time that the daemon has not run before no timeout counts it")
    pause_grace: float = setting(1.0, "seconds", "time after such a pause to hear what came meanwhile; none counts it")

    # The agent process.
    create_wait: float = setting(
        1.0, "seconds", "time that a create waits for an agent that is new to the daemon to be ready or to exit"
    )
    start_timeout: float = setting(60.0, "seconds", "time for an agent to finish its handshake")
    idle_timeout: float = setting(0.0, "seconds", "silence of an agent in a turn before it is ended")
    turn_timeout: float = setting(0.0, "seconds", "time for a turn before it is interrupted")
    suspend_after: float = setting(1800.0, "seconds", "time without a turn before a session's agent is stopped")
    mute_timeout: float = setting(2.0, "seconds", "time for an agent that has closed its stdout to exit")
    interrupt_timeout: float = setting(10.0, "seconds", "time for an agent to stop its turn before it is ended")
    max_asks: int = setting(
        64, "asks", "permissions and questions of a session that wait at once; beyond it one is rejected at once"
    )
    max_asks_bytes: int = setting(
        64 << 20, "bytes", "most that these may have together; beyond it as beyond --max-asks"
    )
    unparsed_burst: int = setting(
        50, "lines", "lines of an agent that are not understood and are told one by one; then several are told together"
    )
    unparsed_per_second: float = setting(2.0, "events", "how many a second tell of such lines beyond those")
    max_raw_bytes: int = setting(
        256 << 10,
        "bytes",
        "longest message of an agent that is kept whole with its event; of others a beginning",
    )
    ask_timeout: float = setting(0.0, "seconds", "time before a permission or question is rejected unanswered")
    path_patience: float = setting(2.0, "seconds", "time to find where a file is that an agent wants to change")
    read_interval: float = setting(0.002, "seconds", "time between two reads of an agent that is faster than that")
    exit_poll_interval: float = setting(
        0.1, "seconds", "time between two looks at whether an agent has exited, where the system has no pidfds"
    )
    hook_connections: int = setting(64, "connections", "most hooks of one agent that ask at the same time")
    hook_bytes: int = setting(
        4 << 20, "bytes", "most that all hooks of one agent ask together, until they are answered"
    )
    hook_request_timeout: float = setting(10.0, "seconds", "time for a hook to say what it asks")
    max_line_bytes: int = setting(16 << 20, "bytes", "longest line that an agent may write")
    terminal_tail_bytes: int = setting(64 << 10, "bytes", "end of an agent's terminal kept for diagnostics")
    max_outbox_bytes: int = setting(64 << 20, "bytes", "most that waits to be written to an agent's stdin")
    foreign_file_timeout: float = setting(
        5.0, "seconds", "time for a file or folder that is not the daemon's own to be read"
    )
    agent_config_bytes: int = setting(1 << 20, "bytes", "largest settings file of an agent that is read")
    credential_file_bytes: int = setting(16 << 20, "bytes", "largest file that is searched for an agent's credentials")
    credentials_age: float = setting(5.0, "seconds", "time before a list of agents looks for credentials again")
    agent_call_timeout: float = setting(30.0, "seconds", "time for an agent that is an HTTP server to answer a request")
    max_agent_answer_bytes: int = setting(64 << 20, "bytes", "longest answer of an agent that is an HTTP server")
    stream_silence: float = setting(30.0, "seconds", "silence on an agent's event stream before it is opened again")
    stream_backoff: float = setting(0.05, "seconds", "pause before a broken event stream is opened again; doubles")
    stream_backoff_max: float = setting(5.0, "seconds", "longest such pause")
    probe_timeout: float = setting(10.0, "seconds", "time for an agent to tell its version")
    models_timeout: float = setting(10.0, "seconds", "time for an agent's vendor to list its models")
    models_kept: float = setting(3600.0, "seconds", "how long such a list is used before it is asked for again")
    mock_step_ms: float = setting(20.0, "milliseconds", "pause of the mock agent after each step")

    # What an agent and all its descendants may use together. Zero is off.
    agent_memory_bytes: int = setting(0, "bytes", "memory of an agent and its descendants; over it the agent is ended")
    agent_processes: int = setting(0, "threads", "processes of an agent and its descendants, each with its threads")
    agent_cpu_seconds: float = setting(0.0, "seconds", "CPU time of an agent and its descendants in one turn")
    limit_interval: float = setting(2.0, "seconds", "time between two looks at what an agent with limits uses")
    agent_oom_adjust: int = setting(500, "points", "how much easier the OOM killer takes an agent than the daemon")
    agent_isolation: str = setting(
        "auto",
        "auto, process, user or namespace",
        "what keeps agents from the daemon and from each other: auto takes the best that the system allows",
    )
    agent_user: str = setting(
        "",
        "name or uid[:gid]",
        "user as whom agents run, which takes a daemon that runs as root; empty for the daemon's own",
    )
    agent_cgroups: bool = setting(True, "on or off", "give each agent a cgroup of its own where the system allows it")

    # Installing agents.
    auto_install: bool = setting(True, "on or off", "install an agent when a session needs it and it is not there")
    data_dir: str = setting(
        "",
        "directory",
        "where the journal and the agents are; empty for sandbox-agent in $XDG_DATA_HOME or ~/.local/share",
    )
    install_timeout: float = setting(900.0, "seconds", "time for one install, with the wait for another process's")
    install_progress: float = setting(1.0, "seconds", "time between two status items of a session that waits for one")
    max_install_bytes: int = setting(2 << 30, "bytes", "largest download, and the most that one may unpack to")
    download_timeout: float = setting(30.0, "seconds", "silence of a download before it is given up")
    npm: str = setting("npm", "program", "what installs agents; when it is empty or not there, they are downloaded")
    claude_download_url: str = setting(
        "https://storage.googleapis.com/claude-code-dist-86c565f3-f756-42ad-8dfa-d59b1c096819/claude-code-releases",
        "url",
        "where the releases of Claude Code are",
    )
    codex_download_url: str = setting(
        "https://github.com/openai/codex/releases/download", "url", "where the releases of Codex are"
    )
    opencode_download_url: str = setting(
        "https://api.github.com/repos/anomalyco/opencode/releases/tags", "url", "what tells the releases of OpenCode"
    )
    amp_download_url: str = setting(
        "https://storage.googleapis.com/amp-public-assets-prod-0/cli", "url", "where the releases of Amp are"
    )

    # The ending of an agent: how long each step waits before the next.
    end_eof: float = setting(0.5, "seconds", "after the agent's stdin was closed")
    end_interrupt: float = setting(0.5, "seconds", "after SIGINT to the agent")
    end_terminate: float = setting(1.0, "seconds", "after SIGTERM to the agent and all its descendants")
    end_kill: float = setting(1.0, "seconds", "after SIGKILL to the agent and all its descendants")
    shutdown_timeout: float = setting(4.5, "seconds", "for a graceful stop, whatever clients and agents do")

    # Actors.
    mailbox_size: int = setting(1024, "messages", "messages that wait for an actor before a sender must wait")
    actor_restarts: int = setting(3, "restarts", "restarts of an actor within the period before it is failed")
    agent_restarts: int = setting(3, "exits", "unexpected agent exits within the period before a session is failed")
    restart_period: float = setting(60.0, "seconds", "the period of both")
    restart_backoff: float = setting(
        0.1, "seconds", "pause before the second restart of an actor or agent; doubles from there"
    )
    restart_backoff_max: float = setting(5.0, "seconds", "longest pause before a restart")

    def __attrs_post_init__(self) -> None:
        for name, value in attrs.asdict(self).items():
            if not isinstance(value, str) and not value >= 0:  # also refuses NaN, which compares false with everything
                raise ValueError(f"setting {name} must not be negative; got {value}")
        check_base_path(self.base_path)
        if self.max_connections < 1:
            raise ValueError("setting max_connections must be at least 1: nobody could be served")
        if not 1 <= self.ticket_lifetime <= 3600:
            raise ValueError(f"setting ticket_lifetime must be 1 to 3600 seconds; got {self.ticket_lifetime}")
        if self.token_use_interval < 1:
            raise ValueError(f"setting token_use_interval must be at least 1 second; got {self.token_use_interval}")
        if self.token_requests and self.token_request_burst < 1:
            raise ValueError("setting token_request_burst must be at least 1: no request could be made")
        if self.address_requests and self.address_request_burst < 1:
            raise ValueError("setting address_request_burst must be at least 1: nobody could be told anything")
        for name in ("max_body_bytes", "max_attachments_bytes", "max_line_bytes"):
            if getattr(self, name) > MOST_IN_ONE_ROW:
                raise ValueError(f"setting {name} must be at most {MOST_IN_ONE_ROW}: the journal keeps no larger row")
        if self.agent_isolation not in ("auto", "process", "user", "namespace"):
            raise ValueError(
                f"setting agent_isolation must be auto, process, user or namespace; got {self.agent_isolation!r}"
            )
        if self.agent_user:
            UserName.parse(self.agent_user)
            if self.agent_isolation == "process":
                raise ValueError("setting agent_isolation process keeps agents the daemon's user; leave agent_user out")
        elif self.agent_isolation == "user":
            raise ValueError("setting agent_isolation user takes a user; name one with agent_user")
        if self.durability not in ("normal", "full"):
            raise ValueError(f"setting durability must be normal or full; got {self.durability!r}")
        if self.workspace_trust not in LEVELS:
            raise ValueError(f"setting workspace_trust must be untrusted or trusted; got {self.workspace_trust!r}")
