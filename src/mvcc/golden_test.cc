// Recorded: what a long, odd log came to, answer by answer and hash by hash. Members of different builds
// apply one log, so a change of any of these numbers is a change of what the state is.
#include <xxhash.h>

#include <algorithm>
#include <string>

#include "base/prng.h"
#include "mvcc/harness_fixture.h"

namespace cairn::mvcc {
namespace {

struct Digest final : ApplySink {
  bool wants(std::uint64_t) const override { return true; }
  void done(std::uint64_t request_id, Outcome outcome) override {
    add("request " + std::to_string(request_id) + " code " + std::to_string(static_cast<int>(outcome.code)) +
        " revision " + std::to_string(outcome.revision) + " " + outcome.error + "|" + outcome.body);
    (outcome.code == Code::ok ? applied : refused) += 1;
  }
  void add(const std::string& text) { value = XXH3_64bits_withSeed(text.data(), text.size(), value); }
  std::uint64_t value = 0;
  int applied = 0, refused = 0;
};

// Commands of every kind, most of them good.
class Author {
 public:
  std::string entry(bool told_time) {
    command::Batch batch;
    if (told_time) batch.set_leader_elapsed_ms(random_.below(20'000));
    for (std::uint64_t i = random_.below(4); i > 0; --i) *batch.add_commands() = command();
    std::string bytes = in_entry(batch);
    if (random_.chance(1, 60)) bytes.resize(random_.below(bytes.size() + 1));
    return bytes;
  }

 private:
  std::string key() { return random_.chance(1, 40) ? "" : "key" + std::to_string(random_.below(30)); }
  std::string end() { return random_.chance(2, 3) ? "" : key(); }
  pb::PutRequest put() {
    pb::PutRequest request = put_request(key(), std::string(random_.below(40), 'v'));
    request.set_prev_kv(random_.chance(1, 3));
    request.set_ignore_value(random_.chance(1, 15));
    if (random_.chance(1, 2) && request.ignore_value()) request.clear_value();
    if (random_.chance(1, 30)) request.set_lease(7);
    return request;
  }
  pb::DeleteRangeRequest erase() {
    pb::DeleteRangeRequest request = delete_request(key(), end());
    request.set_prev_kv(random_.chance(1, 2));
    return request;
  }
  pb::TxnRequest txn(int depth) {
    pb::TxnRequest request;
    for (std::uint64_t i = random_.below(3); i > 0; --i) {
      pb::Compare* const compare = request.add_compare();
      compare->set_key(key());
      compare->set_target(static_cast<pb::Compare::CompareTarget>(random_.below(5)));
      compare->set_result(static_cast<pb::Compare::CompareResult>(random_.below(4)));
      if (random_.chance(1, 2)) compare->set_mod_revision(static_cast<std::int64_t>(random_.below(2000)));
    }
    for (auto* const ops : {request.mutable_success(), request.mutable_failure()}) {
      for (std::uint64_t i = random_.below(4); i > 0; --i) {
        pb::RequestOp* const op = ops->Add();
        switch (random_.below(depth < 2 ? 5 : 4)) {
          case 0:
          case 1:
            *op->mutable_request_put() = put();
            break;
          case 2:
            *op->mutable_request_delete_range() = erase();
            break;
          case 3:
            *op->mutable_request_range() = range_request(key(), end());
            break;
          default:
            *op->mutable_request_txn() = txn(depth + 1);
        }
      }
    }
    return request;
  }
  void publish(command::PublishMember* member) {
    member->set_id(random_.below(5));
    member->set_name(std::string(random_.below(10), 'n'));
    for (std::uint64_t i = random_.below(3); i > 0; --i) member->add_peer_urls("http://" + std::to_string(i));
    for (std::uint64_t i = random_.below(3); i > 0; --i)
      member->add_client_urls("http://" + std::to_string(i));
  }
  void request(command::Command* command) {
    switch (random_.below(24)) {
      case 0:
        revision_ += static_cast<std::int64_t>(random_.below(60));
        return command->mutable_compaction()->set_revision(revision_);
      case 1:
        return publish(command->mutable_publish());
      case 2:  // a kind of later versions
        command->GetReflection()->MutableUnknownFields(command)->AddLengthDelimited(99, "later");
        return;
      case 3:  // a request of an unknown enum, or none at all
        if (random_.chance(1, 2)) command->mutable_txn()->add_success();
        return;
      case 4:
      case 5:
      case 6:
        *command->mutable_delete_range() = erase();
        return;
      case 7:
      case 8:
      case 9:
      case 10:
        *command->mutable_txn() = txn(0);
        return;
      default:
        *command->mutable_put() = put();
    }
  }
  command::Command command() {
    if (request_id_ == 0 || !random_.chance(1, 12)) {
      sent_.Clear();
      sent_.set_time_unix_ms(static_cast<std::int64_t>(random_.below(3'000'000)));
      if (random_.chance(1, 4)) sent_.set_idempotency_key("once" + std::to_string(random_.below(300)));
      if (random_.chance(1, 90)) sent_.set_idempotency_key(std::string(257, 'k'));
      if (random_.chance(1, 8))
        sent_.set_idempotency_revision(static_cast<std::int64_t>(random_.below(2000)));
      request(&sent_);
    }
    sent_.set_request_id(++request_id_);
    return sent_;
  }

  Prng random_{20};
  command::Command sent_;  // now and then again
  std::int64_t revision_ = 0;
  std::uint64_t request_id_ = 0;
};

TEST(Golden, AnswersAndHashesAreThoseRecorded) {
  Limits limits;
  limits.sessions_max = 60;
  Harness store(limits);
  Author author;
  Digest digest;
  MemberMap members;
  std::uint64_t index = 0;
  for (std::uint64_t id = 0; id < 5; ++id) members[id].id = id;
  store.machine->follow(members);
  while (index < 2000) {
    const std::string entry = author.entry(index >= 500);
    store.machine->apply({++index, 1}, entry, &digest);
    digest.add(std::to_string(store.machine->state_hash()));
  }
  EXPECT_EQ(digest.applied, 2067);
  EXPECT_EQ(digest.refused, 837);
  EXPECT_EQ(digest.value, 13689399892432400574U);
  EXPECT_EQ(store.machine->state_hash(), 15046502607903835742U);
}

}  // namespace
}  // namespace cairn::mvcc
