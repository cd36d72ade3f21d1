#!/usr/bin/env python3
"""Checks what compilers do not: who may include whom, banned words, lengths, headers, links.

usage: tidy.py [ROOT]      prints `path:line: rule: what is wrong; what to do` and exits 1 when there is any

A line that has a good reason says it: `// tidy-allow(rule): the reason`. tools/tidy_test.py breaks every rule once.
"""

import os
import re
import sys
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
ADR_LINES_MAX = 40

# Longer than allowed and known: the number may only shrink.
RATCHET = {}

SOURCE_FOLDERS = ("src", "test", "bench", "examples")
PURE = ("src/raft/", "src/etcd/", "src/mvcc/", "src/node/")
TESTS = ("test/", "bench/", "examples/")

# rule, pattern in code without comments and strings, replacement, where it is allowed, where it applies
BANNED = [
    ("random", r"std::random_device|(?<![\w:.>])s?rand\(", "base/prng.h with a seed from the configuration",
     ("src/server/", "src/cli/", "src/load/", "src/client/") + TESTS, ("",)),
    ("clock", r"system_clock|steady_clock::now|high_resolution_clock|clock_gettime|gettimeofday",
     "the time that is passed in",
     ("src/server/", "src/cli/", "src/load/", "src/client/", "src/net/", "src/tls/", "src/rpc/", "src/peer/", "src/observe/") + TESTS, ("",)),
    ("assert", r"(?<!\w)assert\(", "CHECK, which every build keeps", (), ("",)),
    ("sleep", r"sleep_for|sleep_until|\b(?:u|nano)?sleep\(", "explicit time, or waiting for the event itself",
     ("src/server/", "src/cli/", "src/load/", "src/client/", "test/e2e/", "bench/", "examples/"), ("",)),
    ("unordered", r"unordered_(?:map|set|multimap|multiset)", "std::map or a sorted vector: hash order leaks into results",
     (), PURE),
    ("mutex", r"std::(?:\w+_)?mutex|std::condition_variable", "base/mailbox.h",
     ("src/base/", "src/observe/", "src/server/") + TESTS, ("",)),
    ("thread", r"std::j?thread\b(?!::id)|pthread_create|std::async", "a thread in src/server and a Mailbox to it",
     ("src/server/", "src/cli/", "src/load/", "src/client/") + TESTS, ("",)),
    ("impure", r"#\s*include\s*<(?:thread|mutex|random|fstream|iostream|ctime|unistd\.h|fcntl\.h|sys/\w+\.h)>",
     "a port: this folder is pure", (), PURE),
    # Handed to its owner at once, as in impl_(new Impl{...}), it is fine: make_unique takes no braces.
    ("new", r"(?<!\()\bnew\s+[A-Za-z_:]", "std::make_unique, or a container", (), ("",)),
]

