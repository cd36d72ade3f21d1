"""The fuzz targets are built by clang, and by nothing else; so that they can be when they are needed, clang reads each
here. usage: clang_check.py compile_commands.json"""
import concurrent.futures
import json
import os
import shlex
import shutil
import subprocess
import sys

SKIPPED = 77
CLANG = "clang++"


def complaints(entry):
    words = shlex.split(entry["command"])[1:]
    at = words.index("-o")
    reading = [CLANG, "-fsyntax-only", *words[:at], *words[at + 2:]]
    return subprocess.run(reading, cwd=entry["directory"], capture_output=True, text=True).stderr


def main():
    if shutil.which(CLANG) is None:
        print("skipped: there is no", CLANG)
        return SKIPPED
    with open(sys.argv[1], encoding="utf-8") as file:
        targets = [entry for entry in json.load(file) if entry["file"].endswith("_fuzz.cc")]
    assert targets, "no fuzz target is in " + sys.argv[1]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = "".join(pool.map(complaints, targets))
    print(found, end="")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
