// The keys as a tree by "/". A folder is asked for when it is opened; of a folder inside nothing is read but its first
// key, so that a million keys in one cost a request.
import { Component, h } from "preact";
import { Refusal, kv } from "./api";
import { Bytes, prefixEnd, show, toPath } from "./bytes";
import { Empty, Failure } from "./parts";

const kPageKeys = 100;
const kMoreAtOnce = 100;

interface Child {
  key: Bytes; // of a folder, what all in it begin with
  isFolder: boolean;
}
interface Children {
  children: Child[];
  next?: Bytes; // where to go on; undefined: these are all
}

async function childrenOf(prefix: Bytes, from: Bytes, most: number): Promise<Children> {
  const children: Child[] = [];
  for (let at = from; ; ) {
    const { keys, more } = await kv.keys(at, prefixEnd(prefix), Math.min(kPageKeys, most + 1));
    for (const key of keys) {
      const slash = key.indexOf("/", prefix.length);
      const child = slash < 0 ? { key, isFolder: false } : { key: key.slice(0, slash + 1), isFolder: true };
      const last = children[children.length - 1];
      if (last?.key === child.key && last.isFolder === child.isFolder) continue;
      if (children.length === most) return { children, next: child.key };
      children.push(child);
    }
    const last = children[children.length - 1];
    at = last?.isFolder ? prefixEnd(last.key) : keys.length ? keys[keys.length - 1] + "\0" : "";
    if (!more || at === "") return { children };
  }
}

interface Props {
  prefix: Bytes;
  shownFrom: number; // the beginning of the keys that the folders above show already
  registry: Set<Folder>;
  selected?: Bytes;
  isRoot?: boolean;
}
interface State extends Partial<Children> {
  open: boolean;
  failure?: unknown;
}

export class Folder extends Component<Props, State> {
  state: State = { open: this.props.isRoot === true };

  componentDidMount() {
    this.props.registry.add(this);
    if (this.props.isRoot) this.reload();
  }
  componentWillUnmount() {
    this.props.registry.delete(this);
  }

  holds = (key: Bytes) => this.state.open && key.startsWith(this.props.prefix);
  reload = () => this.load(this.props.prefix, [], Math.max(kMoreAtOnce, this.state.children?.length ?? 0));
  private more = () => this.load(this.state.next!, this.state.children!, kMoreAtOnce);
  private async load(from: Bytes, before: Child[], most: number) {
    try {
      const { children, next } = await childrenOf(this.props.prefix, from, most);
      this.setState({ children: before.concat(children), next, failure: undefined });
    } catch (failure) {
      this.setState({ failure });
    }
  }
  private toggled = (event: Event) => {
    const open = (event.currentTarget as HTMLDetailsElement).open;
    if (open === this.state.open) return;
    this.setState({ open });
    if (open) this.reload();
  };

  render(props: Props, state: State) {
    if (props.isRoot)
      return (
        <ul class="tree" onKeyDown={moveByArrows as any}>
          {this.inside(props, state)}
        </ul>
      );
    return (
      <li>
        <details open={state.open} onToggle={this.toggled as any}>
          <summary>{show(props.prefix.slice(props.shownFrom))}</summary>
          <ul>{state.open && this.inside(props, state)}</ul>
        </details>
      </li>
    );
  }

  private inside({ prefix, shownFrom, registry, selected, isRoot }: Props, { children, next, failure }: State) {
    const from = isRoot ? shownFrom : prefix.length;
    if (failure instanceof Refusal && failure.status === 403)
      return [
        <li key="f">
          <Empty>You may not read all keys that begin so. Type the beginning of those that you may.</Empty>
        </li>,
      ];
    if (failure !== undefined)
      return [
        <li key="f">
          <Failure of={failure} />
        </li>,
      ];
    if (!children)
      return [
        <li key="l">
          <Empty>Loading…</Empty>
        </li>,
      ];
    if (children.length === 0)
      return [
        <li key="e">
          <Empty>{prefix === "" ? "No keys yet." : "No key begins so."}</Empty>
        </li>,
      ];
    const items = children.map(({ key, isFolder }) =>
      isFolder ? (
        <Folder key={"d" + key} prefix={key} shownFrom={from} registry={registry} selected={selected} />
      ) : (
        <li key={"k" + key}>
          <a class="leaf" href={`#/keys/${toPath(key)}`} aria-current={selected === key ? "true" : undefined}>
            {show(key.slice(from)) || "(its folder's own)"}
          </a>
        </li>
      ),
    );
    if (next !== undefined)
      items.push(
        <li key="m">
          <button onClick={this.more}>Show more</button>
        </li>,
      );
    return items;
  }
}

// Up and down along what is seen, right and left into folders and out of them.
function moveByArrows(event: KeyboardEvent): void {
  const at = event.target as HTMLElement;
  const tree = event.currentTarget as HTMLElement;
  const all = Array.from(tree.querySelectorAll<HTMLElement>("summary, a.leaf, button")).filter(
    (each) => each.offsetParent !== null,
  );
  const index = all.indexOf(at);
  if (index < 0) return;
  const folder = at.tagName === "SUMMARY" ? (at.parentElement as HTMLDetailsElement) : undefined;
  const outside = (folder ?? at).parentElement!.closest("details")?.querySelector<HTMLElement>("summary");
  const moves: Record<string, () => void> = {
    ArrowDown: () => all[index + 1]?.focus(),
    ArrowUp: () => all[index - 1]?.focus(),
    ArrowRight: () => (folder && !folder.open ? (folder.open = true) : folder && all[index + 1]?.focus()),
    ArrowLeft: () => (folder?.open ? (folder.open = false) : outside?.focus()),
    Home: () => all[0].focus(),
    End: () => all[all.length - 1].focus(),
  };
  if (!moves[event.key]) return;
  event.preventDefault();
  moves[event.key]();
}
