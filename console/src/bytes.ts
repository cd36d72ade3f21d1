// Keys and values are bytes, and anybody may have written them. Here they are strings of which every character is one
// byte (0 to 255): these compare, slice and sort as the store does. What is shown of them is only ever put into the
// page as text.

export type Bytes = string;
export type JsonBytes = string | { base64: string };

export const fromUtf8 = (text: string): Bytes => {
  let bytes = "";
  for (const byte of new TextEncoder().encode(text)) bytes += String.fromCharCode(byte);
  return bytes;
};
export const fromJson = (value: JsonBytes): Bytes => (typeof value === "string" ? fromUtf8(value) : atob(value.base64));
export const toArray = (bytes: Bytes): Uint8Array => Uint8Array.from(bytes, (c) => c.charCodeAt(0));

// Null: they are not UTF-8.
export const toUtf8 = (bytes: Bytes): string | null => {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(toArray(bytes));
  } catch {
    return null;
  }
};

const hexOf = (byte: number): string => byte.toString(16).padStart(2, "0");

// For one line: what would not be seen, or would turn the direction of what follows, is escaped.
export const show = (bytes: Bytes, most = 200): string => {
  const text = toUtf8(bytes);
  const shown =
    text === null
      ? bytes.slice(0, most).replace(/[^ -~]/g, (c) => "\\x" + hexOf(c.charCodeAt(0)))
      : text
          .slice(0, most)
          .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (c) =>
            c === "\n" ? "\u23ce" : c === "\t" ? "\u21e5" : `\\u{${c.codePointAt(0)!.toString(16)}}`,
          );
  return (text ?? bytes).length > most ? shown + "\u2026" : shown;
};

export const toBase64Url = (bytes: Bytes): string =>
  btoa(bytes).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

// In the address of the page, so that it can be read and sent on; slashes stay.
export const toPath = (bytes: Bytes): string =>
  bytes.replace(/[^A-Za-z0-9\-._~/]/g, (c) => "%" + hexOf(c.charCodeAt(0)));
export const fromPath = (path: string): Bytes =>
  fromUtf8(path).replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));

// The first key behind all that begin so; "": there is none.
export const prefixEnd = (prefix: Bytes): Bytes => {
  const kept = prefix.replace(/\xff+$/, "");
  return kept === "" ? "" : kept.slice(0, -1) + String.fromCharCode(kept.charCodeAt(kept.length - 1) + 1);
};

export const toHex = (bytes: Bytes): string => Array.from(bytes, (c) => hexOf(c.charCodeAt(0))).join(" ");
// Null: it is none.
export const fromHex = (hex: string): Bytes | null => {
  const digits = hex.replace(/\s+/g, "");
  if (digits.length % 2 !== 0 || /[^0-9a-fA-F]/.test(digits)) return null;
  return digits.replace(/../g, (pair) => String.fromCharCode(parseInt(pair, 16)));
};
// Offset, sixteen bytes, and these as text.
export const hexDump = (bytes: Bytes): string => {
  const lines = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.slice(at, at + 16);
    lines.push(`${at.toString(16).padStart(6, "0")}  ${toHex(row).padEnd(47)}  ${row.replace(/[^ -~]/g, ".")}`);
  }
  return lines.join("\n");
};

export const prettyJson = (text: string): string | null => {
  try {
    const value = JSON.parse(text);
    if (value === null || typeof value !== "object") return null;
    return JSON.stringify(value, null, 2);
  } catch {
    return null;
  }
};

export const size = (count: number): string => {
  if (count < 1024) return `${count} B`;
  const unit = Math.min(4, Math.floor(Math.log2(count) / 10));
  return `${(count / 1024 ** unit).toFixed(1)} ${["", "KiB", "MiB", "GiB", "TiB"][unit]}`;
};
