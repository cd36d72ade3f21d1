// One key: what it is, what it was, and changing it without writing over what somebody else wrote meanwhile.
import { Component, h } from "preact";
import { Change, Pair, Refusal, kv } from "./api";
import { Bytes, fromHex, fromUtf8, prettyJson, show, toHex, toUtf8 } from "./bytes";
import { Confirm, Empty, Failure, Fact, number } from "./parts";
import { Value, isPlainText } from "./value";

interface Draft {
  text: string;
  isHex: boolean;
  base: number; // the revision that it is a change of; 0: the key was not there
  ttl: string;
}
// What somebody has typed stays, wherever in the console they look meanwhile.
const drafts = new Map<Bytes, Draft>();
window.addEventListener("beforeunload", (event) => drafts.size > 0 && event.preventDefault());

const draftOf = (value: Bytes, base: number): Draft => {
  const isHex = !isPlainText(value);
  return { text: isHex ? toHex(value) : toUtf8(value)!, isHex, base, ttl: "" };
};
export const beginNew = (key: Bytes) => void (drafts.has(key) || drafts.set(key, draftOf("", 0)));

interface Props {
  name: Bytes;
  registry: Set<Key>; // who hears of changes
}
interface State {
  pair?: Pair;
  isLoaded?: boolean;
  failure?: unknown;
  saveFailure?: unknown;
  saved?: string;
  busy?: boolean;
  deleting?: boolean;
  past?: Pair[];
  pastEnd?: string; // why there is no more
}

const kPastAtOnce = 10;

export class Key extends Component<Props, State> {
  private editor?: HTMLTextAreaElement;
  private loads = 0;

  componentDidMount() {
    this.props.registry.add(this);
    this.load();
  }
  componentWillUnmount() {
    this.props.registry.delete(this);
  }
  private draft = () => drafts.get(this.props.name);
  private setDraft(draft?: Draft) {
    if (draft) drafts.set(this.props.name, draft);
    else drafts.delete(this.props.name);
    this.setState({});
  }

  load = async () => {
    const load = ++this.loads;
    try {
      const pair = await kv.get(this.props.name);
      if (load === this.loads) this.setState({ pair, isLoaded: true, failure: undefined });
    } catch (failure) {
      if (load === this.loads) this.setState({ failure });
    }
  };
  // Somebody, perhaps this page, has changed it.
  changed(change: Change) {
    if (change.revision <= (this.state.pair?.mod_revision ?? 0)) return;
    this.loads += 1; // what is still under way is older
    this.setState({
      pair: change.type === "put" ? change.pair : undefined,
      isLoaded: true,
      past: undefined,
      pastEnd: undefined,
    });
  }

  edit = () => {
    if (!this.state.isLoaded) return;
    if (!this.draft()) this.setDraft(draftOf(this.state.pair?.value ?? "", this.state.pair?.mod_revision ?? 0));
    setTimeout(() => this.editor?.focus(), 0);
  };
  private save = async (event?: Event) => {
    event?.preventDefault();
    const draft = this.draft()!;
    const value = draft.isHex ? fromHex(draft.text) : fromUtf8(draft.text);
    if (value === null)
      return this.setState({ saveFailure: new Error("This is no hex: two digits of 0-9 and a-f for each byte.") });
    this.setState({ busy: true, saveFailure: undefined });
    try {
      const revision = await kv.put(this.props.name, value, draft.base, {
        lease: draft.base ? this.state.pair?.lease : undefined,
        ttl: draft.base === 0 && draft.ttl ? draft.ttl : undefined,
      });
      this.setDraft();
      this.setState({
        busy: false,
        saved: `Saved as revision ${number(revision)}.`,
        past: undefined,
        pastEnd: undefined,
      });
    } catch (failure) {
      this.setState({
        busy: false,
        saveFailure: failure instanceof Refusal && failure.status === 412 ? undefined : failure,
      });
    }
    await this.load(); // after a conflict: with what is there now
  };
  private rebase = (onto: number) => {
    this.setDraft({ ...this.draft()!, base: onto });
    this.save();
  };
  private discard = () => {
    this.setDraft();
    this.setState({ saveFailure: undefined });
  };

  private older = async () => {
    const past = this.state.past ?? [];
    let oldest = past.length ? past[past.length - 1] : this.state.pair!;
    const found: Pair[] = [];
    let end: string | undefined;
    try {
      while (found.length < kPastAtOnce && oldest.version > 1) {
        const one = await kv.get(this.props.name, oldest.mod_revision - 1);
        if (!one) break;
        found.push((oldest = one));
      }
      if (oldest.version <= 1) end = `Created at revision ${number(oldest.mod_revision)}.`;
    } catch (failure) {
      if (!(failure instanceof Refusal) || failure.code !== "compacted") return this.setState({ failure });
      end = "What was before has been compacted.";
    }
    this.setState({ past: past.concat(found), pastEnd: end });
  };

