#!/usr/bin/env python3
"""What the program says of itself: the tree of its commands, its manual, and completions, used as shells use them."""

import json
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from cluster import ROOT, program


def said(*arguments):
    return subprocess.run([program(), *arguments], capture_output=True, text=True, timeout=20, check=True).stdout


def needs(tool):
    return unittest.skipUnless(shutil.which(tool), f"{tool} is not installed")


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tree = json.loads(said("help", "-w", "json"))
        cls.commands = {command["name"]: command for command in cls.tree["commands"]}

    def flags(self, command):
        return [name for flag in self.commands[command]["flags"] for name in flag["names"]]

    def test_every_command_that_help_lists_is_in_the_tree(self):
        listed = re.findall(r"^  (\w+) ", said("help").split("\n\n")[1], re.M)
        self.assertEqual(listed, list(self.commands))

    def test_every_flag_of_the_tree_is_known_to_its_parser(self):
        help_of_server = said("server", "--help")
        for flag in self.flags("server"):
            if flag not in ("-h", "--help", "--version"):
                self.assertIn(f"\n  {flag} ", help_of_server)
        for name in self.commands:
            if name in ("server", "config", "help"):
                continue
            text = said(name, "--help")
            for flag in self.flags(name):
                self.assertIn(flag, text, name)
        # config has a parser of its own: every flag that is offered is one that it takes.
        self.assertIn("# default", said("config", "show", "--origin"))
        json.loads(said("config", "show", "-w", "json"))

    def test_statuses_are_those_of_the_documentation(self):
        table = (ROOT / "docs/cli.md").read_text().split("## Exit status")[1].split("```")[0]
        documented = [int(number) for number in re.findall(r"^\| (\d+) \|", table, re.M)]
        self.assertEqual(documented, [each["status"] for each in self.tree["exit_statuses"]])
        server, others = said("man", "cairn-server.8"), said("man", "cairn.1")
        for number in documented:
            entry = f"\n\\fB{number}\\fR\n"
            self.assertEqual(number in (0, 2, 5, 6, 7, 8, 74), entry in server, number)
            self.assertEqual(number not in (6, 7, 8, 74), entry in others, number)

    def test_the_manual_has_a_page_for_each_command_and_setting(self):
        names = said("man").split()
        self.assertEqual({"cairn.1", "cairn.toml.5", "cairn-server.8"} | {f"cairn-{name}.1" for name in self.commands if name != "server"},
                         set(names))
        settings = said("man", "cairn.toml.5").replace("\\-", "-")
        for flag in self.flags("server"):
            if flag not in ("-h", "--help", "--version", "--config-file"):
                self.assertIn(f"\n\\fB{flag[2:]}\\fR", settings)
        wrong = subprocess.run([program(), "man", "cairn-putt.1"], capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual((2, True), (wrong.returncode, "did you mean cairn-put.1?" in wrong.stderr), wrong.stderr)

    @needs("mandoc")
    def test_pages_are_well_formed(self):
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for name in said("man").split():
                paths.append(Path(folder, name))
                paths[-1].write_text(said("man", name))
            done = subprocess.run(["mandoc", "-Tlint", "-W", "warning", *paths], capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual("", done.stdout.replace(folder, ""))
            shown = subprocess.run(["mandoc", "-Tutf8", Path(folder, "cairn-get.1")], capture_output=True, text=True, timeout=60, check=True)
            text = re.sub(".\b", "", shown.stdout)
            self.assertRegex(text, r"(?m)^ +cairn get \[FLAG\]\.\.\. KEY$")
            self.assertRegex(text, r"(?m)^ +-w, --write-out FORMAT$")
            self.assertIn("One of: human, json, table.", text)


# A line as it is typed, and what is offered.
LINES = [
    ("cairn hist", {"history"}),
    ("cairn --endpoints http://a:1 hist", {"history"}),
    ("cairn lease keep", {"keep-alive"}),
    ("cairn get -w ", {"human", "json", "table"}),
    ("cairn lease list --write-out ", {"human", "json"}),
    ("cairn put --file no", {"note.txt"}),
    ("cairn get key --missing", {"--missing-ok"}),
    ("cairn server --quota", {"--quota-backend-bytes"}),
    ("cairn server --data-dir no", {"notes/"}),
    ("cairn config sho", {"show"}),
]


# Completion needs a terminal, which zpty is; what would be inserted is said instead. What is awaited is not what is typed.
ZSH = r"""
zmodload zsh/zpty
zpty shell zsh -f -i
await() { local all= part; while zpty -r shell part; do all+=$part; [[ $all == *$1* ]] && break; done; REPLY=$all }
type() { zpty -w shell $1 }
type 'PS1=; stty rows 100 columns 200; fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D'
type 'compadd() {
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
  local -a found; builtin compadd -A found "$@"; offered+=($found); builtin compadd "$@"
}'
type 'ask() { typeset -ga offered=(); _main_complete; compstate[insert]=; compstate[list]= }'
type 'tell() { zle ask; print -r -- "offe""red: ${(j: :)offered} o""ver" }'
type 'zle -C ask complete-word ask; zle -N tell; bindkey "^I" tell; print read""y'
await ready
zpty -n -w shell "$1"$'\t'
await ' over'
print -r -- $REPLY
"""


class Completions(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="cairn-e2e-")))
        (self.folder / "note.txt").write_text("")
        (self.folder / "notes").mkdir()
        (self.folder / "notes" / "inside").write_text("")

    def script(self, shell):
        path = self.folder / ("_cairn" if shell == "zsh" else f"cairn.{shell}")
        path.write_text(said("completion", shell))
        return path

    def run_in(self, *command):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=self.folder, check=False)
        self.assertEqual((0, ""), (done.returncode, done.stderr), done.stdout)
        return done.stdout

    def test_bash(self):
        script = self.script("bash")
        self.assertEqual("complete -F _cairn cairn\n", self.run_in("bash", "--norc", "-c", f"source {script}; complete -p cairn"))
        ask = f'source {script}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _cairn; printf "%s\\n" "${{COMPREPLY[@]}}"'
        for line, offered in LINES:
            found = self.run_in("bash", "--norc", "-c", ask, "bash", *line.split(" ")).split()
            found = {each + "/" if (self.folder / each).is_dir() else each for each in found}
            self.assertEqual(offered | ({"notes/"} if "note.txt" in offered else set()), found, line)
        # As bash cuts --file=no.
        found = self.run_in("bash", "--norc", "-c", ask, "bash", "cairn", "put", "--write-out", "=", "js").split()
        self.assertEqual(["json"], found)

    @needs("shellcheck")
    def test_bash_script_is_clean(self):
        self.run_in("shellcheck", str(self.script("bash")))

    @needs("fish")
    def test_fish(self):
        script = self.script("fish")
        self.run_in("fish", "--no-config", "--no-execute", str(script))
        for line, offered in LINES:
            text = self.run_in("fish", "--no-config", "-c", f"source {script}; complete -C '{line}'")
            found = {each.split("\t")[0] for each in text.splitlines()}
            self.assertLessEqual(offered, found, line)
            self.assertFalse({"put", "get"} & found, f"no command where none can stand: {line}")

    @needs("zsh")
    def test_zsh(self):
        self.run_in("zsh", "-f", "-n", str(self.script("zsh")))
        for line, offered in LINES:
            self.assertEqual(offered | ({"notes/"} if "note.txt" in offered else set()),
                             {each + "/" if (self.folder / each).is_dir() else each for each in self.asked_of_zsh(line)}, line)

    def asked_of_zsh(self, line):
        """What a zsh with a terminal of its own would put there behind a tab."""
        done = self.run_in("timeout", "20", "zsh", "-f", "-c", ZSH, "zsh", line)
        return set(re.search(r"offered: (.*) over", done)[1].split())


if __name__ == "__main__":
    unittest.main()
