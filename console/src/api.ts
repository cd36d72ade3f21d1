// The one place that asks members anything. Nobody but the members of this cluster is ever asked.
import { Bytes, JsonBytes, fromJson, toArray, toBase64Url } from "./bytes";

// application/problem+json, or what stands for it when nothing was answered.
export class Refusal extends Error {
  constructor(
    readonly status: number, // 0: no answer came
    readonly code: string,
    title: string,
    readonly detail = "",
    readonly hint = "",
  ) {
    super(title);
  }
}

export interface Pair {
  key: Bytes;
  value: Bytes;
  create_revision: number;
  mod_revision: number;
  version: number;
  lease?: string;
}
interface JsonPair extends Omit<Pair, "key" | "value"> {
  key: JsonBytes;
  value?: JsonBytes;
}
const pairOf = (json: JsonPair): Pair => ({ ...json, key: fromJson(json.key), value: fromJson(json.value ?? "") });

// The login: gone with the tab, and sent to nobody but members.
const kToken = "cairn-token";
export const login = {
  token: () => sessionStorage.getItem(kToken),
  set: (token: string) => sessionStorage.setItem(kToken, token),
  forget: () => sessionStorage.removeItem(kToken),
  demanded: () => {}, // whom to tell that a member wants to know who asks
};

export interface Ask {
  method?: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  base?: string; // of another member; this page's own otherwise
  timeoutMs?: number;
  signal?: AbortSignal;
}

const kTimeoutMs = 10000;

async function problemOf(response: Response): Promise<Refusal> {
  const said = await response.json().catch(() => ({}));
  return new Refusal(
    response.status,
    said.code ?? "",
    said.title ?? said.message ?? `the member answered ${response.status}`,
    said.detail,
    said.hint,
  );
}

// A write is passed on by whichever member this is (Cairn-Route), so that it needs no other origin. `omit`: browsers
// would ask for a password by themselves.
export async function ask(
  target: string,
  { method = "GET", headers = {}, body, base = "", timeoutMs = kTimeoutMs, signal }: Ask = {},
): Promise<Response> {
  const token = login.token();
  const all: Record<string, string> = { accept: "application/json", ...headers };
  if (token) all.authorization = `Bearer ${token}`;
  if (method !== "GET") all["cairn-route"] = "forward";
  const stop = new AbortController();
  signal?.addEventListener("abort", () => stop.abort());
  const timer = timeoutMs ? setTimeout(() => stop.abort(), timeoutMs) : 0;
  try {
    const response = await fetch(base + target, {
      method,
      headers: all,
      body,
      signal: stop.signal,
      credentials: "omit",
      cache: "no-store",
      redirect: "error",
      referrerPolicy: "no-referrer",
    });
    if (response.ok) return response;
    const refusal = await problemOf(response);
    if (response.status === 401 && !base) login.demanded();
    throw refusal;
  } catch (error) {
    if (error instanceof Refusal || signal?.aborted) throw error;
    const is_write = method !== "GET";
    throw new Refusal(
      0,
      "no_answer",
      stop.signal.aborted ? "The member did not answer in time" : "The member does not answer",
      is_write ? "It is not known whether the write was made." : "",
      is_write ? "Look at the key again before you repeat it." : "",
    );
  } finally {
    clearTimeout(timer);
  }
}

export const askJson = async (target: string, options?: Ask) => (await ask(target, options)).json();

