// Model: etcd's rules written down as naively as possible: a list of every change ever made, and each
// question answered by replaying it. Slow on purpose; shares no code with what it judges.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "mvcc/changes.h"
#include "mvcc/harness_fixture.h"

namespace cairn::mvcc {

// A walk in words, one for each change; what it says of one that is compacted.
inline std::string in_words(const mvccpb::KeyValue& kv) {
  return kv.key() + "=" + kv.value() + " created " + std::to_string(kv.create_revision()) + " version " +
         std::to_string(kv.version()) + " lease " + std::to_string(kv.lease());
}

inline std::string in_words(const Record& record) {
  mvccpb::KeyValue kv;
  kv.set_key(std::string(record.key()));
  kv.set_value(std::string(record.value()));
  kv.set_create_revision(record.create_revision());
  kv.set_version(record.version());
  kv.set_lease(record.lease());
  return in_words(kv);
}

inline std::string in_words(ChangePlace place, const std::string& change, const std::string& before) {
  return std::to_string(place.revision) + "." + std::to_string(place.sub) + " " + change + ", before " +
         before;
}

inline std::string compacted_in_words(std::int64_t revision) {
  return "compacted at " + std::to_string(revision);
}

inline std::vector<std::string> walk(const View& view, ChangePlace from) {
  Changes changes = view.changes(from);
  if (changes.compacted()) return {compacted_in_words(changes.compact_revision())};
  std::vector<std::string> words;
  for (; const Record* const record = changes.get(); changes.next()) {
    const Record* const previous = changes.previous();
    words.push_back(in_words(changes.place(),
                             record->live() ? in_words(*record) : "no " + std::string(record->key()),
                             previous == nullptr ? "nothing" : in_words(*previous)));
  }
  return words;
}

class Model {
 public:
  using Keys = std::map<std::string, mvccpb::KeyValue>;

  struct Answer {
    std::string error;  // empty: fine
    std::int64_t revision = 0;
    std::string body;
  };

  Keys at(std::int64_t revision) const {
    Keys keys;
    for (const auto& [when, kv, deleted] : changes_) {
      if (when > revision) break;
      if (deleted)
        keys.erase(kv.key());
      else
        keys[kv.key()] = kv;
    }
    return keys;
  }

  Answer range(const pb::RangeRequest& request) const {
    if (const std::string error = range_error(request); !error.empty()) return {error, revision_, ""};
    return {"", revision_, range_response(request, revision_).SerializeAsString()};
  }

  Answer put(const pb::PutRequest& request) {
    if (request.ignore_value() && !at(revision_).contains(request.key()))
      return {"etcdserver: key not found", revision_, ""};
    written_ = 0;
    const pb::PutResponse response = write(request);
    return finish(response.SerializeAsString());
  }

  Answer erase(const pb::DeleteRangeRequest& request) {
    written_ = 0;
    const pb::DeleteRangeResponse response = write(request);
    return finish(response.SerializeAsString());
  }

  Answer compact(std::int64_t revision) {
    if (revision <= compact_)
      return {"etcdserver: mvcc: required revision has been compacted", revision_, ""};
    if (revision > revision_)
      return {"etcdserver: mvcc: required revision is a future revision", revision_, ""};
    compact_ = revision;
    return {"", revision_, ""};
  }

  Answer txn(const pb::TxnRequest& request) {
    std::vector<const pb::RequestOp*> taken;
    const Keys before = at(revision_);
    collect(request, before, &taken);
    for (const pb::RequestOp* op : taken) {
      if (op->has_request_put() && op->request_put().ignore_value() &&
          !before.contains(op->request_put().key()))
        return {"etcdserver: key not found", revision_, ""};
    }
    for (const pb::RequestOp* op : taken) {
      if (!op->has_request_range() || op->request_range().revision() == 0) continue;
      const std::int64_t revision = op->request_range().revision();
      if (revision > revision_)
        return {"etcdserver: mvcc: required revision is a future revision", revision_, ""};
      if (revision < compact_)
        return {"etcdserver: mvcc: required revision has been compacted", revision_, ""};
    }
    written_ = 0;
    const pb::TxnResponse response = run(request, before);
    return finish(response.SerializeAsString());
  }

