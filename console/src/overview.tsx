// The first page: is the cluster well, who leads, who lags, who is gone.
import { h } from "preact";
import { size } from "./bytes";
import { ClusterWatch, Picture, Seen } from "./cluster";
import { Dot, Empty, Fact, clock, number } from "./parts";

export const lagOf = (member: Seen): string =>
  member.leads
    ? "leader"
    : member.lag === null
      ? "unknown"
      : member.lag === 0
        ? "none"
        : `${number(member.lag)} ${member.lag === 1 ? "entry" : "entries"}`;

const kWidth = 420,
  kCenterX = kWidth / 2,
  kRadiusX = 146,
  kRadiusY = 96;
const kMargin = 38; // half of a stone, and a little air

function place(index: number, count: number): { x: number; y: number } {
  if (count === 1) return { x: kCenterX, y: 0 };
  const angle = -Math.PI / 2 + (2 * Math.PI * index) / count;
  return { x: kCenterX + kRadiusX * Math.cos(angle), y: kRadiusY * Math.sin(angle) };
}

// Members stay where they are while leadership moves among them; lines are who follows whom.
const Topology = ({ picture }: { picture: Picture }) => {
  const places = picture.members.map((_, index) => place(index, picture.members.length));
  const top = Math.min(...places.map((each) => each.y)) - kMargin,
    bottom = Math.max(...places.map((each) => each.y)) + kMargin;
  const leaderAt = places[picture.members.findIndex((each) => each.leads)];
  return (
    <svg
      class="topology"
      viewBox={`0 ${top} ${kWidth} ${bottom - top}`}
      role="img"
      aria-label={picture.members.map((each) => `${each.name} ${each.words}`).join("; ")}
    >
      {leaderAt &&
        picture.members.map(
          (each, index) =>
            !each.leads && (
              <line
                key={`line-${each.id}`}
                class={`link ${each.tone}`}
                x1={leaderAt.x}
                y1={leaderAt.y}
                x2={places[index].x}
                y2={places[index].y}
              />
            ),
        )}
      {picture.members.map((each, index) => (
        <g
          key={each.id}
          class={`stone ${each.leads ? "leads" : each.tone}`}
          transform={`translate(${places[index].x} ${places[index].y})`}
        >
          <path d="M-52 6C-54-16-30-27 0-27S54-16 52 6 30 27 0 27-50 26-52 6Z" />
          <text class="name" y="-3">
            {each.name || each.id.slice(0, 6)}
          </text>
          <text class="what" y="13">
            {each.leads
              ? `leads, term ${picture.status.term}`
              : each.tone === "bad"
                ? "gone"
                : each.learner
                  ? "learns"
                  : each.lag
                    ? `${number(each.lag)} behind`
                    : "follows"}
          </text>
        </g>
      ))}
    </svg>
  );
};

const MemberRow = ({ member }: { member: Seen }) => (
  <tr class={member.leads ? "leads" : ""}>
    <th scope="row">
      <Dot tone={member.tone} /> {member.name || member.id}
      {member.own && <span class="tag">this one</span>}
    </th>
    <td>{member.words}</td>
    <td class="num">{lagOf(member)}</td>
    <td class="num">{member.status ? number(member.status.applied_index) : "unknown"}</td>
    <td class="num extra">
      {member.status?.disk_free_bytes != null ? size(member.status.disk_free_bytes) : "unknown"}
    </td>
  </tr>
);

const Memory = ({ picture }: { picture: Picture }) => {
  const { live_bytes, history_bytes, log_bytes, quota_bytes } = picture.status.memory;
  const used = live_bytes + history_bytes + log_bytes;
  return (
    <Fact name="Memory for data">
      {size(used)}
      {quota_bytes ? ` of ${size(quota_bytes)}` : ", no quota"}
      {quota_bytes ? (
        <meter min={0} max={quota_bytes} high={quota_bytes * 0.8} value={used} aria-label="used of the quota" />
      ) : null}
    </Fact>
  );
};

export const Overview = ({ cluster }: { cluster: ClusterWatch }) => {
  const picture = cluster.picture!;
  const { status, members } = picture;
  return (
    <section aria-labelledby="health">
      <div class={`health ${picture.tone}`} role="status">
        <h1 id="health">
          <Dot tone={picture.tone} /> {picture.title}
        </h1>
        <p>{picture.advice}</p>
      </div>
      <div class="overview">
        <div class="card">
          <h2>Who follows whom</h2>
          <Topology picture={picture} />
        </div>
        <div class="card">
          <h2>
            State <span class="of">as {status.name} has it</span>
          </h2>
          <dl class="facts">
            <Fact name="Leader">{picture.leader ? picture.leader.name : "none"}</Fact>
            <Fact name="Term">{number(status.term)}</Fact>
            <Fact name="Revision">{number(status.revision)}</Fact>
            <Fact name="Keys">{number(status.keys)}</Fact>
            <Fact name="History kept from">
              {status.compact_revision > 0 ? `revision ${number(status.compact_revision)}` : "the beginning"}
            </Fact>
            <Memory picture={picture} />
            <Fact name="Log">
              {number(status.last_index - status.first_index + 1)} entries
              {status.log_bytes !== null ? `, ${size(status.log_bytes)}` : ""}
            </Fact>
            <Fact name="Snapshot at">
              {status.snapshot_index > 0 ? `entry ${number(status.snapshot_index)}` : "none yet"}
            </Fact>
          </dl>
        </div>
        <div class="card wide">
          <h2>Members</h2>
          <div class="scroll" tabIndex={0} role="region" aria-label="Members">
            <table>
              <thead>
                <tr>
                  <th scope="col">Member</th>
                  <th scope="col">State</th>
                  <th scope="col" class="num">
                    Behind
                  </th>
                  <th scope="col" class="num">
                    Applied
                  </th>
                  <th scope="col" class="num extra">
                    Disk free
                  </th>
                </tr>
              </thead>
              <tbody>
                {members.map((each) => (
                  <MemberRow key={each.id} member={each} />
                ))}
              </tbody>
            </table>
          </div>
          {picture.sees === "own" && (
            <p class="note">
              Only {status.name} is asked: this page was opened as {location.host}, which is no member's advertised
              address. Opened by one of these, it sees all of them:{" "}
              {members
                .flatMap((each) => each.client_urls)
                .map((url) => (
                  <a key={url} href={url.replace(/\/+$/, "") + "/ui/"}>
                    {url}{" "}
                  </a>
                ))}
            </p>
          )}
        </div>
        <div class="card wide">
          <h2>Since this page was opened</h2>
          {cluster.happenings.length === 0 ? (
            <Empty>Nothing has changed: same leader, same members.</Empty>
          ) : (
            <ol class="happenings">
              {cluster.happenings.map((each) => (
                <li key={each.at.getTime() + each.words}>
                  <time>{clock(each.at)}</time> <Dot tone={each.tone} /> {each.words}
                </li>
              ))}
            </ol>
          )}
        </div>
      </div>
    </section>
  );
};
