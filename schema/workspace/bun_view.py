"""A view of the file system without a project's configuration, for agents that Bun runs (OpenCode and Amp).

These agents have no switch that excludes all of it. But Bun can run a program of ours before theirs. That program hides
the files from their look-ups: by name, in the working directory and in all directories above it, also files that are
made later. Tools that run in the agent's own process do not see the files either; commands that the agent runs do.

The agent is started in its private directory, and our program changes to the working directory. So when a version of
Bun does not run that program, the agent never reads the project. The program writes one line on stdout to say that it
ran.
"""

import re
from collections.abc import Mapping, Sequence

import msgspec
from attrs import frozen

VIEW = "view.js"
"""The name of the program among the private files."""

_RAN = "view.ran"
"""The name of the file that shows that it has run."""

PROOF = b"sandbox-agent: the configuration of the project is out of sight"
"""The line that it writes."""

UNSEEN = (
    "{} cannot be kept from reading the configuration of its project: this version of it does not run what hides that; "
    'a session with workspaceTrust: "trusted" lets it read it'
)
"""The error when the line does not come."""

_UNWRITTEN = ("BUN_RUNTIME_TRANSPILER_CACHE_PATH",)
"""The variable for Bun's cache of the compiled program, which would otherwise be in the user's HOME."""

_BLANK = re.compile(r"\s")


@frozen
class Hidden:
    """``path`` is relative to each of the directories, with slashes. With ``names``, in lower case, only files
    of these names below it are hidden, in whatever case. ``home``: also in HOME itself, where it is not the user's
    own."""

    path: str
    names: tuple[str, ...] = ()
    home: bool = True


def variables(private: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that make Bun run the program in the directory ``private``, in addition to the user's own values.
    Which of them counts depends on how an agent was built; both may."""
    view = f"{private}/{VIEW}"
    # Relative, because options are split at blanks, also inside quotes; the agent starts in that directory.
    preload = f"--preload={view if not _BLANK.search(view) else f'./{VIEW}'}"
    options = environment.get("BUN_OPTIONS")
    own = {"BUN_OPTIONS": f"{options} {preload}" if options else preload, "BUN_INSPECT_PRELOAD": view}
    return own | dict.fromkeys(_UNWRITTEN, "0")


def program(
    private: str, directory: str, hidden: Sequence[Hidden], instead: Mapping[str, str], environment: Mapping[str, str]
) -> bytes:
    """The program for an agent with this private directory and this working directory. ``instead`` maps hidden files to
    the files that are read in their place, by absolute paths."""
    view = {
        "ran": f"{private}/{_RAN}",
        "directory": directory,
        "instead": instead,
        "hidden": [{"path": each.path, "names": each.names, "home": each.home} for each in hidden],
        "environment": {name: environment.get(name) for name in variables("", environment)},
        "proof": PROOF.decode(),
    }
    # JSON text is valid as a JavaScript expression.
    return _PROGRAM.replace("@VIEW@", msgspec.json.encode(view).decode()).encode()


_PROGRAM = """\
"use strict";
(() => {
  const VIEW = @VIEW@;
  const fs = require("node:fs"), path = require("node:path"), url = require("node:url");

  // Once: both variables may count, and a Bun that the agent starts may inherit them.
  try {
    fs.closeSync(fs.openSync(VIEW.ran, "wx", 0o600));
  } catch (error) {
    if (error.code === "EEXIST" || error.code === "ENOENT") return;
    throw error;
  }

  // Every place where something is hidden, by the directory's name and by its real one.
  const levels = new Set();
  for (let place of [path.resolve(VIEW.directory), fs.realpathSync(VIEW.directory)]) {
    for (;; place = path.dirname(place)) {
      levels.add(place);
      if (place === "/") break;
    }
  }
  const home = process.env.HOME ? path.resolve(process.env.HOME) : undefined;
  const places = [];
  for (const level of levels) {
    for (const each of VIEW.hidden) {
      if (!each.home && level === home) continue;
      const place = path.join(level, each.path);
      places.push({ place, below: place + "/", names: each.names });
      try {
        const real = fs.realpathSync(place);  // of a link
        if (real !== place) places.push({ place: real, below: real + "/", names: each.names });
      } catch {}
    }
  }

  // What is there for the agent: what it names, or the path of another file instead, or null for nothing.
  const seen = (named) => {
    let place = named;
    try {
      if (named instanceof URL) place = url.fileURLToPath(named);
      else if (named instanceof Uint8Array) place = Buffer.from(named).toString();
    } catch {
      return named;
    }
    if (typeof place !== "string") return named;
    place = path.resolve(place);
    const hides = places.some((each) => {
      if (place !== each.place && !place.startsWith(each.below)) return false;
      return each.names.length === 0 || each.names.includes(path.basename(place).toLowerCase());
    });
    return hides ? (VIEW.instead[place] ?? null) : named;
  };
  const missing = (call, named) =>
    Object.assign(new Error(`ENOENT: no such file or directory, ${call} '${named}'`), {
      code: "ENOENT", errno: -2, syscall: call, path: String(named),
    });

  const calls = [
    "access", "stat", "lstat", "statfs", "open", "openAsBlob", "readFile", "readdir", "opendir", "realpath", "readlink",
    "copyFile", "cp", "createReadStream", "watch",
  ];
  const put = (owner, name, make) => {
    const own = owner[name];
    if (typeof own === "function") owner[name] = Object.assign(make(own), own);
  };
  for (const call of calls) {
    put(fs, call, (own) => function (named, ...rest) {
      const place = seen(named);
      if (place !== null) return own.call(this, place, ...rest);
      const told = rest.at(-1);
      if (typeof told !== "function" || call === "watch") throw missing(call, named);
      process.nextTick(told, missing(call, named));
    });
    put(fs, `${call}Sync`, (own) => function (named, ...rest) {
      const place = seen(named);
      if (place !== null) return own.call(this, place, ...rest);
      if (rest[0]?.throwIfNoEntry === false) return undefined;
      throw missing(call, named);
    });
    put(fs.promises, call, (own) => function (named, ...rest) {
      const place = seen(named);
      return place !== null ? own.call(this, place, ...rest) : Promise.reject(missing(call, named));
    });
  }
  put(fs, "exists", (own) => function (named, told) {
    return seen(named) !== null ? own.call(this, named, told) : void process.nextTick(told, false);
  });
  put(fs, "existsSync", (own) => function (named) {
    return seen(named) !== null && own.call(this, named);
  });
  put(Bun, "file", (own) => function (named, ...rest) {
    return own.call(this, seen(named) ?? "/dev/null/hidden", ...rest);
  });
  // Bun's own loader of modules asks none of these.
  Bun.plugin({
    name: "sandbox-agent.view",
    setup(build) {
      const whole = places.filter((each) => each.names.length === 0);
      const quoted = whole.map((each) => each.place.replace(/[^\\w\\/]/g, "\\\\$&"));
      build.onLoad({ filter: new RegExp(`^(?:${quoted.join("|")})(?:/|$)`) }, ({ path: named }) => {
        throw missing("import", named);
      });
    },
  });

  for (const [name, value] of Object.entries(VIEW.environment)) {
    if (value === null) delete process.env[name];
    else process.env[name] = value;
  }
  process.chdir(VIEW.directory);
  fs.writeSync(1, VIEW.proof + "\\n");
})();
"""