  render({ name }: Props, state: State) {
    const { pair, isLoaded, failure, saved, deleting } = state;
    const draft = this.draft();
    return (
      <article class="card key" aria-labelledby="key">
        <h2 id="key" class="name">
          {show(name, 2000)}
        </h2>
        {failure !== undefined && <Failure of={failure} />}
        {saved && !draft && (
          <p class="saved" role="status">
            {saved}
          </p>
        )}
        {!isLoaded ? (
          failure === undefined && <Empty>Loading the key…</Empty>
        ) : pair ? (
          this.facts(pair)
        ) : (
          <Empty>There is no such key{draft && draft.base === 0 ? " yet" : ""}.</Empty>
        )}
        {isLoaded && draft && this.form(draft, state)}
        {isLoaded && !draft && pair && <Value of={pair.value} />}
        {isLoaded && !draft && (
          <div class="actions">
            <button onClick={this.edit}>{pair ? "Edit" : "Create it"}</button>
            {pair && (
              <button class="danger" onClick={() => this.setState({ deleting: true })}>
                Delete…
              </button>
            )}
          </div>
        )}
        {pair && !draft && this.past(pair, state)}
        {deleting && pair && (
          <Confirm
            title="Delete this key?"
            act="Delete"
            onClose={() => this.setState({ deleting: false })}
            onAct={async () => (await kv.remove(name, pair.mod_revision), this.load())}
          >
            <p>
              <code class="name">{show(name)}</code>, as of revision {number(pair.mod_revision)}. If somebody changes it
              first, nothing is deleted.
            </p>
          </Confirm>
        )}
      </article>
    );
  }

  private facts(pair: Pair) {
    return (
      <dl class="facts">
        <Fact name="Revision">{number(pair.mod_revision)}</Fact>
        <Fact name="Version">{number(pair.version)}</Fact>
        <Fact name="Created at">{number(pair.create_revision)}</Fact>
        <Fact name="Lease">
          {pair.lease ? (
            <a href="#/leases">
              <code>{pair.lease}</code>
            </a>
          ) : (
            "none"
          )}
        </Fact>
      </dl>
    );
  }

  private conflict(draft: Draft, pair: Pair | undefined) {
    const now = pair?.mod_revision ?? 0;
    if (draft.base === now) return null;
    return (
      <div class="failure conflict" role="alert">
        <strong>
          {!pair
            ? "Somebody has deleted the key meanwhile."
            : draft.base === 0
              ? "The key is there already."
              : `Somebody has written revision ${number(now)} meanwhile.`}
        </strong>
        <span>
          {" "}
          Yours is below, untouched{draft.base ? `; it was made of revision ${number(draft.base)}` : ""}. Nothing is
          written over unless you say so.
        </span>
        {pair && (
          <div class="theirs">
            <h3>What is there now</h3>
            <Value of={pair.value} />
          </div>
        )}
        <div class="actions">
          <button type="button" onClick={this.discard}>
            {pair ? "Take theirs" : "Leave it deleted"}
          </button>
          <button type="button" class="danger" onClick={() => this.rebase(now)}>
            {pair ? "Write mine over it" : "Create it again with mine"}
          </button>
        </div>
      </div>
    );
  }

  private form(draft: Draft, { pair, saveFailure, busy }: State) {
    const inConflict = draft.base !== (pair?.mod_revision ?? 0);
    const wasJson = !draft.isHex && pair !== undefined && prettyJson(toUtf8(pair.value) ?? "") !== null;
    const keys = (event: KeyboardEvent) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !inConflict) this.save(event);
    };
    return (
      <form onSubmit={this.save}>
        {this.conflict(draft, pair)}
        {saveFailure !== undefined && <Failure of={saveFailure} />}
        <label class="editor">
          {draft.isHex ? "Value, in hex: its bytes are no plain text" : "Value"}
          <textarea
            ref={(element: any) => (this.editor = element ?? undefined)}
            spellcheck={false}
            rows={Math.min(24, Math.max(6, draft.text.split("\n").length + 1))}
            value={draft.text}
            onInput={(event: any) => this.setDraft({ ...draft, text: event.target.value })}
            onKeyDown={keys as any}
          />
        </label>
        {wasJson && prettyJson(draft.text) === null && <p class="note">It was JSON, and this is none any more.</p>}
        {draft.base === 0 && !pair && (
          <label>
            Time to live{" "}
            <input
              size={6}
              placeholder="none"
              pattern="[0-9]+[smh]?"
              title="seconds, or a number with s, m or h"
              value={draft.ttl}
              onInput={(event: any) => this.setDraft({ ...draft, ttl: event.target.value })}
            />
          </label>
        )}
        {pair?.lease && <p class="note">It stays with its lease {pair.lease}.</p>}
        <div class="actions">
          <button type="button" onClick={this.discard}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={busy || inConflict}>
            {draft.base === 0 ? "Create" : "Save"}
          </button>
        </div>
      </form>
    );
  }

  private past(pair: Pair, { past, pastEnd }: State) {
    return (
      <section class="past" aria-label="History">
        <h3>History</h3>
        {past?.map((each) => (
          <details key={each.mod_revision}>
            <summary>
              <span class="num">{number(each.mod_revision)}</span> {show(each.value, 60) || "(empty)"}
            </summary>
            <Value of={each.value} />
            <button onClick={() => (this.setDraft({ ...draftOf(each.value, pair.mod_revision) }), this.edit())}>
              Edit from this one
            </button>
          </details>
        ))}
        {pastEnd ? (
          <p class="note">{pastEnd}</p>
        ) : pair.version > 1 ? (
          <button onClick={this.older}>
            {past ? "Show older ones" : `Show what it was before (${number(pair.version - 1)})`}
          </button>
        ) : (
          <p class="note">Created at revision {number(pair.create_revision)}, and not changed since.</p>
        )}
      </section>
    );
  }
}
