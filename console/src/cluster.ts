// What the members say of themselves and of each other, asked again and again, and what that means in words.
import { Ask, Refusal, askJson } from "./api";

export interface MemberInfo {
  id: string;
  name: string;
  peer_urls: string[];
  client_urls: string[];
  learner: boolean;
  leader: boolean;
}
export interface Follower {
  id: string;
  match: number | null;
  state: string;
  active: boolean;
  full: boolean | null;
  behind: boolean;
  stuck: string;
  behind_entries: number | null;
  log_space: string | null;
}
export interface Status {
  name: string;
  version: string;
  summary: string;
  healthy: boolean | null;
  tolerates: number | null;
  cluster_id: string;
  id: string;
  role: string;
  leader: { id: string; name: string; url: string } | null;
  term: number;
  waits_for: string;
  leaderless_seconds: number | null;
  first_index: number;
  last_index: number;
  commit_index: number;
  applied_index: number;
  snapshot_index: number;
  log_bytes: number | null;
  disk_free_bytes: number | null;
  disk_total_bytes: number | null;
  revision: number;
  compact_revision: number;
  keys: number;
  memory: { live_bytes: number; history_bytes: number; log_bytes: number; quota_bytes: number | null };
  alarms: { member: string; alarm: string }[];
  members: MemberInfo[];
  followers: Follower[];
}

export type Tone = "good" | "warn" | "bad" | "idle";

// One member as it is seen from here.
export interface Seen extends MemberInfo {
  status?: Status; // what it answered last, if it did this time
  own: boolean; // it serves this page
  leads: boolean;
  tone: Tone;
  words: string; // "follows, up to date"
  lag: number | null; // entries behind the leader; null: not known
}
export interface Happening {
  at: Date;
  words: string;
  tone: Tone;
}
export interface Picture {
  members: Seen[];
  leader?: Seen;
  status: Status; // the best there is: the leader's, else this member's, else anybody's
  ownAnswers: boolean;
  title: string;
  advice: string;
  tone: Tone;
  sees: "all" | "own"; // "own": others are not asked, since this page was opened by a name that no member has
}

const kPollMs = 500;
const kPatienceMs = 1000; // a round ends with the slowest of them
const kHappeningsMax = 50;

