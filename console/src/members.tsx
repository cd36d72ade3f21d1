// Who the members are, and the commands that change that: REST has no such calls, and they deserve a second thought.
import { h } from "preact";
import { size } from "./bytes";
import { Picture, Seen } from "./cluster";
import { Dot, Fact, number } from "./parts";
import { lagOf } from "./overview";

const Member = ({ member }: { member: Seen }) => (
  <article class="card member">
    <h2>
      <Dot tone={member.tone} /> {member.name || "not started yet"}{" "}
      {member.leads && <span class="tag strong">leader</span>}
      {member.learner && <span class="tag">learner</span>}
      {member.own && <span class="tag">this one</span>}
    </h2>
    <p class="words">{member.words}</p>
    <dl class="facts">
      <Fact name="Id">
        <code>{member.id}</code>
      </Fact>
      <Fact name="Behind">{lagOf(member)}</Fact>
      <Fact name="Clients reach it at" wide>
        {member.client_urls.length ? member.client_urls.map((url) => <code key={url}>{url} </code>) : "unknown"}
      </Fact>
      <Fact name="Members reach it at" wide>
        {member.peer_urls.map((url) => (
          <code key={url}>{url} </code>
        ))}
      </Fact>
      <Fact name="Version">{member.status?.version ?? "unknown"}</Fact>
      <Fact name="Disk free">
        {member.status?.disk_free_bytes != null
          ? `${size(member.status.disk_free_bytes)} of ${size(member.status.disk_total_bytes ?? 0)}`
          : "unknown"}
      </Fact>
      <Fact name="Log">
        {member.status ? `${number(member.status.first_index)} to ${number(member.status.last_index)}` : "unknown"}
      </Fact>
      <Fact name="Term">{number(member.status?.term)}</Fact>
    </dl>
  </article>
);

const Command = ({ does, line }: { does: string; line: string }) => (
  <div class="command">
    <dt>{does}</dt>
    <dd>
      <code>{line}</code>
    </dd>
  </div>
);

export const Members = ({ picture }: { picture: Picture }) => {
  const some = picture.members.find((each) => !each.leads) ?? picture.members[0];
  const asked = picture.members.flatMap((each) => each.client_urls.slice(0, 1)).join(",");
  return (
    <section aria-labelledby="title">
      <h1 id="title">Members</h1>
      <div class="members">
        {picture.members.map((each) => (
          <Member key={each.id} member={each} />
        ))}
      </div>
      <div class="card">
        <h2>Changing them</h2>
        <p class="note">In a shell: the command says first what would come of it.</p>
        <dl class="commands">
          <Command
            does="Whom to ask"
            line={`export CAIRN_ENDPOINTS=${asked}; export ETCDCTL_ENDPOINTS=$CAIRN_ENDPOINTS`}
          />
          <Command does="Add a machine" line="cairn member add NAME=http://HOST:2380" />
          <Command does="Replace one" line={`cairn member replace ${some.name} NAME=http://HOST:2380`} />
          <Command does="Remove one" line={`cairn member remove ${some.name}`} />
          <Command does="Have another one lead" line={`etcdctl move-leader ${some.id}`} />
        </dl>
      </div>
    </section>
  );
};