  // What walk() shows: no change of the compact revision that the same revision undid, and nothing that was
  // there before it.
  std::vector<std::string> changes(ChangePlace from) const {
    if (from.revision < compact_) return {compacted_in_words(compact_)};
    std::vector<std::string> words;
    Keys before;
    for (auto first = changes_.begin(), last = first; first != changes_.end(); first = last) {
      const std::int64_t revision = first->revision;
      last =
          std::find_if(first, changes_.end(), [&](const Change& each) { return each.revision != revision; });
      for (auto each = first; each != last; ++each) {
        const ChangePlace place{revision, static_cast<std::uint32_t>(each - first)};
        const std::string& key = each->kv.key();
        const bool undone =
            std::any_of(each + 1, last, [&](const Change& later) { return later.kv.key() == key; });
        if (place < from || (revision == compact_ && undone)) continue;
        const bool known = revision > compact_ && before.contains(key);
        words.push_back(in_words(place, each->deleted ? "no " + key : in_words(each->kv),
                                 known ? in_words(before[key]) : "nothing"));
      }
      for (; first != last; ++first) {
        if (first->deleted)
          before.erase(first->kv.key());
        else
          before[first->kv.key()] = first->kv;
      }
    }
    return words;
  }

  std::int64_t revision() const { return revision_; }
  std::int64_t compact_revision() const { return compact_; }

 private:
  struct Change {
    std::int64_t revision;
    mvccpb::KeyValue kv;
    bool deleted;
  };

  static bool inside(const std::string& key, const std::string& first, const std::string& end) {
    if (end.empty()) return key == first;
    if (end == std::string(1, '\0')) return key >= first;
    return key >= first && key < end;
  }

  std::int64_t now() const { return revision_ + (written_ > 0 ? 1 : 0); }

  Answer finish(std::string body) {
    revision_ = now();
    written_ = 0;
    return {"", revision_, std::move(body)};
  }

  std::string range_error(const pb::RangeRequest& request) const {
    if (request.revision() > revision_) return "etcdserver: mvcc: required revision is a future revision";
    if (request.revision() > 0 && request.revision() < compact_)
      return "etcdserver: mvcc: required revision has been compacted";
    return "";
  }

  static std::int64_t number(const mvccpb::KeyValue& kv, pb::RangeRequest::SortTarget target) {
    switch (target) {
      case pb::RangeRequest::VERSION:
        return kv.version();
      case pb::RangeRequest::CREATE:
        return kv.create_revision();
      case pb::RangeRequest::MOD:
        return kv.mod_revision();
      default:
        return 0;
    }
  }

  pb::RangeResponse range_response(const pb::RangeRequest& request, std::int64_t newest) const {
    pb::RangeResponse response;
    std::vector<mvccpb::KeyValue> kvs;
    for (const auto& [key, kv] : at(request.revision() <= 0 ? newest : request.revision())) {
      if (inside(key, request.key(), request.range_end())) kvs.push_back(kv);
    }
    response.set_count(static_cast<std::int64_t>(kvs.size()));
    if (request.count_only()) return response;
    const auto limit = static_cast<std::size_t>(std::max<std::int64_t>(request.limit(), 0));
    const bool filtered = request.min_mod_revision() != 0 || request.max_mod_revision() != 0 ||
                          request.min_create_revision() != 0 || request.max_create_revision() != 0;
    if (request.sort_order() == pb::RangeRequest::NONE && !filtered && limit > 0 && kvs.size() > limit + 1)
      kvs.resize(limit + 1);
    std::erase_if(kvs, [&](const auto& kv) {
      return (request.min_mod_revision() != 0 && kv.mod_revision() < request.min_mod_revision()) ||
             (request.max_mod_revision() != 0 && kv.mod_revision() > request.max_mod_revision()) ||
             (request.min_create_revision() != 0 && kv.create_revision() < request.min_create_revision()) ||
             (request.max_create_revision() != 0 && kv.create_revision() > request.max_create_revision());
    });
    const auto target = request.sort_target();
    const auto less = [target](const auto& a, const auto& b) {
      if (target == pb::RangeRequest::KEY) return a.key() < b.key();
      if (target == pb::RangeRequest::VALUE) return a.value() < b.value();
      return number(a, target) < number(b, target);
    };
    if (request.sort_order() == pb::RangeRequest::DESCEND)
      std::stable_sort(kvs.begin(), kvs.end(), [&less](const auto& a, const auto& b) { return less(b, a); });
    else
      std::stable_sort(kvs.begin(), kvs.end(), less);
    if (limit > 0 && kvs.size() > limit) {
      kvs.resize(limit);
      response.set_more(true);
    }
    for (auto& kv : kvs) {
      if (request.keys_only()) kv.clear_value();
      *response.add_kvs() = kv;
    }
    return response;
  }

