#include "client/lease.h"

#include <algorithm>

namespace cairn::client {
namespace {

// As etcd's clients write it: without zeros in front.
std::string key_of(const std::string& prefix, const std::string& lease) {
  return prefix + lease.substr(std::min(lease.find_first_not_of('0'), lease.size() - 1));
}

Error lost(const std::string& key) {
  return {Reason::refused, "turn_lost",
          "the key '" + key + "' has gone: its lease has ended, or somebody deleted it",
          "ask again, with a new lease", ""};
}

// Of every key with that prefix, as it is now.
template <class Each>
Answer<std::int64_t> each_key(Client& client, const std::string& prefix, bool keys_only, Each each) {
  ListOptions options{
      .limit = 1000, .cursor = "", .keys_only = keys_only, .consistency = Consistency::linearizable};
  for (;;) {
    const Answer<Page> page = client.list(prefix, options);
    if (!page) return page.error();
    for (const KeyValue& kv : page->kvs) each(kv);
    if (!page->more) return page->revision;
    options.cursor = page->cursor;
  }
}

}  // namespace

KeptLease::KeptLease(Client& client, Lease granted, Time asked_at)
    : client_(client), lease_(std::move(granted)) {
  lasts_from(asked_at);
}

void KeptLease::lasts_from(Time asked_at) {
  due_ = asked_at + lease_.ttl / 3;
  end_ = asked_at + lease_.ttl;
}

std::optional<Error> KeptLease::keep() {
  const Time asked_at = client_.now();
  if (asked_at < due_) return std::nullopt;
  const Answer<Lease> kept = client_.keep_lease_alive(lease_.id);
  if (kept) {
    lease_.ttl = kept->ttl;
    lasts_from(asked_at);
    return std::nullopt;
  }
  if (kept.error().reason == Reason::lease_not_found || client_.now() >= end_) return kept.error();
  due_ = client_.now() + std::min<std::chrono::milliseconds>(lease_.ttl / 10, std::chrono::seconds(1));
  return std::nullopt;
}

Turn::Turn(Client& client, std::string name, std::string lease, std::string value)
    : client_(client),
      prefix_(std::move(name) + "/"),
      lease_(std::move(lease)),
      value_(std::move(value)),
      key_(key_of(prefix_, lease_)) {}

Answer<Written> Turn::enter() {
  const Answer<KeyValue> mine = client_.put_once(key_, value_, lease_);
  if (!mine) return mine.error();
  revision_ = mine->create_revision;
  return Written{revision_};
}

// Whether nobody is before it; else who is right before it is watched from here on.
Answer<bool> Turn::look() {
  bool is_there = false;
  std::optional<KeyValue> before;
  const Answer<std::int64_t> revision = each_key(client_, prefix_, true, [&](const KeyValue& kv) {
    is_there = is_there || (kv.key == key_ && kv.create_revision == revision_);
    if (kv.create_revision < revision_ && (!before || kv.create_revision > before->create_revision))
      before = kv;
  });
  if (!revision) return revision.error();
  if (!is_there) return lost(key_);
  if (!before) return true;
  before_.emplace(client_,
                  WatchOptions{.key = before->key, .from_revision = *revision + 1, .only = Only::deletions});
  return false;
}

Answer<bool> Turn::wait(std::chrono::milliseconds at_most) {
  const auto until = client_.now() + at_most;
  for (;;) {
    if (!before_) {
      const Answer<bool> first = look();
      if (!first || *first) return first;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - client_.now());
    const Answer<Changes> changes = before_->next(std::max(left, std::chrono::milliseconds(0)));
    if (!changes && changes.error().reason != Reason::compacted) return changes.error();
    if (changes && changes->changes.empty()) {
      if (left <= std::chrono::milliseconds(0) || client_.now() >= until) return false;
      continue;
    }
    before_.reset();
  }
}

Answer<Holder> holder(Client& client, const std::string& name) {
  Holder holder;
  const Answer<std::int64_t> revision = each_key(client, name + "/", false, [&](KeyValue kv) {
    if (!holder.kv || kv.create_revision < holder.kv->create_revision) holder.kv = std::move(kv);
  });
  if (!revision) return revision.error();
  holder.revision = *revision;
  return holder;
}

}  // namespace cairn::client
