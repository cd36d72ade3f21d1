#include "cli/log_entry.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "proto/command.pb.h"
#include "raft/members.h"

namespace cairn::cli {
namespace {

raft::Entry entry_of(std::string data, raft::EntryType type = raft::EntryType::command) {
  raft::Entry entry{raft::Term{2}, raft::Index{7}, type, nullptr};
  if (!data.empty()) entry.data = std::make_shared<const std::string>(std::move(data));
  return entry;
}

raft::Entry entry_of(const command::Batch& batch) { return entry_of(batch.SerializeAsString()); }

// Behind "entry index=.. bytes=N: ".
std::string commands_of(const raft::Entry& entry) {
  const std::string text = entry_to_text(entry);
  const std::size_t colon = text.find(": ");
  return colon == std::string::npos ? "" : text.substr(colon + 2);
}

TEST(LogEntry, SaysWhatEachCommandWrites) {
  command::Batch batch;
  etcdserverpb::PutRequest* put = batch.add_commands()->mutable_put();
  put->set_key("a\n");
  put->set_value("1");
  batch.add_commands()->mutable_delete_range()->set_key("b");
  etcdserverpb::DeleteRangeRequest* range = batch.add_commands()->mutable_delete_range();
  range->set_key("c");
  range->set_range_end("d");
  batch.add_commands()->mutable_compaction()->set_revision(17);
  batch.mutable_commands(3)->set_idempotency_key("order-17");
  batch.add_commands()->mutable_publish()->set_name("n1");
  batch.add_commands();
  EXPECT_EQ(
      commands_of(entry_of(batch)),
      "put a\\n = 1 (1 byte); delete b; delete c up to d; compact up to revision 17, once under order-17; "
      "publish n1 []; a command that this version does not know, 0 bytes");
}

TEST(LogEntry, SaysWhatATransactionDoes) {
  command::Batch batch;
  etcdserverpb::TxnRequest* txn = batch.add_commands()->mutable_txn();
  txn->add_compare()->set_key("lock");
  txn->add_success()->mutable_request_put()->set_key("lock");
  txn->add_success()->mutable_request_delete_range()->set_key("x");
  txn->add_failure()->mutable_request_range()->set_key("lock");
  EXPECT_EQ(commands_of(entry_of(batch)), "txn [if lock then put lock =  (0 bytes), delete x else get lock]");
}

TEST(LogEntry, ValuesAreCutAndTheirSizeSaid) {
  command::Batch batch;
  etcdserverpb::PutRequest* put = batch.add_commands()->mutable_put();
  put->set_key("k");
  put->set_value(std::string(31, 'v') + "\xc3\xa4" + std::string(1000, 'v'));
  EXPECT_EQ(commands_of(entry_of(batch)), "put k = " + std::string(31, 'v') + "... (1033 bytes)")
      << "cut where a character begins";
  const Json json = entry_to_json(entry_of(batch));
  EXPECT_EQ(json["index"], 7);
  EXPECT_EQ(json["commands"][0]["put"]["value_bytes"], 1033);
  EXPECT_EQ(json["commands"][0]["put"]["cut"], true);
  put->set_value(std::string(100, '\xff'));
  EXPECT_TRUE(entry_to_json(entry_of(batch))["commands"][0]["put"]["value"].contains("base64"));
}

TEST(LogEntry, OtherEntriesAndBytesThatAreNone) {
  EXPECT_EQ(entry_to_text(entry_of("", raft::EntryType::noop)), "entry index=7 term=2 type=noop bytes=0");
  raft::Members members;
  members.voters = {raft::NodeId{1}, raft::NodeId{2}};
  const std::string text = entry_to_text(entry_of(*raft::encode(members), raft::EntryType::members));
  EXPECT_NE(text.find("type=members"), std::string::npos) << text;
  EXPECT_NE(text.find("voters=[1,2] learners=[]"), std::string::npos) << text;
  EXPECT_NE(entry_to_text(entry_of("\xff\xff")).find("cannot be read"), std::string::npos);
  EXPECT_NE(entry_to_text(entry_of("\xff", raft::EntryType::members)).find("cannot be read"),
            std::string::npos);
}

}  // namespace
}  // namespace cairn::cli