const query = (values: Record<string, string | number | undefined>): string =>
  Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${encodeURIComponent(value!)}`)
    .join("&");
const keyPath = (key: Bytes, more: Record<string, string | number | undefined> = {}) =>
  `/v1/kv/${toBase64Url(key)}?${query({ enc: "base64url", ...more })}`;
const json = (body: unknown): Ask => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});

export const kv = {
  // Undefined: it is not there, or was not at that revision.
  async get(key: Bytes, rev?: number): Promise<Pair | undefined> {
    try {
      return pairOf(await askJson(keyPath(key, { rev, consistency: "linearizable" })));
    } catch (error) {
      if (error instanceof Refusal && error.code === "key_not_found") return undefined;
      throw error;
    }
  },
  // The revision that it has now. `onlyIf`: that it has to have before, or 0 if it must not be there. A lease stays, if it is named.
  async put(key: Bytes, value: Bytes, onlyIf: number, keep: { lease?: string; ttl?: string } = {}): Promise<number> {
    const headers: Record<string, string> = onlyIf === 0 ? { "if-none-match": "*" } : { "if-match": `"${onlyIf}"` };
    const response = await ask(keyPath(key, keep), { method: "PUT", headers, body: toArray(value) });
    return Number(response.headers.get("cairn-revision"));
  },
  async remove(key: Bytes, onlyIf: number): Promise<void> {
    await ask(keyPath(key), { method: "DELETE", headers: { "if-match": `"${onlyIf}"` } });
  },
  async keys(from: Bytes, to: Bytes, limit: number): Promise<{ keys: Bytes[]; more: boolean; revision: number }> {
    const range = { from: from ? toBase64Url(from) : undefined, to: to ? toBase64Url(to) : undefined };
    const body = await askJson(
      `/v1/kv?${query({ enc: "base64url", ...range, limit, keys_only: "true", consistency: "linearizable" })}`,
    );
    return { keys: body.kvs.map((each: JsonPair) => fromJson(each.key)), more: body.more, revision: body.revision };
  },
  async count(prefix: Bytes): Promise<number> {
    const body = await askJson(
      `/v1/kv?${query({ enc: "base64url", prefix: toBase64Url(prefix), count_only: "true", consistency: "linearizable" })}`,
    );
    return body.count;
  },
};

export interface Lease {
  id: string;
  ttl: number;
  granted_ttl?: number;
  keys?: JsonBytes[];
}
export const leases = {
  list: (after?: string): Promise<{ leases: Lease[]; more: boolean }> =>
    askJson(`/v1/leases?${query({ limit: 100, after })}`),
  look: (id: string): Promise<Lease> => askJson(`/v1/leases/${id}?keys=true`),
  grant: (ttl: string): Promise<Lease> => askJson("/v1/leases", json({ ttl })),
  keepAlive: (id: string): Promise<Lease> => askJson(`/v1/leases/${id}/keep-alive`, { method: "POST" }),
  revoke: (id: string): Promise<unknown> => askJson(`/v1/leases/${id}`, { method: "DELETE" }),
};

export async function authenticate(name: string, password: string): Promise<void> {
  try {
    login.set((await askJson("/v3/auth/authenticate", json({ name, password }))).token);
  } catch (error) {
    if (!(error instanceof Refusal) || error.status === 0) throw error;
    if (error.code === "no_such_path")
      throw new Refusal(
        404,
        error.code,
        "This member gives out no logins over HTTP",
        "It was started with --enable-grpc-gateway=false.",
        "Open the console at a member that has the gateway.",
      );
    throw new Refusal(error.status, error.code, "That is no user, or not the password", error.message);
  }
}

export interface Change {
  type: "put" | "delete";
  revision: number;
  pair: Pair; // of a deletion the key alone
}
interface Told {
  type: "started" | "changes" | "progress" | "ended";
  revision?: number;
  code?: string;
  title?: string;
  hint?: string;
  compact_revision?: number;
  events?: (JsonPair & { type: "put" | "delete" })[];
}

export interface Watcher {
  live(): void;
  changed(changes: Change[]): void;
  missed(): void; // it has to look at everything again: what happened meanwhile is not known
  waits(why: string): void;
}

const pause = (ms: number, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()));
  });

async function* eventsOf(response: Response): AsyncGenerator<Told> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ; ) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    for (let end; (end = rest.indexOf("\n\n")) >= 0; rest = rest.slice(end + 2)) {
      const data = rest
        .slice(0, end)
        .split("\n")
        .find((line) => line.startsWith("data: "));
      if (data) yield JSON.parse(data.slice(6));
    }
  }
}

const kRetryMs = 1000;

// Until `signal`: goes on where it was when the connection breaks. Not by EventSource, which could not say whose it is.
export async function watch(prefix: Bytes, tell: Watcher, signal: AbortSignal): Promise<void> {
  for (let next: number | undefined; !signal.aborted; await pause(kRetryMs, signal)) {
    try {
      const target = `/v1/watch?${query({ enc: "base64url", prefix: toBase64Url(prefix), from: next })}`;
      const response = await ask(target, { headers: { accept: "text/event-stream" }, timeoutMs: 0, signal });
      for await (const told of eventsOf(response)) {
        if (told.type === "ended") {
          if (told.code === "compacted") next = undefined;
          tell.waits(told.title ?? "");
          break;
        }
        if (told.type === "started") {
          tell.live();
          if (next === undefined) tell.missed();
        }
        if (told.revision !== undefined) next = told.revision + 1;
        if (told.events)
          tell.changed(
            told.events.map((each) => ({ type: each.type, revision: each.mod_revision, pair: pairOf(each) })),
          );
      }
      if (!signal.aborted) tell.waits("the connection ended");
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refusal && error.code === "compacted") next = undefined;
      tell.waits(error instanceof Error ? error.message : "");
    }
  }
}
