#!/usr/bin/env python3
"""Makes the console's files a source file of the program: embed.py OUT.cc FILE...   (src/api/console_files.h)

The same files give the same output, byte for byte. index.html is the file without a name.
"""

import gzip
import hashlib
import sys
from pathlib import Path

CONTENT_TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
                 ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
ROW_BYTES = 32


def array(name, data):
    rows = (",".join(str(byte) for byte in data[at:at + ROW_BYTES]) for at in range(0, len(data), ROW_BYTES))
    return f"constexpr unsigned char {name}[] = {{\n" + ",\n".join(rows) + "};\n"


def main():
    out, *paths = map(Path, sys.argv[1:])
    arrays, rows = [], []
    for number, path in enumerate(paths):
        plain = path.read_bytes()
        packed = gzip.compress(plain, 9, mtime=0)
        arrays += [array(f"kPlain{number}", plain), array(f"kGzip{number}", packed)]
        name = "" if path.name == "index.html" else path.name
        digest = hashlib.sha256(plain).hexdigest()[:32]
        rows.append(f'    {{"{name}", "{CONTENT_TYPES[path.suffix]}", "{digest}", text(kPlain{number}), text(kGzip{number})}},\n')
    out.write_text('#include "api/console_files.h"\n\nnamespace cairn::api {\nnamespace {\n\n' + "\n".join(arrays) + """
template <std::size_t kBytes>
std::string_view text(const unsigned char (&bytes)[kBytes]) {
  return {reinterpret_cast<const char*>(bytes), kBytes};
}

}  // namespace

std::span<const ConsoleFile> console_files() {
  static const ConsoleFile kFiles[] = {
""" + "".join(rows) + "  };\n  return kFiles;\n}\n\n}  // namespace cairn::api\n")


if __name__ == "__main__":
    main()
