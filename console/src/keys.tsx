// All keys: found by how they begin, looked at one by one, and watched as they change.
import { Component, h } from "preact";
import { Change, kv, watch } from "./api";
import { Bytes, fromUtf8, show, toPath } from "./bytes";
import { Key, beginNew } from "./key";
import { Dialog, Empty, clock, number } from "./parts";
import { Folder } from "./tree";

interface Props {
  selected?: Bytes;
  isNew: boolean;
}
interface State {
  prefix: Bytes;
  text: string;
  count?: number;
  isLive?: boolean;
  waits?: string;
  changes: (Change & { at: Date })[];
}

const kChangesMax = 100;
const kTypingMs = 200;
const kReloadMs = 500;

let searched = ""; // stays while another view is looked at

export class Keys extends Component<Props, State> {
  state: State = { prefix: fromUtf8(searched), text: searched, changes: [] };
  private folders = new Set<Folder>();
  private shown = new Set<Key>(); // the one that is open; for a moment two
  private typing = 0;
  private reloading = 0;
  private stale = new Set<Folder>();
  private watching = new AbortController();

  componentDidMount() {
    document.addEventListener("visibilitychange", this.start);
    this.start();
  }
  componentWillUnmount() {
    document.removeEventListener("visibilitychange", this.start);
    this.watching.abort();
    clearTimeout(this.typing);
    clearTimeout(this.reloading);
  }

  edit = () => this.shown.forEach((each) => each.edit());

  // A page that nobody looks at holds none of the few connections that a browser has to a member.
  private start = () => {
    this.watching.abort();
    if (document.hidden) return this.setState({ isLive: false });
    this.watching = new AbortController();
    const tell = {
      live: () => this.setState({ isLive: true, waits: undefined }),
      changed: (changes: Change[]) => this.changed(changes),
      missed: () => this.reload(Array.from(this.folders), true),
      waits: (waits: string) => this.setState({ isLive: false, waits }),
    };
    watch(this.state.prefix, tell, this.watching.signal);
  };

  private changed(changes: Change[]) {
    for (const change of changes) {
      this.shown.forEach((each) => each.props.name === change.pair.key && each.changed(change));
      if (change.type === "put" && change.pair.version > 1) continue;
      this.folders.forEach((each) => each.holds(change.pair.key) && this.stale.add(each));
    }
    if (this.stale.size) this.reload([], false);
    const at = new Date();
    this.setState({
      changes: changes
        .map((each) => ({ ...each, at }))
        .reverse()
        .concat(this.state.changes)
        .slice(0, kChangesMax),
    });
  }

  // However many come and go, the tree is read again twice a second at most.
  private reload(which: Folder[], alsoKey: boolean) {
    which.forEach((each) => this.stale.add(each));
    if (alsoKey) this.shown.forEach((each) => each.load());
    if (this.reloading) return;
    this.reloading = window.setTimeout(async () => {
      this.reloading = 0;
      const stale = Array.from(this.stale).filter((each) => this.folders.has(each) && each.state.open);
      this.stale.clear();
      stale.forEach((each) => each.reload());
      const count = await kv.count(this.state.prefix).catch(() => undefined);
      this.setState({ count });
    }, kReloadMs);
  }

  private search = (event: any) => {
    const text = (searched = event.target.value);
    this.setState({ text });
    clearTimeout(this.typing);
    this.typing = window.setTimeout(() => {
      this.setState({ prefix: fromUtf8(text), count: undefined, changes: [] });
      this.start();
    }, kTypingMs);
  };

  render({ selected, isNew }: Props, { prefix, text, count, isLive, waits, changes }: State) {
    const base = prefix.lastIndexOf("/") + 1;
    return (
      <section aria-labelledby="title" class="keys-view">
        <div class="bar">
          <h1 id="title">Keys</h1>
          <label class="search">
            <span class="hidden">Keys that begin with</span>
            <input
              id="search"
              type="search"
              value={text}
              placeholder="begins with …"
              autocomplete="off"
              autocapitalize="off"
              spellcheck={false}
              onInput={this.search}
            />
          </label>
          <span class="note" role="status">
            {count === undefined ? "" : `${number(count)} ${count === 1 ? "key" : "keys"}`}
          </span>
          <a class="button primary" href="#/new">
            New key
          </a>
        </div>
        <div class={selected === undefined ? "panes" : "panes with-key"}>
          <nav class="card" aria-label="Keys">
            <Folder
              key={"root" + prefix}
              isRoot
              prefix={prefix}
              shownFrom={base}
              registry={this.folders}
              selected={selected}
            />
          </nav>
          <div class="detail">
            {selected === undefined ? (
              <div class="card">
                <Empty>Choose a key to see its value, its history, and to change it.</Empty>
              </div>
            ) : (
              <Key key={"=" + selected} name={selected} registry={this.shown} />
            )}
          </div>
          <section class="card live" aria-labelledby="live">
            <h2 id="live">
              Changes{" "}
              <span class={`of ${isLive ? "" : "waits"}`}>
                {isLive ? "live" : waits ? `not live: ${waits}` : "connecting…"}
              </span>
            </h2>
            {changes.length === 0 ? (
              <Empty>None since this view was opened.</Empty>
            ) : (
              <ol class="changes">
                {changes.map((each) => (
                  <li key={each.revision + each.pair.key}>
                    <time>{clock(each.at)}</time> <span class={`kind ${each.type}`}>{each.type}</span>{" "}
                    <a href={`#/keys/${toPath(each.pair.key)}`}>{show(each.pair.key, 80)}</a>{" "}
                    <span class="preview">{each.type === "put" ? show(each.pair.value, 60) : ""}</span>
                  </li>
                ))}
              </ol>
            )}
          </section>
        </div>
        {isNew && <NewKey prefix={text} />}
      </section>
    );
  }
}

class NewKey extends Component<{ prefix: string }, { text: string }> {
  state = { text: this.props.prefix };
  private create = (event: Event) => {
    event.preventDefault();
    const key = fromUtf8(this.state.text);
    beginNew(key);
    location.hash = `#/keys/${toPath(key)}`;
  };
  render(_: {}, { text }: { text: string }) {
    return (
      <Dialog title="A new key" onClose={() => location.hash.startsWith("#/new") && (location.hash = "#/keys")}>
        <form onSubmit={this.create}>
          <label class="editor">
            Key{" "}
            <input
              name="key"
              required
              value={text}
              onInput={(event: any) => this.setState({ text: event.target.value })}
              autocomplete="off"
              autocapitalize="off"
              spellcheck={false}
            />
          </label>
          <div class="actions">
            <button type="button" onClick={() => (location.hash = "#/keys")}>
              Cancel
            </button>
            <button type="submit" class="primary">
              Write its value
            </button>
          </div>
        </form>
      </Dialog>
    );
  }
}