HEAVY = re.compile(r"<(?:boost|nlohmann|spdlog|fmt|CLI|nghttp2|prometheus|openssl|google/protobuf)[/.]")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"][^>"]+[>"])', re.M)
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")
FOREIGN_PATH = re.compile(r"(?<![\w.])/(?:work|tmp/wt)/")
ALLOW = re.compile(r"tidy-allow\((\w+)\): \S")
TOKENS = re.compile(r'//[^\n]*|/\*.*?\*/|R"([^()\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'', re.S)


def code_only(text):
    """The text without comments and literals, line numbers kept. Include lines keep their names."""
    def blank(match):
        token = match.group(0)
        start = text.rfind("\n", 0, match.start()) + 1
        if token[0] == '"' and text[start:match.start()].lstrip().startswith("#"):
            return token
        return "".join(c if c == "\n" else " " for c in token)
    return TOKENS.sub(blank, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


class Tree:
    def __init__(self, root):
        self.root = Path(root)
        self.problems = []
        self.files = {}
        for folder, names, files in os.walk(self.root):
            names[:] = sorted(n for n in names if n not in (".git", "build", "node_modules", "__pycache__"))
            for name in files:
                path = Path(folder) / name
                if name == ".git" or path.is_symlink() or path.stat().st_size > 1 << 20:
                    continue
                try:
                    self.files[path.relative_to(self.root).as_posix()] = path.read_text(encoding="utf-8")
                except UnicodeDecodeError:
                    continue  # corpora and other binary data
        self.sources = [p for p in sorted(self.files) if p.startswith(SOURCE_FOLDERS) and p.endswith((".h", ".cc"))]
        self.code = {path: code_only(self.files[path]) for path in self.sources}

    def report(self, path, line, rule, message):
        lines = self.files.get(path, "").split("\n")
        allowed = ALLOW.search(lines[line - 1]) if 0 < line <= len(lines) else None
        if not allowed or allowed.group(1) != rule:
            self.problems.append((path, line, rule, message))

    def includes(self, path):
        for match in INCLUDE.finditer(self.code[path]):
            yield line_of(self.code[path], match.start(1)), match.group(1)


KEYWORDS = ("DEPENDS", "PRIVATE_DEPENDS", "TEST_DEPENDS", "ONLY")


class Grants:
    """What the CMakeLists.txt of one folder lets it include: what stands there, and nothing that those link."""

    def __init__(self, folder, text):
        text = re.sub(r"#.*", "", text)
        call = re.search(r"\bcairn_library\(([^()]*)\)", text)
        lists, keyword = {word: [] for word in KEYWORDS}, None
        for word in call.group(1).split()[1:] if call else ():
            if word in lists:
                keyword = word
            elif keyword:
                lists[keyword].append(word.strip('"'))
        names = {word: {name[len("cairn_"):] for name in lists[word] if name.startswith("cairn_")} for word in KEYWORDS}
        self.headers = names["DEPENDS"] | {folder}
        self.sources = self.headers | names["PRIVATE_DEPENDS"]
        self.tests = self.sources | names["TEST_DEPENDS"]
        # Beside the library there may be a program, or a foreign test, with lines of its own.
        self.beside = self.tests | set(re.findall(r"\bcairn_(\w+)", text))
        self.only = set(lists["ONLY"])  # of the folders of these headers, no other header

    def folders(self, path, for_tests):
        if path.count("/") > 2:
            return self.beside
        if for_tests:
            return self.tests
        return self.headers if path.endswith(".h") else self.sources

    def allows(self, name, path, for_tests):
        other = name.split("/")[0]
        if other not in self.folders(path, for_tests):
            return False
        return name in self.only or not any(header.startswith(other + "/") for header in self.only)


def grants(tree):
    found = {}
    for path, text in tree.files.items():
        match = re.match(r"src/(\w+)/CMakeLists\.txt$", path)
        if match:
            found[match.group(1)] = Grants(match.group(1), text)
    return found


def files_of_tests(tree):
    """Tests, and the headers in src that nothing but tests includes."""
    includers = {}
    for path in tree.sources:
        for _, name in tree.includes(path):
            includers.setdefault("src/" + name.strip('"'), set()).add(path)
    found = {p for p in tree.sources if p.startswith(TESTS) or p.endswith("_test.cc")}
    grown = True
    while grown:
        more = {h for h, by in includers.items() if h.endswith(".h") and h not in found and by <= found
                and any(p.startswith("src/") for p in by)}
        found |= more
        grown = bool(more)
    return found


def check_include_directions(tree):
    allowed = grants(tree)
    of_tests = files_of_tests(tree)
    for path in tree.sources:
        parts = path.split("/")
        if parts[0] != "src":
            continue
        folder = parts[1]
        if folder not in allowed:
            tree.report(path, 1, "include", f"src/{folder} has no CMakeLists.txt; add one with cairn_library")
            continue
        for line, quoted in tree.includes(path):
            name = quoted.strip('"')
            other = name.split("/")[0]
            known = other in allowed or other == "proto"
            if quoted[0] == '"' and known and not allowed[folder].allows(name, path, path in of_tests):
                tree.report(path, line, "include", f"{folder} may not include {name} here: its CMakeLists.txt does not grant "
                                                   f"it; go through a folder it lists, or list cairn_{other}")


def check_heavy_headers(tree):
    """A header that shows a big library is for its own folder only, so that nobody else pays for it."""
    heavy = {p for p in tree.sources if p.endswith(".h") and any(HEAVY.match(n) for _, n in tree.includes(p))}
    grown = True
    while grown:
        more = {p for p in tree.sources if p.endswith(".h") and p not in heavy
                and any("src/" + n.strip('"') in heavy for _, n in tree.includes(p))}
        heavy |= more
        grown = bool(more)
    for path in tree.sources:
        for line, name in tree.includes(path):
            target = "src/" + name.strip('"')
            if target in heavy and os.path.dirname(target) != os.path.dirname(path) and path.startswith("src/"):
                tree.report(path, line, "heavy", f"{name} shows a third-party library; declare what you need instead")


def check_banned_words(tree):
    for rule, pattern, instead, allowed, applies in BANNED:
        for path in tree.sources:
            if path.startswith(allowed) or not path.startswith(applies):
                continue
            if rule in ("thread", "mutex", "impure") and (path.endswith("_test.cc") or "/testing/" in path):
                continue  # tests read scenarios, and what threads share is tested by threads
            for match in re.finditer(pattern, tree.code[path]):
                tree.report(path, line_of(tree.code[path], match.start()), rule,
                            f"`{match.group(0).strip()}` is banned here; use {instead}")
    for path, text in tree.files.items():
        for match in UNFINISHED.finditer(text):
            tree.report(path, line_of(text, match.start()), "unfinished", "finish it, or file an issue")
        for match in FOREIGN_PATH.finditer(text):
            tree.report(path, line_of(text, match.start()), "path", "a path of one machine; make it relative")


def check_reasons(tree):
    """What refusals say stands in one table; tests say it again, so that the table is checked."""
    for path in tree.sources:
        if path.startswith("src/etcd/") or not path.startswith("src/") or path.endswith(("_test.cc", "_fixture.h")):
            continue
        for match in re.finditer(r'"etcdserver: ', tree.files[path]):
            tree.report(path, line_of(tree.files[path], match.start()), "reason",
                        "an error text of etcd's; name its Reason, whose row in src/etcd/reasons.cc has the text")


def check_fixtures(tree):
    """What tests share has one kind of name, or a folder of its own."""
    of_tests = files_of_tests(tree)
    used_at_home = {"src/" + name.strip('"') for path in of_tests & set(tree.sources) for _, name in tree.includes(path)
                    if os.path.dirname(path) == os.path.dirname("src/" + name.strip('"'))}
    for path in sorted(of_tests & used_at_home):
        if "/testing/" not in path and not path.endswith("_fixture.h"):
            tree.report(path, 1, "fixture", "nothing but tests includes it; call it NAME_fixture.h")


CONTROL = re.compile(r"^\s*(?:else\s+)?(?:if|for|while|switch|catch|do|else|try)\b|=\s*$|^\s*(?:namespace|enum|union|extern)\b")
RECORD = re.compile(r"^\s*(?:template\s*<.*>\s*)?(?:class|struct)\b(?!.*\)\s*(?:const|noexcept|override|\s)*$)", re.S)


def functions(code):
    """(first line, last line) of every outermost function body, found by braces."""
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group(0)), code, flags=re.M)
    depth, opened, head = 0, None, 0
    for match in re.finditer(r"[{};]", code):
        offset, token = match.start(), match.group(0)
        if token == "{":
            intro = code[head:offset]
            depth += 1
            if opened is None and ")" in intro and not CONTROL.search(intro) and not RECORD.match(intro):
                opened = (line_of(code, head + len(intro) - len(intro.lstrip())), depth)
        elif token == "}":
            if opened and opened[1] == depth:
                yield opened[0], line_of(code, offset)
                opened = None
            depth -= 1
        head = offset + 1


def check_lengths(tree):
    for path in tree.sources:
        length = tree.files[path].count("\n")
        if length > RATCHET.get(path, FILE_LINES_MAX):
            tree.report(path, 1, "length", f"{length} lines; split it: one idea a file, {FILE_LINES_MAX} at most")
        for first, last in functions(tree.code[path]):
            if last - first + 1 > RATCHET.get(f"{path}:{first}", FUNCTION_LINES_MAX):
                tree.report(path, first, "length", f"function of {last - first + 1} lines; "
                                                   f"{FUNCTION_LINES_MAX} at most: give its parts names")
    for path, text in tree.files.items():
        if path.startswith("docs/adr/") and text.count("\n") > ADR_LINES_MAX:
            tree.report(path, 1, "length", f"a decision fits in {ADR_LINES_MAX} lines")


def check_headers(tree):
    for path in tree.sources:
        if not path.endswith(".h"):
            continue
        text = tree.files[path]
        if not text.startswith("//"):
            tree.report(path, 1, "header", "open with a comment: what it is, who owns it, threading, bounds")
        pragma, include = text.find("#pragma once"), text.find("#include")
        if pragma < 0 or 0 <= include < pragma:
            tree.report(path, 1, "header", "`#pragma once` comes before the first include")


def check_testdata(tree):
    for folder, names, files in os.walk(tree.root):
        names[:] = [n for n in names if n not in (".git", "build")]
        if os.path.basename(folder) not in ("testdata", "corpora"):
            continue
        where = Path(folder).relative_to(tree.root).as_posix()
        found = [p for p in Path(folder).rglob("*") if p.is_file()]
        if not found:
            tree.report(where, 0, "testdata", "empty: a test over nothing passes always")
        for path in found:
            if path.stat().st_size == 0 and "corpora" not in path.parts:
                tree.report(path.relative_to(tree.root).as_posix(), 0, "testdata", "empty file")


def anchors(text):
    """The anchors of a Markdown page, as they are commonly derived from its headings."""
    found = set()
    for heading in re.findall(r"^#+\s+(.*)$", re.sub(r"```.*?```", "", text, flags=re.S), flags=re.M):
        found.add(re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-"))
    return found


def check_links(tree):
    for path, text in tree.files.items():
        if not path.endswith(".md"):
            continue
        prose = re.sub(r"```.*?```|`[^`\n]*`", lambda m: re.sub(r"[^\n]", " ", m.group(0)), text, flags=re.S)
        for match in re.finditer(r"\[[^\]]*\]\(([^)\s]+)\)", prose):
            target, _, anchor = match.group(1).partition("#")
            if re.match(r"\w+:", target):
                continue
            page = os.path.normpath(os.path.join(os.path.dirname(path), target)) if target else path
            line = line_of(prose, match.start())
            if not (tree.root / page).exists():
                tree.report(path, line, "link", f"{match.group(1)} leads nowhere")
            elif anchor and page.endswith(".md") and anchor not in anchors(tree.files.get(page, "")):
                tree.report(path, line, "link", f"{page} has no heading #{anchor}")


def check_built(tree):
    """A source file that no CMakeLists.txt builds is dead, and its tests never run."""
    top = tree.files.get("CMakeLists.txt", "")
    everywhere = "".join(text for path, text in tree.files.items() if path.endswith("CMakeLists.txt"))
    for path in tree.sources:
        if not path.endswith(".cc") or path in everywhere:
            continue
        folder = os.path.dirname(path)
        owner = folder
        while owner and f"{owner}/CMakeLists.txt" not in tree.files:
            owner = os.path.dirname(owner)
        lists = tree.files.get(f"{owner}/CMakeLists.txt", "")
        inside = os.path.relpath(path, owner) if owner else path
        stem = os.path.splitext(os.path.basename(path))[0]
        globs = re.findall(r"\$\{CMAKE_CURRENT_SOURCE_DIR\}/(\S*\*\w*\.cc)", lists)
        globs += ["*.cc"] if "cairn_library(" in lists else []
        globbed = any(PurePosixPath(g).parent == PurePosixPath(inside).parent and fnmatch(inside, g) for g in globs)
        if not owner or not (globbed or inside in lists or re.search(rf"\b{re.escape(stem)}\b", lists)):
            tree.report(path, 1, "built", "no CMakeLists.txt builds it")
        elif not re.search(rf"\b{re.escape(owner)}\b", top) and "project(" not in lists:
            tree.report(path, 1, "built", f"CMakeLists.txt at the top does not add {owner}")


LIMIT_STRUCT = re.compile(r"\bstruct\s+(\w*(?:Config|Limits|Options))\s*\{")
LIMITED = tuple(f"src/{folder}/" for folder in ("wal", "raft", "node", "peer", "mvcc", "rpc", "server"))


def without_inner(pattern, text):
    while (shorter := re.sub(pattern, "", text)) != text:
        text = shorter
    return text


def fields(code):
    """(struct, line, field) of every struct that holds limits or settings; functions and nested structs are none."""
    for opening in LIMIT_STRUCT.finditer(code):
        depth, begin = 1, opening.end()
        for match in re.compile(r"[{};]").finditer(code, opening.end()):
            token, end = match.group(0), match.start()
            depth += {"{": 1, "}": -1}.get(token, 0)
            if depth == 0:
                break
            if token != ";" or depth > 1:
                continue
            text = re.sub(r"\(\*(\w+)\)\([^)]*\)", r"\1", without_inner(r"<[^<>]*>", code[begin:end]))
            is_function = re.match(r"[^={]*\(", text)
            plain = re.sub(r"=[^,]*", "", without_inner(r"\([^()]*\)|\{[^{}]*\}", text))  # a type and names
            names = re.match(r"\s*(?!using\b|struct\b|static\b|enum\b)[\w:]+(?:\s+[\w:*&]+)*?[\s*&]+(\w+(?:\s*,\s*\w+)*)\s*$",
                             "" if is_function else plain)
            for name in re.findall(r"\w+", names.group(1)) if names else ():
                at = re.compile(rf"\b{name}\b").search(code, begin).start()
                yield opening.group(1), line_of(code, at), name
            begin = match.end()


def check_limits(tree):
    """Every limit limits something, and a test of its folder, or the simulator, names it to reach it."""
    of_tests = files_of_tests(tree) & set(tree.sources)
    used = {path: set(re.findall(r"(?:\.|->)\s*(\w+)", tree.code[path])) for path in tree.sources}
    everywhere = set().union(*(used[path] for path in tree.sources if path not in of_tests))
    for folder in LIMITED:
        tested = set().union(*(used[path] for path in of_tests if path.startswith((folder, "test/"))))
        for path in tree.sources:
            if not path.startswith(folder) or not path.endswith(".h") or path in of_tests:
                continue
            for struct, line, name in fields(tree.code[path]):
                if name not in everywhere:
                    tree.report(path, line, "limits", f"nothing uses {struct}::{name}; delete it")
                elif name not in tested:
                    tree.report(path, line, "limits", f"no test of {folder} and no simulation names {struct}::{name}; "
                                                      "write one that reaches it")


CHECKS = (check_include_directions, check_heavy_headers, check_banned_words, check_reasons, check_fixtures, check_lengths, check_headers,
          check_testdata, check_links, check_built, check_limits)


def problems(root):
    tree = Tree(root)
    for check in CHECKS:
        check(tree)
    return sorted(tree.problems)


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    found = problems(root)
    for path, line, rule, message in found:
        print(f"{path}:{line}: {rule}: {message}")
    print(f"tidy: {len(found)} problem{'' if len(found) == 1 else 's'}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
