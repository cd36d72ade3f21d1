#!/usr/bin/env python3
"""Breaks every rule of tidy.py once, in a tree of its own, and expects exactly that rule to be reported."""

import tempfile
import unittest
from pathlib import Path

import tidy

HEADER = "// A thing.\n#pragma once\n"
CLEAN = {
    "CMakeLists.txt": "foreach(folder src/base src/raft src/rpc src/server src/api)\n",
    "src/base/CMakeLists.txt": 'cairn_library(base DEPENDS "")\n',
    "src/raft/CMakeLists.txt": "cairn_library(raft DEPENDS cairn_base)\n",
    "src/rpc/CMakeLists.txt": "cairn_library(rpc DEPENDS cairn_base)\n",
    "src/api/CMakeLists.txt": "# not cairn_raft\ncairn_library(api DEPENDS cairn_rpc)\n",
    "src/server/CMakeLists.txt": "cairn_library(server DEPENDS cairn_api cairn_rpc cairn_base)\n",
    "src/base/bytes.h": HEADER,
    "src/raft/core.h": HEADER + '#include "base/bytes.h"\n',
    "src/raft/core.cc": '#include "raft/core.h"\nvoid f() { g("steady_clock::now() is only text");  // sleep_for too\n}\n',
    "src/rpc/server.h": HEADER + '#include "base/bytes.h"\n',
    "src/rpc/link.h": HEADER + "#include <boost/asio.hpp>\n",
    "src/rpc/link.cc": '#include "rpc/link.h"\n',
    "src/server/main.cc": '#include "base/bytes.h"\n#include "rpc/server.h"\nstd::thread t;\nstd::mutex m;\n',
    "README.md": "# One\n\n[here](docs/page.md#two-words) and [there](#one) and `[not](code.md)`\n",
    "docs/page.md": "# Page\n\n## Two, words\n",
}


