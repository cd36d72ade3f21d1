#include "sim/checks/reference.h"

#include <algorithm>

#include "base/check.h"
#include "etcd/validate.h"
#include "proto/command.pb.h"
#include "proto/rpc.pb.h"
#include "sim/wire.h"

namespace cairn::sim {
namespace {

constexpr std::size_t kSessionBytes = 192;  // each, besides its key and response

}  // namespace

bool same(const Request& a, const Request& b) {
  const auto same_write = [](const Request::Write& x, const Request::Write& y) {
    return x.key == y.key && x.value == y.value;
  };
  const bool guards =
      a.guard.has_value() == b.guard.has_value() &&
      (!a.guard || (a.guard->key == b.guard->key && a.guard->mod_revision == b.guard->mod_revision));
  return guards && a.read_key == b.read_key &&
         std::equal(a.writes.begin(), a.writes.end(), b.writes.begin(), b.writes.end(), same_write);
}

void Reference::commit(const raft::Entry& entry) {
  CHECK(entry.index.v == revision_at_.size() + 1);
  if (entry.type == raft::EntryType::command && entry.data) {
    command::Batch batch;
    if (!batch.ParseFromString(*entry.data))
      judge_.accuse("I13 revisions", "a committed batch cannot be parsed");
    if (batch.has_leader_elapsed_ms()) pass(batch.leader_elapsed_ms());
    for (const command::Command& command : batch.commands()) {
      const bool is_fenced = command.only_in_term() != 0 && command.only_in_term() != entry.term.v;
      if (is_fenced) continue;
      if (command.has_compaction()) compact(command.compaction().revision());
      note_alarm(command);
      if (commit_lease(command)) continue;
      const std::int64_t lease = command.put().lease();
      const std::optional<Request> request = decode(command);
      if (!request || is_refused_for_room(command, *request)) continue;
      if (lease != 0 && !leases_.exists(lease)) continue;  // refused
      if (lease != 0) leases_.attached(lease, command.put().key());
      const std::uint64_t bytes_max = request->answer_bytes_max;
      if (bytes_max != 0 && read_bytes(*request, store_) > bytes_max) continue;  // refused
      const bool keyed = !command.idempotency_key().empty();
      if (keyed && !is_new(command)) continue;
      const std::int64_t before = store_.revision;
      const Reply reply = execute(*request);
      if (!keyed) continue;
      sessions_.back().size_bytes =
          command.idempotency_key().size() + response_bytes(*request, reply) + kSessionBytes;
      session_bytes_ += sessions_.back().size_bytes;
      if (store_.revision == before) continue;
      sessions_.back().changed_revision = store_.revision;
      if (!changed_by_.insert(command.idempotency_key()).second)
        judge_.accuse("I15 once means once", command.idempotency_key() + " has changed something twice");
    }
  }
  revision_at_.push_back(store_.revision);
}

void Reference::compact(std::int64_t revision) {
  const std::int64_t before = compactions_.empty() ? -1 : *compactions_.rbegin();
  if (revision > before && revision <= store_.revision) compactions_.insert(revision);
}

void Reference::note_alarm(const command::Command& command) {
  const etcdserverpb::AlarmRequest& alarm = command.alarm();
  if (!command.has_alarm() || alarm.alarm() != etcdserverpb::NOSPACE) return;
  if (alarm.action() == etcdserverpb::AlarmRequest::ACTIVATE) without_room_.insert(alarm.memberid());
  if (alarm.action() == etcdserverpb::AlarmRequest::DEACTIVATE) without_room_.erase(alarm.memberid());
}

// While anybody's alarm stands nothing is put; but what has been is answered again.
bool Reference::is_refused_for_room(const command::Command& command, const Request& request) const {
  const bool puts = std::any_of(request.writes.begin(), request.writes.end(),
                                [](const Request::Write& write) { return write.value.has_value(); });
  return !without_room_.empty() && puts && !remembered_.contains(command.idempotency_key());
}

// False: it is about something else.
bool Reference::commit_lease(const command::Command& command) {
  if (command.has_lease_grant()) {
    const std::int64_t id = command.lease_grant().id();
    if (without_room_.empty() && !leases_.exists(id)) leases_.granted(id);
    return true;
  }
  if (!command.has_lease_revoke()) return false;
  const std::int64_t id = command.lease_revoke().id();
  if (leases_.exists(id)) erase(leases_.revoked(id));
  for (const auto& expired : command.lease_revoke().expired())
    erase(leases_.expired(expired.id(), expired.generation()));
  return true;
}

// All in one revision, which nobody wrote.
void Reference::erase(const std::vector<std::string>& keys) {
  const std::set<std::string> gone(keys.begin(), keys.end());
  if (gone.empty()) return;
  store_.revision += 1;
  written_.emplace_back();
  for (const std::string& key : gone) {
    const auto found = store_.keys.find(key);
    if (found != store_.keys.end()) changes_.push_back({store_.revision, key, std::nullopt, found->second});
    store_.keys.erase(key);
    versions_[key].push_back(KeyVersion{store_.revision, std::nullopt});
  }
}

// Time goes by as the log says, and what is too old is forgotten.
void Reference::pass(std::uint64_t elapsed_ms) {
  clock_ms_ += std::min(static_cast<std::int64_t>(elapsed_ms), limits_.step_ms);
  while (!sessions_.empty() && clock_ms_ - sessions_.front().time_ms >= limits_.ttl_ms)
    forget(sessions_.begin());
}

void Reference::forget(std::vector<Session>::iterator session) {
  forgotten_revision_ = std::max(forgotten_revision_, session->changed_revision);
  session_bytes_ -= session->size_bytes;
  remembered_.erase(session->key);
  sessions_.erase(session);
}

// The rule in plain words: a key that is not remembered is new if its client had seen the store no earlier
// than any change by a forgotten key; and it finds room if there is some, or stamped ones to forget.
bool Reference::is_new(const command::Command& command) {
  const std::string& key = command.idempotency_key();
  if (remembered_.contains(key)) return false;
  const std::int64_t seen = command.idempotency_revision();
  if (seen != 0 && (seen < forgotten_revision_ || seen > store_.revision)) return false;
  while (sessions_.size() >= limits_.count || session_bytes_ >= limits_.bytes) {
    const auto oldest = std::find_if(sessions_.begin(), sessions_.end(),
                                     [](const Session& session) { return session.stamped; });
    if (oldest == sessions_.end()) return false;
    forget(oldest);
  }
  remembered_.insert(key);
  sessions_.push_back({key, seen != 0, 0, clock_ms_, 0});
  return true;
}

Reply Reference::execute(const Request& request) {
  const std::int64_t before = store_.revision;
  const Reply reply = store_.execute(request);
  if (store_.revision == before) return reply;
  written_.push_back(Written{request, reply});
  for (const Request::Write& write : request.writes) {
    if (write.value) put_at_[*write.value] = store_.revision;
    const auto found = store_.keys.find(write.key);
    const auto state = found == store_.keys.end() ? std::nullopt : std::optional(found->second);
    std::vector<KeyVersion>& versions = versions_[write.key];
    const auto was = versions.empty() ? std::nullopt : versions.back().state;
    if (state || was) changes_.push_back({store_.revision, write.key, state, was});
    versions.push_back(KeyVersion{store_.revision, state});
  }
  return reply;
}

void Reference::compare_revision(raft::NodeId member, raft::Index applied, std::int64_t revision) {
  const std::int64_t expected = applied.v == 0 ? Store().revision : revision_at_.at(applied.v - 1);
  if (revision == expected) return;
  judge_.accuse("I13 revisions", "member " + std::to_string(member.v) + " is at revision " +
                                     std::to_string(revision) + " after index " + std::to_string(applied.v) +
                                     ", expected " + std::to_string(expected));
}

void Reference::compare_all(raft::NodeId member, const mvcc::View& view) {
  etcdserverpb::RangeRequest everything;
  everything.set_key(std::string(1, '\0'));
  everything.set_range_end(std::string(1, '\0'));
  etcdserverpb::RangeResponse response;
  const mvcc::Outcome outcome = view.range(*etcd::check(everything));
  CHECK(outcome.code == Code::ok && response.ParseFromString(outcome.body));
  Store found;
  found.revision = outcome.revision;
  for (const mvccpb::KeyValue& kv : response.kvs()) {
    found.keys[kv.key()] = KeyState{kv.value(), kv.create_revision(), kv.mod_revision(), kv.version()};
  }
  if (found == store_) return;
  judge_.accuse("I10 acknowledged writes stay",
                "member " + std::to_string(member.v) + " ends at revision " + std::to_string(found.revision) +
                    " with " + std::to_string(found.keys.size()) + " keys, expected revision " +
                    std::to_string(store_.revision) + " with " + std::to_string(store_.keys.size()) +
                    " keys, or values differ");
}

Store Reference::store_at(std::int64_t revision, const Request& request) const {
  Store store;
  store.revision = revision;
  const auto touch = [&](const std::string& key) {
    const auto versions = versions_.find(key);
    if (versions == versions_.end()) return;
    auto after = std::upper_bound(versions->second.begin(), versions->second.end(), revision,
                                  [](std::int64_t at, const KeyVersion& v) { return at < v.revision; });
    if (after != versions->second.begin() && std::prev(after)->state)
      store.keys[key] = *std::prev(after)->state;
  };
  touch(request.read_key);
  if (request.guard) touch(request.guard->key);
  for (const Request::Write& write : request.writes) touch(write.key);
  return store;
}

bool Reference::could_reply(const Request& request, const Reply& reply) const {
  if (reply.revision < 1 || reply.revision > store_.revision) return false;
  Store store = store_at(reply.revision, request);
  if (store.execute(request) == reply) return true;  // it changed nothing
  return made_revision(request, reply);
}

std::optional<Reply> Reference::outcome_of(const Request& request) const {
  const auto found = put_at_.find(request.writes.at(0).value.value_or(std::string()));
  if (found == put_at_.end()) return std::nullopt;
  return written_[static_cast<std::size_t>(found->second) - 2].reply;
}

bool Reference::made_revision(const Request& request, const Reply& reply) const {
  if (reply.revision < 2 || reply.revision > store_.revision) return false;
  const Written& written = written_[static_cast<std::size_t>(reply.revision) - 2];
  return same(written.request, request) && written.reply == reply;
}

}  // namespace cairn::sim