const plural = (count: number, what: string) => `${count} ${what}${count === 1 ? "" : "s"}`;
const withoutSlash = (url: string) => url.replace(/\/+$/, "");
// They become links.
const onlyAddresses = (member: MemberInfo): MemberInfo => ({
  ...member,
  client_urls: member.client_urls.filter((url) => /^https?:\/\//.test(url)),
});

export class ClusterWatch {
  picture?: Picture;
  refusal?: Refusal; // nobody has answered yet, and this is why
  happenings: Happening[] = [];
  private answers = new Map<string, Status>(); // of this round
  private own?: Status;
  private members: MemberInfo[] = [];
  private timer = 0;
  private round = 0;

  constructor(private readonly changed: () => void) {
    document.addEventListener("visibilitychange", () => this.start());
  }

  start(): void {
    clearTimeout(this.timer);
    this.round += 1;
    if (!document.hidden) this.poll(this.round);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.round += 1;
  }

  private async poll(round: number): Promise<void> {
    const begun = Date.now();
    const ask = (options: Ask) => askJson("/v1/status", { ...options, timeoutMs: kPatienceMs }) as Promise<Status>;
    const answers = new Map<string, Status>();
    const others = this.others().map(async ({ id, url }) => {
      const status = await ask({ base: url }).catch(() => undefined);
      if (status && status.cluster_id === this.own?.cluster_id) answers.set(id, status);
    });
    const own = ask({}).then(
      (status) => {
        this.own = status;
        this.refusal = undefined;
        answers.set(status.id, status);
      },
      (error) => (this.refusal = error instanceof Refusal ? error : undefined),
    );
    await Promise.all([own, ...others]);
    if (round !== this.round) return;
    if (this.own && this.members.length === 0) {
      this.members = this.own.members.map(onlyAddresses); // the first answer says whom else to ask
      return this.poll(round);
    }
    this.answers = answers;
    if (this.own) this.look();
    this.changed();
    this.timer = window.setTimeout(() => this.poll(round), Math.max(50, kPollMs - (Date.now() - begun)));
  }

  private knownOrigins(): string[] {
    return this.members.flatMap((each) => each.client_urls.map(withoutSlash));
  }
  // Members let nobody look at their status but pages of members.
  private others(): { id: string; url: string }[] {
    if (!this.knownOrigins().includes(location.origin)) return [];
    return this.members
      .filter((each) => each.id !== this.own?.id && each.client_urls.length > 0)
      .map((each) => ({
        id: each.id,
        url: withoutSlash(each.client_urls.find((url) => url.startsWith(location.protocol)) ?? each.client_urls[0]),
      }))
      .filter(({ url }) => !url.includes("[") && (location.protocol === "http:" || url.startsWith("https:"))); // others the browser would refuse
  }

  private look(): void {
    const all = [...this.answers.values()];
    const newest = (of: Status[]) =>
      of.reduce<Status | undefined>(
        (best, each) =>
          !best || each.term > best.term || (each.term === best.term && each.applied_index > best.applied_index)
            ? each
            : best,
        undefined,
      );
    const leading = newest(all.filter((each) => each.role === "leader"));
    const best = leading ?? newest(all) ?? this.own!;
    const before = this.picture;
    this.members = best.members.length ? best.members.map(onlyAddresses) : this.members;
    const leaderId = leading?.id ?? (all.length ? best.leader?.id : undefined);
    const sees = this.knownOrigins().includes(location.origin) ? "all" : "own";
    const byName = [...this.members].sort(
      (a, b) => a.name.localeCompare(b.name, "en", { numeric: true }) || (a.id < b.id ? -1 : 1),
    );
    const members = byName.map((each) => this.seen(each, leading, leaderId, sees));
    const picture: Picture = {
      members,
      status: best,
      sees,
      ownAnswers: this.answers.has(this.own!.id),
      leader: members.find((each) => each.leads),
      ...sentence(best, leading, members, all.length),
    };
    this.note(before, picture);
    this.picture = picture;
  }

  private seen(info: MemberInfo, leading: Status | undefined, leaderId: string | undefined, sees: "all" | "own"): Seen {
    const status = this.answers.get(info.id);
    const leads = info.id === leaderId;
    const follower = leading?.followers.find((each) => each.id === info.id);
    const { tone, words, lag } = stateOf(info, status, leads, follower, leading !== undefined, sees);
    return { ...info, leader: leads, status, own: info.id === this.own?.id, leads, tone, words, lag };
  }

  private note(before: Picture | undefined, now: Picture): void {
    const say = (words: string, tone: Tone) =>
      (this.happenings = [{ at: new Date(), words, tone }, ...this.happenings].slice(0, kHappeningsMax));
    if (!before) return;
    if (before.leader?.id !== now.leader?.id)
      say(
        now.leader
          ? `${now.leader.name} leads, in term ${now.status.term}`
          : `${before.leader!.name} leads no more; there is no leader`,
        now.leader ? "good" : "bad",
      );
    for (const each of now.members) {
      const was = before.members.find((other) => other.id === each.id);
      if (!was) say(`${each.name || each.id} has joined`, "good");
      else if ((was.tone === "bad") !== (each.tone === "bad"))
        say(
          each.tone === "bad" ? `${each.name}: ${each.words}` : `${each.name} is back`,
          each.tone === "bad" ? "bad" : "good",
        );
    }
    for (const each of before.members)
      if (!now.members.some((other) => other.id === each.id)) say(`${each.name || each.id} was removed`, "warn");
  }
}

function stateOf(
  info: MemberInfo,
  status: Status | undefined,
  leads: boolean,
  follower: Follower | undefined,
  isLeaderHeard: boolean,
  sees: "all" | "own",
): { tone: Tone; words: string; lag: number | null } {
  const lag = follower?.behind_entries ?? null;
  if (leads)
    return status || sees === "own"
      ? { tone: "good", words: "leads", lag: 0 }
      : { tone: "warn", words: "leads, as others say; does not answer this page", lag: null };
  if (!isLeaderHeard || !follower) {
    if (status)
      return {
        tone: status.leader ? "good" : "warn",
        words: status.leader ? "follows" : status.waits_for || `${status.role}, knows no leader`,
        lag,
      };
    return sees === "own"
      ? { tone: "idle", words: "not asked from here", lag }
      : { tone: "bad", words: "does not answer", lag };
  }
  if (!follower.active)
    return status
      ? { tone: "warn", words: "answers here, but not the leader", lag }
      : { tone: "bad", words: "gone: neither the leader nor this page hears it", lag };
  if (follower.full === null) return { tone: "warn", words: "not heard by this leader yet", lag };
  if (!follower.full) return { tone: "warn", words: "being taken in again", lag };
  if (follower.stuck) return { tone: "bad", words: `behind, and cannot catch up: ${follower.stuck}`, lag };
  if (follower.log_space === "none") return { tone: "bad", words: "has no room on its disk", lag };
  const role = info.learner ? "learns" : "follows";
  if (follower.state === "snapshot") return { tone: "warn", words: "gets a snapshot", lag };
  if (follower.behind) return { tone: "warn", words: `${role}, catching up`, lag };
  return { tone: "good", words: `${role}, up to date`, lag };
}

const names = (of: Seen[]) => of.map((each) => each.name || each.id).join(" and ");

// What an operator wants to know first: is it well, what may still fail, and what to do.
function sentence(
  best: Status,
  leading: Status | undefined,
  members: Seen[],
  answering: number,
): { title: string; advice: string; tone: Tone } {
  const voters = members.filter((each) => !each.learner).length;
  const quorum = Math.floor(voters / 2) + 1;
  const away = members.filter((each) => each.tone === "bad");
  if (answering === 0)
    return {
      title: "No member answers",
      advice:
        "Either all of them are stopped, or the network between them and you is. What is shown is what they said last.",
      tone: "bad",
    };
  if (!leading) {
    if (best.leader)
      return {
        title: `${best.leader.name} leads ${plural(voters, "member")}`,
        advice: `How far the others are only the leader tells. Open the console at ${best.leader.url || "its address"}.`,
        tone: "idle",
      };
    const since = best.leaderless_seconds ? ` for ${Math.floor(best.leaderless_seconds)} s` : "";
    return {
      title: `No leader${since}`,
      advice: best.waits_for
        ? `${best.name}: ${best.waits_for}.`
        : `Writes wait for the next leader: ${quorum} of ${plural(voters, "member")} have to reach one another.`,
      tone: "bad",
    };
  }
  const alarm = leading.alarms[0];
  if (alarm)
    return {
      title: `Alarm ${alarm.alarm}: ${alarm.alarm === "CORRUPT" ? "keys are not written" : "writes are refused"}`,
      advice:
        alarm.alarm === "NOSPACE"
          ? "Compact, delete what is not needed, then disarm the alarm (etcdctl alarm disarm)."
          : "Find the member that differs and replace it, then disarm the alarm.",
      tone: "bad",
    };
  const spare = leading.tolerates ?? 0;
  const tolerates = `tolerates ${plural(spare, "failure")}`;
  if (voters === 1)
    return {
      title: `One member, ${tolerates}`,
      advice: "When it stops, everything waits. Three members tolerate one failure: cairn member add.",
      tone: "warn",
    };
  if (leading.healthy)
    return { title: `Healthy, ${tolerates}`, advice: `All ${voters} members are there and up to date.`, tone: "good" };
  const stops = spare === 0 ? " If one more fails, writes wait." : "";
  if (away.length)
    return {
      title: `${names(away)} ${away.length === 1 ? "is" : "are"} missing, ${tolerates}`,
      advice: `Start ${away.length === 1 ? "it" : "them"} again by the same line, or replace: cairn member replace ${away[0].name} NEW=URL.${stops}`,
      tone: spare === 0 ? "bad" : "warn",
    };
  return {
    title: `Not all are up to date, ${tolerates}`,
    advice: `That goes by itself as they catch up.${stops}`,
    tone: "warn",
  };
}
