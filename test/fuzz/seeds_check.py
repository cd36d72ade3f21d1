"""The seeds in the corpora are those that their writers write today: a format that has changed since is fuzzed, too.
usage: seeds_check.py CORPORA WRITER..."""
import subprocess
import sys
import tempfile
from pathlib import Path


def main():
    corpora, writers = Path(sys.argv[1]), sys.argv[2:]
    stale = []
    with tempfile.TemporaryDirectory() as folder:
        for writer in writers:
            subprocess.run([writer, folder], check=True)
        written = [path for path in Path(folder).rglob("*") if path.is_file()]
        assert written, "no seed was written"
        for path in written:
            kept = corpora / path.relative_to(folder)
            if not kept.exists() or kept.read_bytes() != path.read_bytes():
                stale.append(str(path.relative_to(folder)))
    if stale:
        print("not what is written today:", *sorted(stale), sep="\n  ")
        print("run", *(Path(writer).name for writer in writers), "with test/fuzz/corpora, and keep what earlier formats had "
              "under names of their own")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
