"""Just enough HTTP/2 and protobuf, written by hand, to say things to a server that no library would let us say."""

import socket
import struct
from urllib.parse import urlsplit

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, GOAWAY, CONTINUATION = 0, 1, 3, 4, 7, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4


def frame(kind, flags, stream, payload=b"", length=None):
    size = len(payload) if length is None else length
    return struct.pack(">I", size)[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    """A header field without indexing and without Huffman coding (RFC 7541, 6.2.2)."""
    def text(data):
        assert len(data) < 127
        return bytes([len(data)]) + data
    return b"\x00" + text(name) + text(value)


def request_headers(path, *more):
    fields = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", path), (b":authority", b"e2e"),
              (b"content-type", b"application/grpc"), (b"te", b"trailers"), *more]
    return b"".join(literal(name, value) for name, value in fields)


def message(payload, compressed=0, length=None):
    return struct.pack(">BI", compressed, len(payload) if length is None else length) + payload


def field(number, data):
    """A length-delimited protobuf field."""
    length, size = b"", len(data)
    while size >= 128:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + data


class Wire:
    """A raw connection; `tell` sends bytes and returns all that comes back until the server is silent or closes."""

    def __init__(self, url, seconds=3.0):
        address = urlsplit(url)
        self.socket = socket.create_connection((address.hostname, address.port), timeout=seconds)
        self.closed = False

    def tell(self, data, until=None):
        answer = b""
        try:
            self.socket.sendall(data)
            while not (until and until(answer)):
                piece = self.socket.recv(65536)
                if not piece:
                    self.closed = True
                    break
                answer += piece
        except TimeoutError:
            pass
        except OSError:
            self.closed = True
        return answer

    def close(self):
        self.socket.close()


def frames(data):
    """[(kind, flags, stream, payload)] of a server's bytes."""
    found = []
    while len(data) >= 9:
        length = int.from_bytes(data[:3], "big")
        found.append((data[3], data[4], int.from_bytes(data[5:9], "big"), data[9:9 + length]))
        data = data[9 + length:]
    return found


def call(url, path, body, seconds=3.0, headers=()):
    """One unary call with these headers besides the usual and exactly these bytes as its DATA: every frame that came back, and whether it hung up."""
    wire = Wire(url, seconds)
    try:
        data = PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, END_HEADERS, 1, request_headers(path, *headers))
        data += frame(DATA, END_STREAM, 1, body)
        answer = wire.tell(data, until=lambda got: any(stream == 1 and flags & END_STREAM and kind in (DATA, HEADERS)
                                                       or kind in (3, GOAWAY) for kind, flags, stream, _ in frames(got)))
        return frames(answer), wire.closed
    finally:
        wire.close()
