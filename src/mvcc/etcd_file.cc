#include "mvcc/etcd_file.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "mvcc/encode.h"
#include "mvcc/etcd_users.h"
#include "mvcc/stored_form.h"

namespace cairn::mvcc {
namespace {

std::string hex(std::uint64_t id) {
  char text[17];
  std::snprintf(text, sizeof text, "%llx", static_cast<unsigned long long>(id));
  return text;
}

std::string quoted(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    char escaped[8];
    if (c == '"' || c == '\\')
      json += {'\\', c};
    else if (static_cast<unsigned char>(c) < 0x20)
      json.append(escaped, static_cast<std::size_t>(
                               std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c))));
    else
      json += c;
  }
  return json + "\"";
}

std::string list(const std::vector<std::string>& texts) {
  std::string json = "[";
  for (const std::string& text : texts) json += (json.size() > 1 ? "," : "") + quoted(text);
  return json + "]";
}

// As etcd has a member.
std::string member_json(const MemberInfo& member) {
  std::string json = "{\"id\":" + std::to_string(member.id) + ",\"peerURLs\":" + list(member.peer_urls);
  if (!member.name.empty()) json += ",\"name\":" + quoted(member.name);
  if (!member.client_urls.empty()) json += ",\"clientURLs\":" + list(member.client_urls);
  return json + "}";
}

void put_empty(bbolt::Writer* writer, std::string_view name) {
  writer->begin_bucket(name);
  writer->end_bucket();
}

}  // namespace

EtcdFile::EtcdFile(const Contents& contents, const StepLimits& step, std::shared_ptr<const void> keep)
    : keep_(std::move(keep)),
      contents_(contents),
      step_records_(step.range_records),
      walk_(contents_.kv, step, contents_.kv.compact_revision) {}

void EtcdFile::begin() {
  walk_.rewind();
  lease_.emplace(contents_.leases.leases, std::string_view());
  stage_ = Stage::head;
}

bool EtcdFile::measure() {
  if (stage_ == Stage::prepare) {
    if (!walk_.prepare()) return false;
    begin();
    writer_.emplace(std::nullopt, nullptr);
    return false;
  }
  step();
  if (stage_ != Stage::done) return false;
  const bbolt::Shape shape = writer_->finish();
  size_ = static_cast<std::size_t>(shape.pages) * bbolt::Writer::kPageBytes;
  measured_ = true;
  begin();
  writer_.emplace(shape, &made_);
  return true;
}

void EtcdFile::read(std::size_t bytes_max, std::string* out) {
  while (stage_ != Stage::done && made_.size() - made_read_ < bytes_max) {
    step();
    if (stage_ == Stage::done) writer_->finish();
  }
  const std::size_t some = std::min(bytes_max, made_.size() - made_read_);
  out->append(made_, made_read_, some);
  made_read_ += some;
  read_ += some;
  if (made_read_ < made_.size() / 2) return;  // what is moved is less than what has gone
  made_.erase(0, made_read_);
  made_read_ = 0;
}

// The buckets in the order of their names.
void EtcdFile::step() {
  switch (stage_) {
    case Stage::prepare:
    case Stage::done:
      return;
    case Stage::head:
      put_head();
      writer_->begin_bucket("key");
      stage_ = Stage::keys;
      return;
    case Stage::keys:
      put_keys();
      return;
    case Stage::leases:
      put_leases();
      return;
    case Stage::tail:
      put_tail();
      stage_ = Stage::done;
  }
}

void EtcdFile::put_head() {
  writer_->begin_bucket("alarm");
  std::vector<std::string> names;  // AlarmMember messages, which have no value
  for (const Alarm& alarm : *contents_.alarms) {
    std::string name;
    encode::number(&name, 1, alarm.member);
    encode::number(&name, 2, static_cast<std::uint64_t>(alarm.kind));
    names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) writer_->add(name, "");
  writer_->end_bucket();
  put_users(*contents_.auth, &*writer_);
  put_empty(&*writer_, "cluster");
}

void EtcdFile::put_keys() {
  constexpr std::size_t kStepBytes = std::size_t{64} << 10;  // and one record
  std::size_t bytes = 0;
  for (std::size_t steps = step_records_; steps > 0 && bytes < kStepBytes; --steps) {
    const Record* const record = walk_.get();
    if (record == nullptr) {
      writer_->end_bucket();
      writer_->begin_bucket("lease");
      stage_ = Stage::leases;
      return;
    }
    for (std::string* const part : {&name_, &before_, &after_}) part->clear();
    put_revision_key(record->mod_revision(), record->sub(), record->tombstone(), &name_);
    put_stored_around(*record, &before_, &after_);
    writer_->add(name_, before_.size() + record->value().size() + after_.size(),
                 {before_, record->value(), after_});
    if (measured_) bytes += record->size_bytes();
    walk_.next();
  }
}

void EtcdFile::put_leases() {
  for (std::size_t steps = step_records_; steps > 0; --steps) {
    if (lease_->get() == nullptr) {
      writer_->end_bucket();
      stage_ = Stage::tail;
      return;
    }
    const LeaseInfo& lease = lease_->get()->info;
    name_.clear();
    before_.clear();
    put_big_endian(static_cast<std::uint64_t>(lease.id), &name_);
    encode::number(&before_, 1, static_cast<std::uint64_t>(lease.id));
    encode::number(&before_, 2, static_cast<std::uint64_t>(lease.ttl_s));
    encode::number(&before_, 3, static_cast<std::uint64_t>(lease.remaining_s));
    writer_->add(name_, before_);
    lease_->next();
  }
}

void EtcdFile::put_tail() {
  writer_->begin_bucket("members");
  std::vector<std::pair<std::string, const MemberInfo*>> members;  // by the text of their ids
  for (const auto& [id, member] : *contents_.members) members.emplace_back(hex(id), &member);
  std::sort(members.begin(), members.end());
  for (const auto& [name, member] : members) writer_->add(name, member_json(*member));
  writer_->end_bucket();
  put_empty(&*writer_, "members_removed");

  writer_->begin_bucket("meta");
  std::string index, compacted, term;
  put_big_endian(contents_.applied_index, &index);
  writer_->add("consistent_index", index);
  if (contents_.kv.compact_revision >= 0) {
    put_revision_key(contents_.kv.compact_revision, 0, false, &compacted);
    writer_->add("finishedCompactRev", compacted);
    writer_->add("scheduledCompactRev", compacted);
  }
  put_big_endian(1, &term);  // etcd demands one, and replaces it when it restores
  writer_->add("term", term);
  writer_->end_bucket();
}

}  // namespace cairn::mvcc