  pb::PutResponse write(const pb::PutRequest& request) {
    pb::PutResponse response;
    const Keys keys = at(now());
    mvccpb::KeyValue kv;
    kv.set_key(request.key());
    kv.set_value(request.value());
    kv.set_mod_revision(revision_ + 1);
    kv.set_create_revision(revision_ + 1);
    kv.set_version(1);
    if (const auto old = keys.find(request.key()); old != keys.end()) {
      kv.set_create_revision(old->second.create_revision());
      kv.set_version(old->second.version() + 1);
      if (request.ignore_value()) kv.set_value(old->second.value());
      if (request.prev_kv()) *response.mutable_prev_kv() = old->second;
    }
    changes_.push_back({revision_ + 1, kv, false});
    ++written_;
    return response;
  }

  pb::DeleteRangeResponse write(const pb::DeleteRangeRequest& request) {
    pb::DeleteRangeResponse response;
    for (const auto& [key, kv] : at(now())) {
      if (!inside(key, request.key(), request.range_end())) continue;
      response.set_deleted(response.deleted() + 1);
      if (request.prev_kv()) *response.add_prev_kvs() = kv;
      changes_.push_back({revision_ + 1, kv, true});
    }
    written_ += response.deleted();
    return response;
  }

  static bool holds(const pb::Compare& compare, const mvccpb::KeyValue& kv) {
    int result = 0;
    const auto order = [](const auto& a, const auto& b) { return a < b ? -1 : b < a ? 1 : 0; };
    if (compare.target() == pb::Compare::VALUE) result = order(kv.value(), compare.value());
    if (compare.target() == pb::Compare::VERSION) result = order(kv.version(), compare.version());
    if (compare.target() == pb::Compare::CREATE)
      result = order(kv.create_revision(), compare.create_revision());
    if (compare.target() == pb::Compare::MOD) result = order(kv.mod_revision(), compare.mod_revision());
    if (compare.target() == pb::Compare::LEASE) result = order(kv.lease(), compare.lease());
    if (compare.result() == pb::Compare::EQUAL) return result == 0;
    if (compare.result() == pb::Compare::GREATER) return result > 0;
    if (compare.result() == pb::Compare::LESS) return result < 0;
    return result != 0;
  }

  static bool succeeds(const pb::TxnRequest& request, const Keys& before) {
    for (const auto& compare : request.compare()) {
      int matches = 0;
      for (const auto& [key, kv] : before) {
        if (!inside(key, compare.key(), compare.range_end())) continue;
        ++matches;
        if (!holds(compare, kv)) return false;
      }
      if (matches == 0 && (compare.target() == pb::Compare::VALUE || !holds(compare, {}))) return false;
    }
    return true;
  }

  static void collect(const pb::TxnRequest& request, const Keys& before,
                      std::vector<const pb::RequestOp*>* taken) {
    for (const auto& op : succeeds(request, before) ? request.success() : request.failure()) {
      if (op.has_request_txn())
        collect(op.request_txn(), before, taken);
      else
        taken->push_back(&op);
    }
  }

  pb::TxnResponse run(const pb::TxnRequest& request, const Keys& before) {
    pb::TxnResponse response;
    response.set_succeeded(succeeds(request, before));
    for (const auto& op : response.succeeded() ? request.success() : request.failure()) {
      pb::ResponseOp* const answer = response.add_responses();
      if (op.has_request_range()) {
        *answer->mutable_response_range() = range_response(op.request_range(), now());
        answer->mutable_response_range()->mutable_header()->set_revision(now());
      } else if (op.has_request_put()) {
        *answer->mutable_response_put() = write(op.request_put());
        answer->mutable_response_put()->mutable_header()->set_revision(now());
      } else if (op.has_request_delete_range()) {
        *answer->mutable_response_delete_range() = write(op.request_delete_range());
        answer->mutable_response_delete_range()->mutable_header()->set_revision(now());
      } else {
        *answer->mutable_response_txn() = run(op.request_txn(), before);
        answer->mutable_response_txn()->mutable_header();
      }
    }
    return response;
  }

  std::vector<Change> changes_;
  std::int64_t revision_ = 1;
  std::int64_t compact_ = -1;
  std::int64_t written_ = 0;
};

}  // namespace cairn::mvcc
