// Leases: which there are, what is left of them, which keys go with them.
import { Component, h } from "preact";
import { Lease, leases } from "./api";
import { fromJson, show, toPath } from "./bytes";
import { Confirm, Empty, Failure } from "./parts";

interface State {
  found?: Lease[];
  more?: boolean;
  open?: Lease;
  failure?: unknown;
  revoking?: Lease;
  ttl: string; // of the next one
}

const kRefreshMs = 2000;
const kKeysMax = 200;

export class Leases extends Component<{}, State> {
  state: State = { ttl: "60s" };
  private timer = 0;
  private gone = false;

  componentDidMount() {
    this.refresh();
  }
  componentWillUnmount() {
    this.gone = true;
    clearTimeout(this.timer);
  }

  private refresh = async () => {
    clearTimeout(this.timer);
    try {
      const wanted = Math.max(1, Math.ceil((this.state.found?.length ?? 0) / 100));
      let found: Lease[] = [],
        more = true;
      for (let page = 0; page < wanted && more; page += 1) {
        const next = await leases.list(found.length ? found[found.length - 1].id : undefined);
        found = found.concat(next.leases);
        more = next.more;
      }
      const open =
        this.state.open && found.some((each) => each.id === this.state.open!.id)
          ? await leases.look(this.state.open.id).catch(() => undefined)
          : undefined;
      this.setState({ found, more, open, failure: undefined });
    } catch (failure) {
      this.setState({ failure });
    }
    clearTimeout(this.timer);
    if (!this.gone) this.timer = window.setTimeout(this.refresh, kRefreshMs);
  };
  private run = (what: () => Promise<unknown>) => async () => {
    try {
      await what();
      await this.refresh();
    } catch (failure) {
      this.setState({ failure });
    }
  };
  private look = (id: string) =>
    this.run(async () => this.setState({ open: this.state.open?.id === id ? undefined : await leases.look(id) }));
  private more = this.run(async () => {
    const found = this.state.found!;
    const next = await leases.list(found[found.length - 1].id);
    this.setState({ found: found.concat(next.leases), more: next.more });
  });
  private grant = (event: Event) => {
    event.preventDefault();
    this.run(() => leases.grant(this.state.ttl))();
  };

  render(_: {}, { found, more, open, failure, revoking, ttl }: State) {
    return (
      <section aria-labelledby="title">
        <h1 id="title">Leases</h1>
        {failure !== undefined && <Failure of={failure} />}
        <div class="card">
          {!found ? (
            failure === undefined && <Empty>Loading the leases…</Empty>
          ) : found.length === 0 ? (
            <Empty>No leases. A key that is written with a TTL brings one; locks and elections stand on them.</Empty>
          ) : (
            <div class="scroll" tabIndex={0} role="region" aria-label="Leases">
              <table class="stacks">
                <thead>
                  <tr>
                    <th scope="col">Lease</th>
                    <th scope="col">Time</th>
                    <th scope="col">Keys</th>
                    <th scope="col">
                      <span class="hidden">Actions</span>
                    </th>
                  </tr>
                </thead>
                <tbody>{found.map((each) => this.row(each, open))}</tbody>
              </table>
            </div>
          )}
          {more && <button onClick={this.more}>Show more</button>}
        </div>
        <form class="card inline" onSubmit={this.grant}>
          <label>
            A new one, for{" "}
            <input
              name="ttl"
              value={ttl}
              onInput={(event: any) => this.setState({ ttl: event.target.value })}
              size={6}
              required
              pattern="[0-9]+[smh]?"
              title="seconds, or a number with s, m or h"
            />
          </label>
          <button type="submit">Grant</button>
        </form>
        {revoking && (
          <Confirm
            title="Revoke this lease?"
            act="Revoke"
            onClose={() => this.setState({ revoking: undefined })}
            onAct={async () => (await leases.revoke(revoking.id), this.refresh())}
          >
            <p>
              Lease <code>{revoking.id}</code> ends at once, and{" "}
              {revoking.keys?.length
                ? `its ${revoking.keys.length === 1 ? "key goes" : `${revoking.keys.length} keys go`} with it: whoever relies on them (a lock, a registration) loses them.`
                : "no key goes with it."}
            </p>
          </Confirm>
        )}
      </section>
    );
  }

  private row(each: Lease, open?: Lease) {
    const keys = open?.id === each.id ? open.keys! : undefined;
    return (
      <tr key={each.id}>
        <th scope="row">
          <code>{each.id}</code>
        </th>
        <td>{keys ? `${open!.ttl} s left of ${open!.granted_ttl} s` : `${each.ttl} s`}</td>
        <td>
          <button class="plain" aria-expanded={keys ? "true" : "false"} onClick={this.look(each.id)}>
            {keys ? "Hide keys" : "Show keys"}
          </button>
          {keys && keys.length === 0 && <span class="empty"> none</span>}
          {keys && (
            <ul class="keys">
              {keys
                .slice(0, kKeysMax)
                .map(fromJson)
                .map((key) => (
                  <li key={"=" + key}>
                    <a href={`#/keys/${toPath(key)}`}>{show(key)}</a>
                  </li>
                ))}
            </ul>
          )}
          {keys && keys.length > kKeysMax && <span class="note">and {keys.length - kKeysMax} more</span>}
        </td>
        <td class="acts">
          <button onClick={this.run(() => leases.keepAlive(each.id))}>Keep alive</button>{" "}
          <button
            class="danger"
            onClick={this.run(async () => this.setState({ revoking: await leases.look(each.id) }))}
          >
            Revoke
          </button>
        </td>
      </tr>
    );
  }
}
