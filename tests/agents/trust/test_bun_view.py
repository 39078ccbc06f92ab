"""The view that hides a project's configuration, under the Bun of each agent that it is made for: no way of looking up
a file finds what is hidden, and all ways find the rest."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sandbox_agent.schema.workspace.bun_view import PROOF, VIEW, Hidden, program, variables

from ..install import executable

pytestmark = pytest.mark.agents

AGENTS = ("opencode", "amp")

LOOK = """
const fs = require("fs"), { promises, readFileSync } = fs;
import { readFile as named, stat as statNamed } from "node:fs/promises";
import * as all from "node:fs";
import { spawnSync } from "node:child_process";
const called = (call, ...rest) => new Promise((told) => call(...rest, (error, value) => told(!error)));
const ways = {
  access: (p) => promises.access(p), stat: (p) => promises.stat(p), lstat: (p) => promises.lstat(p),
  realpath: (p) => promises.realpath(p), readFile: (p) => promises.readFile(p), named: (p) => named(p),
  statNamed: (p) => statNamed(p),
  open: async (p) => { const file = await promises.open(p); await file.close(); },
  readFileSync: (p) => readFileSync(p), openSync: (p) => fs.closeSync(fs.openSync(p)),
  statSync: (p) => fs.statSync(p), accessSync: (p) => fs.accessSync(p), realpathSync: (p) => fs.realpathSync(p),
  quietStat: (p) => { if (!fs.statSync(p, { throwIfNoEntry: false })) throw 0; },
  existsSync: (p) => { if (!fs.existsSync(p)) throw 0; },
  exists: async (p) => { if (!await new Promise((told) => all.exists(p, told))) throw 0; },
  callback: async (p) => { if (!await called(all.readFile, p)) throw 0; },
  callbackStat: async (p) => { if (!await called(all.stat, p)) throw 0; },
  stream: (p) => new Promise((good, bad) => all.createReadStream(p).on("error", bad).on("data", good)),
  url: (p) => promises.readFile(new URL("file://" + p)), buffer: (p) => promises.readFile(Buffer.from(p)),
  dotted: (p) => promises.readFile(p.replace(/[/]([^/]*)$/, "/../" + p.split("/").at(-2) + "/./$1")),
  relative: (p) => promises.readFile("./" + require("path").relative(process.cwd(), p)),
  bun: async (p) => { await Bun.file(p).text(); },
  bunExists: async (p) => { if (!await Bun.file(p).exists()) throw 0; },
};
const found = {};
for (const file of JSON.parse(process.argv.at(-1))) {
  found[file] = [];
  for (const [way, look] of Object.entries(ways)) {
    try { await look(file); found[file].push(way); } catch {}
  }
}
const modules = {};
for (const file of JSON.parse(process.argv.at(-1))) {
  if (file.endsWith(".mjs")) modules[file] = await import(file).then((module) => module.said, () => null);
}
const child = spawnSync(process.execPath, ["-e", "console.log(process.cwd())"], { cwd: "/" }).stdout.toString();
console.log(JSON.stringify({ found, modules, cwd: process.cwd(), child, text: readFileSync(SKILL, "utf8") }));
"""


def look(agent: str, root: Path, files: list[Path], hidden: list[Hidden], instead: dict[str, str]) -> Any:
    """What a script finds that the agent's Bun runs, started as the agent is."""
    private = root / "private"
    private.mkdir()
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(root / "home"), "BUN_CONFIG_VERBOSE_FETCH": "0"}
    (private / VIEW).write_bytes(program(str(private), str(root / "way" / "work"), hidden, instead, environment))
    skill = next(iter(instead))
    (private / "look.mjs").write_text(f"const SKILL = {json.dumps(skill)};\n" + LOOK)
    answer = subprocess.run(
        [executable(agent), "run", "./look.mjs", json.dumps([str(file) for file in files])],
        cwd=private,
        env=environment | variables(str(private), environment) | {"BUN_BE_BUN": "1"},
        capture_output=True,
        check=True,
    ).stdout.splitlines()
    assert answer[0] == PROOF
    return json.loads(answer[1])


@pytest.mark.parametrize("agent", AGENTS)
def test_no_way_of_looking_finds_a_hidden_file_and_every_way_finds_the_others(agent: str, tmp_path: Path):
    real, work, way = tmp_path / "real", tmp_path / "real" / "work", tmp_path / "way"
    hidden = [
        work / ".tool/plugin/evil.mjs", work / "tool.json", work / ".agents/skills/deep/er/SKILL.md",
        work / ".linked/x.mjs", real / "tool.json", way / "tool.json",
    ]  # fmt: skip
    seen = [
        work / "tool.jsonx", work / "sub/.tool/x.mjs", work / ".agents/skills/deep/read.md", work / "fine.mjs",
        tmp_path / "home" / "tool.txt",
    ]  # fmt: skip
    for file in (*hidden[:-1], *seen):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text('export const said = "ran";\n')
    way.symlink_to("real")
    (work / ".other").symlink_to(".linked")
    skill, ours = work / ".agents/skills/one/SKILL.md", tmp_path / "ours.md"
    skill.parent.mkdir()
    skill.write_text("theirs")
    ours.write_text("ours")
    rules = [Hidden(".tool"), Hidden("tool.json"), Hidden(".other"), Hidden(".agents/skills", ("skill.md",))]
    told = look(agent, tmp_path, [*hidden, *seen], rules, {str(skill): str(ours)})
    found = {Path(file): set(ways) for file, ways in told["found"].items()}
    assert {file for file in hidden if found[file]} == set()
    everything = set[str]().union(*found.values())
    assert len(everything) == 25
    assert {file for file in seen if found[file] != everything} == set()
    ran = {Path(file) for file, said in told["modules"].items() if said}
    assert ran == {file for file in seen if file.suffix == ".mjs"}
    assert (told["text"], told["cwd"]) == ("ours", str(work))
    assert told["child"] == "/\n", "a Bun that it starts is as any other"