class Tidy(unittest.TestCase):
    def check_files(self, changed):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (CLEAN | changed).items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                if text is not None:
                    path.write_text(text)
            return tidy.problems(folder)

    def reports(self, rule, path, text):
        found = self.check_files({path: text})
        self.assertEqual({rule}, {r for _, _, r, _ in found}, found)
        self.assertTrue(any(path.startswith(where) for where, _, _, _ in found), found)

    def accepts(self, path, text):
        self.assertEqual([], self.check_files({path: text}))

    def test_clean_tree_has_no_problem(self):
        self.assertEqual([], self.check_files({}))

    def test_names_of_what_tests_share(self):
        for name, rules in {"util_test.h": {"fixture"}, "fake.h": {"fixture"}, "fake_fixture.h": set(),
                            "testing/fake.h": set()}.items():
            tree = {"src/rpc/" + name: HEADER, "src/rpc/a_test.cc": f'#include "rpc/{name}"\n'}
            self.assertEqual(rules, {rule for _, _, rule, _ in self.check_files(tree)}, name)

    def test_include_against_the_arrows(self):
        self.reports("include", "src/base/up.h", HEADER + '#include "raft/core.h"\n')
        self.reports("include", "src/api/core.cc", '#include "raft/core.h"\n')
        self.reports("include", "src/lost/a.h", HEADER)

    def test_include_of_what_only_a_dependency_links(self):
        self.reports("include", "src/api/a.cc", '#include "base/bytes.h"\n')

    def test_what_headers_sources_and_tests_may_include(self):
        lists = {"src/api/CMakeLists.txt": "cairn_library(api DEPENDS cairn_rpc PRIVATE_DEPENDS cairn_base x::y\n"
                                           "  TEST_DEPENDS cairn_raft)\nadd_executable(a b/main.cc)\n"
                                           "target_link_libraries(a PRIVATE cairn_server)\n",
                 "src/server/run.h": HEADER}
        base, raft, server = ('#include "base/bytes.h"\n', '#include "raft/core.h"\n', '#include "server/run.h"\n')
        for path, code, problems in [
                ("src/api/a.cc", base, []), ("src/api/a.h", HEADER + base, ["include"]),
                ("src/api/a.cc", raft, ["include"]), ("src/api/a_test.cc", base + raft, []),
                ("src/api/a.cc", server, ["include"]), ("src/api/a_test.cc", server, ["include"]),
                ("src/api/b/main.cc", server, [])]:
            with self.subTest(path=path, code=code):
                self.assertEqual(problems, [rule for _, _, rule, _ in self.check_files(lists | {path: code})])

    def test_header_that_only_tests_include_is_a_test_s(self):
        lists = {"src/api/CMakeLists.txt": "cairn_library(api DEPENDS cairn_rpc TEST_DEPENDS cairn_raft)\n",
                 "src/api/fake_fixture.h": HEADER + '#include "raft/core.h"\n',
                 "src/api/a_test.cc": '#include "api/fake_fixture.h"\n'}
        self.assertEqual([], self.check_files(lists))
        self.assertEqual(["include"], [rule for _, _, rule, _ in
                                       self.check_files(lists | {"src/api/a.cc": '#include "api/fake_fixture.h"\n'})])

    def test_grant_of_single_headers(self):
        lists = {"src/api/CMakeLists.txt": "cairn_library(api DEPENDS cairn_raft cairn_rpc ONLY raft/types.h)\n",
                 "src/raft/types.h": HEADER}
        for code, problems in [('#include "raft/types.h"\n', []), ('#include "raft/core.h"\n', ["include"]),
                               ('#include "rpc/server.h"\n', [])]:
            for path in ("src/api/a.cc", "src/api/a_test.cc"):
                with self.subTest(path=path, code=code):
                    self.assertEqual(problems, [rule for _, _, rule, _ in self.check_files(lists | {path: code})])

    def test_heavy_header_outside_its_folder(self):
        self.reports("heavy", "src/api/a.cc", '#include "rpc/link.h"\n')
        found = self.check_files({"src/rpc/wrap.h": HEADER + '#include "rpc/link.h"\n',
                                  "src/api/a.cc": '#include "rpc/wrap.h"\n'})
        self.assertEqual(["heavy"], [rule for _, _, rule, _ in found])

    def test_banned_words(self):
        for rule, path, code in [
                ("random", "src/raft/a.cc", "std::random_device d;"),
                ("random", "src/rpc/a.cc", "int a = rand();"),
                ("clock", "src/raft/a.cc", "auto t = std::chrono::steady_clock::now();"),
                ("clock", "src/api/a.cc", "std::chrono::system_clock::time_point t;"),
                ("assert", "src/rpc/a.cc", "void f() { assert(true); }"),
                ("sleep", "src/rpc/a_test.cc", "void f() { std::this_thread::sleep_for(d); }"),
                ("unordered", "src/raft/a.cc", "std::unordered_map<int, int> m;"),
                ("mutex", "src/rpc/a.cc", "std::mutex m;"),
                ("mutex", "src/raft/a.cc", "std::shared_mutex m;"),
                ("thread", "src/rpc/a.cc", "std::thread t;"),
                ("impure", "src/raft/a.cc", "#include <fstream>"),
                ("new", "src/rpc/a.cc", "auto* p = new Thing();")]:
            with self.subTest(rule=rule, path=path):
                self.reports(rule, path, code + "\n")

    def test_words_that_only_look_banned(self):
        self.accepts("src/raft/a.cc", 'static_assert(sizeof(int) == 4);\nint renew = 1;\nauto s = R"(new Thing)";\n')
        self.accepts("src/rpc/a.cc", "std::unordered_map<int, int> m;\nstd::thread::id id;\nS::S() : s_(new T{1}) {}\n")

    def test_allowed_only_with_the_rule_and_a_reason(self):
        self.accepts("src/rpc/a.cc", "auto* p = new Thing();  // tidy-allow(new): the library takes ownership\n")
        self.reports("new", "src/rpc/a.cc", "auto* p = new Thing();  // tidy-allow(new):\n")
        self.reports("new", "src/rpc/a.cc", "auto* p = new Thing();  // tidy-allow(clock): wrong rule\n")

    def test_unfinished_work_and_foreign_paths(self):
        self.reports("unfinished", "docs/page.md", CLEAN["docs/page.md"] + "TO" + "DO: more\n")
        self.reports("path", "docs/page.md", CLEAN["docs/page.md"] + "see /wo" + "rk/x\n")

    def test_texts_of_reasons(self):
        text = 'auto error = Error{code, "etcdserver: no leader"};\n'
        self.reports("reason", "src/rpc/a.cc", text)
        self.accepts("src/rpc/a_test.cc", text)

    def test_limits_that_nothing_uses_or_no_test_names(self):
        header = {"src/raft/limits.h": HEADER + "struct Limits {\n  int bytes_max = f(1, {2}), count_max{3};\n"
                                                "  std::function<void(int a)> hook;\n  int size() const { return 1; }\n};\n"}
        use = {"src/raft/a.cc": "int a = limits.bytes_max + limits->count_max + limits.hook(1);\n"}
        named = {"src/raft/a_test.cc": "Limits a{.bytes_max = 1, .count_max = 2};\nb.hook = 1;\n"}
        for files, lines in [(header, [4, 4, 5]), (header | use, [4, 4, 5]), (header | use | named, []),
                             (header | use | {"test/sim/a.h": HEADER + "a.bytes_max = b.count_max = c.hook;\n"}, []),
                             (header | use | {"src/rpc/a_test.cc": named["src/raft/a_test.cc"]}, [4, 4, 5])]:
            with self.subTest(files=sorted(files)):
                found = self.check_files(files)
                self.assertEqual([("src/raft/limits.h", line, "limits") for line in lines], [f[:3] for f in found])

    def test_lengths(self):
        body = "  x();\n"
        self.reports("length", "src/rpc/a.cc", "// a\n" * 601)
        self.reports("length", "src/rpc/a.cc", "void f(int a,\n       int b) {\n" + body * 69 + "}\n")
        self.reports("length", "src/rpc/a.cc", "struct S {\n  S() : a_(1) {\n" + body * 69 + "  }\n};\n")
        self.accepts("src/rpc/a.cc", "struct S {\n" + "  int f() { return 1; }\n" * 200 + "};\n")
        self.accepts("src/rpc/a.cc", "namespace a {\nvoid f() {\n" + body * 68 + "}\n" + "void g() {\n}\n" * 40 + "}\n")
        self.reports("length", "docs/adr/0001-a.md", "line\n" * 41)

    def test_headers(self):
        self.reports("header", "src/rpc/a.h", "#pragma once\n")
        self.reports("header", "src/rpc/a.h", "// A thing.\n")
        self.reports("header", "src/rpc/a.h", "// A thing.\n#include <map>\n#pragma once\n")

    def test_testdata(self):
        self.reports("testdata", "src/raft/testdata/a.txt", "")
        self.reports("testdata", "src/raft/testdata/folder", None)

    def test_links(self):
        self.reports("link", "docs/other.md", "[x](nowhere.md)\n")
        self.reports("link", "docs/other.md", "[x](page.md#nothing)\n")
        self.reports("link", "docs/other.md", "[x](#nothing)\n")
        self.accepts("docs/other.md", "[x](https://example.org/a) [y](../README.md)\n")

    def test_files_that_nothing_builds(self):
        self.reports("built", "src/rpc/deep/a.cc", "int a;\n")
        self.reports("built", "bench/a.cc", "int a;\n")
        lists = {"CMakeLists.txt": CLEAN["CMakeLists.txt"] + "add_subdirectory(bench)\n",
                 "bench/CMakeLists.txt": "file(GLOB a ${CMAKE_CURRENT_SOURCE_DIR}/deep/*.cc)\n"}
        self.assertEqual([], self.check_files(lists | {"bench/deep/a.cc": "int a;\n"}))
        self.assertEqual(["built"], [rule for _, _, rule, _ in self.check_files(lists | {"bench/other.cc": "int a;\n"})])


if __name__ == "__main__":
    unittest.main()
