// The page: where one is, by the address behind #; the bar above all views; the login; the keyboard.
import { Component, h, render } from "preact";
import { authenticate, login } from "./api";
import { Bytes, fromPath } from "./bytes";
import { ClusterWatch } from "./cluster";
import { Keys } from "./keys";
import { Leases } from "./leases";
import { Members } from "./members";
import { Overview } from "./overview";
import { Dialog, Dot, Empty, Failure } from "./parts";

const kViews = [
  { name: "Overview", path: "overview" },
  { name: "Keys", path: "keys" },
  { name: "Members", path: "members" },
  { name: "Leases", path: "leases" },
];

interface Place {
  view: string;
  key?: Bytes;
}
const placeOf = (hash: string): Place => {
  const path = hash.replace(/^#\/?/, "");
  if (path === "new") return { view: "new" };
  const slash = path.indexOf("/");
  if (slash > 0 && path.slice(0, slash) === "keys" && slash + 1 < path.length)
    return { view: "keys", key: fromPath(path.slice(slash + 1)) };
  return { view: kViews.find((each) => each.path === path.replace(/\/$/, ""))?.path ?? "overview" };
};

const Mark = () => (
  <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
    <ellipse cx="16" cy="26" rx="13" ry="4.4" />
    <ellipse class="light" cx="15" cy="17.6" rx="9.4" ry="3.9" />
    <ellipse cx="17" cy="10.4" rx="6.4" ry="3.2" />
    <ellipse class="top" cx="15.6" cy="4.8" rx="3.8" ry="2.3" />
  </svg>
);

const kHelp = [
  ["/", "search for keys"],
  ["1 2 3 4", "overview, keys, members, leases"],
  ["n", "a new key"],
  ["e", "edit the key that is shown"],
  ["Ctrl Enter", "save"],
  ["\u2191 \u2193 \u2190 \u2192", "in the tree: along it, out of folders and into them"],
  ["Esc", "close, or leave the field"],
  ["?", "this"],
];
const Help = ({ onClose }: { onClose: () => void }) => (
  <Dialog title="Keyboard" onClose={onClose}>
    <dl class="help">
      {kHelp.map(([keys, does]) => (
        <div key={keys}>
          <dt>
            <kbd>{keys}</kbd>
          </dt>
          <dd>{does}</dd>
        </div>
      ))}
    </dl>
    <div class="actions">
      <button onClick={onClose} autofocus>
        Close
      </button>
    </div>
  </Dialog>
);

class Login extends Component<{ onDone: () => void }, { failure?: unknown; busy?: boolean }> {
  private enter = async (event: Event) => {
    event.preventDefault();
    const said = new FormData(event.target as HTMLFormElement);
    this.setState({ busy: true, failure: undefined });
    try {
      await authenticate(String(said.get("user")), String(said.get("password")));
      this.props.onDone();
    } catch (failure) {
      this.setState({ busy: false, failure });
    }
  };
  render(_: {}, { failure, busy }: { failure?: unknown; busy?: boolean }) {
    return (
      <section class="card login" aria-labelledby="title">
        <h1 id="title">Who are you?</h1>
        <p>{login.token() ? "The login has ended." : "This cluster has users, and answers nobody else."}</p>
        {location.protocol === "http:" && !/^(localhost|127\.|\[::1\])/.test(location.hostname) && (
          <p class="failure">This page came without TLS: whoever can listen on the way reads the password.</p>
        )}
        {failure !== undefined && <Failure of={failure} />}
        <form onSubmit={this.enter}>
          <label class="editor">
            User <input name="user" required autocomplete="username" autofocus />
          </label>
          <label class="editor">
            Password <input name="password" type="password" required autocomplete="current-password" />
          </label>
          <div class="actions">
            <button class="primary" type="submit" disabled={busy}>
              {busy ? "Asking…" : "Log in"}
            </button>
          </div>
        </form>
      </section>
    );
  }
}

interface State {
  place: Place;
  help?: boolean;
  demanded?: boolean; // a member wants to know who asks
  isOutdated?: boolean;
}

// At once where it is; otherwise as soon as its view is.
function focusSearch(frames = 30): void {
  const search = document.getElementById("search");
  if (search) search.focus();
  else if (frames > 0) requestAnimationFrame(() => focusSearch(frames - 1));
}

class App extends Component<{}, State> {
  state: State = { place: placeOf(location.hash) };
  private cluster = new ClusterWatch(() => this.setState({}));
  private keys?: Keys;

  componentDidMount() {
    // A login page keeps what has been typed: it is asked for once, however many requests are refused.
    login.demanded = () => {
      this.cluster.stop();
      if (!this.state.demanded) this.setState({ demanded: true });
    };
    // The policy names the members as they were when the page was loaded.
    document.addEventListener("securitypolicyviolation", () => this.setState({ isOutdated: true }));
    window.addEventListener("hashchange", () => this.setState({ place: placeOf(location.hash) }));
    document.addEventListener("keydown", this.pressed);
    this.cluster.start();
  }

  private pressed = (event: KeyboardEvent) => {
    const at = event.target as HTMLElement;
    const isField = /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName);
    if (event.key === "Escape" && isField && !at.closest("dialog")) return at.blur();
    if (
      isField ||
      event.ctrlKey ||
      event.metaKey ||
      event.altKey ||
      document.querySelector("dialog[open]") ||
      this.state.demanded
    )
      return;
    const view = kViews[Number(event.key) - 1];
    const does: Record<string, () => void> = {
      "?": () => this.setState({ help: true }),
      "/": () => {
        if (!document.getElementById("search")) location.hash = "#/keys";
        focusSearch();
      },
      n: () => (location.hash = "#/new"),
      e: () => this.keys?.edit(),
    };
    const act = view ? () => (location.hash = `#/${view.path}`) : does[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };
  private loggedIn = () => {
    this.setState({ demanded: false });
    this.cluster.start();
  };
  private logOut = () => {
    login.forget();
    location.reload();
  };

  render(_: {}, { place, help, demanded, isOutdated }: State) {
    const { picture } = this.cluster;
    const view = place.view === "new" ? "keys" : place.view;
    document.title = `${picture && picture.tone === "bad" ? "\u2715 " : ""}${kViews.find((each) => each.path === view)!.name} \u00b7 Cairn`;
    return (
      <div id="app">
        <header>
          <a class="brand" href="#/overview">
            <Mark /> Cairn
          </a>
          <nav aria-label="Views">
            {kViews.map((each) => (
              <a key={each.path} href={`#/${each.path}`} aria-current={each.path === view ? "page" : undefined}>
                {each.name}
              </a>
            ))}
          </nav>
          <div class="aside">
            {picture && (
              <a class={`pill ${picture.tone}`} href="#/overview">
                <Dot tone={picture.tone} /> {picture.title}
              </a>
            )}
            {login.token() && !demanded && (
              <button class="plain" onClick={this.logOut}>
                Log out
              </button>
            )}
            <button class="plain" aria-label="Keyboard" onClick={() => this.setState({ help: true })}>
              ?
            </button>
          </div>
        </header>
        {isOutdated && (
          <p class="outdated" role="status">
            Members have other addresses since this page was loaded.{" "}
            <button onClick={() => location.reload()}>Load it again</button>
          </p>
        )}
        <main>{demanded ? <Login onDone={this.loggedIn} /> : this.inside(view, place)}</main>
        {help && <Help onClose={() => this.setState({ help: false })} />}
      </div>
    );
  }

  private inside(view: string, place: Place) {
    const { picture, refusal } = this.cluster;
    if (!picture)
      return refusal ? (
        <div class="card">
          <h1>No answer yet</h1>
          <Failure of={refusal} />
          <p class="note">It is asked again all the time.</p>
        </div>
      ) : (
        <Empty>Asking the members…</Empty>
      );
    const others = picture.members.filter((each) => !each.own && each.status && each.client_urls.length);
    return (
      <div>
        {!picture.ownAnswers && (
          <div class="failure" role="alert">
            <strong>The member that serves this page does not answer.</strong> Keys and leases need it.{" "}
            {others.length > 0 && (
              <span>
                Go on at{" "}
                {others.map((each) => (
                  <a key={each.id} href={each.client_urls[0].replace(/\/+$/, "") + "/ui/" + location.hash}>
                    {each.name}{" "}
                  </a>
                ))}
              </span>
            )}
          </div>
        )}
        {view === "overview" && <Overview cluster={this.cluster} />}
        {view === "keys" && (
          <Keys
            ref={(keys: any) => (this.keys = keys ?? undefined)}
            selected={place.key}
            isNew={place.view === "new"}
          />
        )}
        {view === "members" && <Members picture={picture} />}
        {view === "leases" && <Leases />}
      </div>
    );
  }
}

document.addEventListener("DOMContentLoaded", () => render(<App />, document.body));
