#include "cli/log_entry.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "base/utf8.h"
#include "cli/context.h"
#include "proto/command.pb.h"
#include "raft/members.h"

namespace cairn::cli {
namespace {

constexpr std::size_t kShownBytesMax = 32;

// The start of a value, and how long it is.
Json cut_to_json(const std::string& bytes) {
  std::size_t end = std::min(bytes.size(), kShownBytesMax);
  while (end > 0 && end < bytes.size() && (static_cast<unsigned char>(bytes[end]) & 0xc0) == 0x80) --end;
  const std::string start = is_utf8(bytes) ? bytes.substr(0, end) : bytes.substr(0, kShownBytesMax);
  Json out = {{"value", bytes_to_json(start)}, {"value_bytes", bytes.size()}};
  if (start.size() < bytes.size()) out["cut"] = true;
  return out;
}

Json to_json(const etcdserverpb::PutRequest& put) {
  Json out = {{"key", bytes_to_json(put.key())}};
  out.update(cut_to_json(put.value()));
  if (put.lease() != 0) out["lease"] = put.lease();
  return out;
}

template <class Range>
Json range_to_json(const Range& range) {
  Json out = {{"key", bytes_to_json(range.key())}};
  if (!range.range_end().empty()) out["range_end"] = bytes_to_json(range.range_end());
  return out;
}

Json to_json(const etcdserverpb::TxnRequest& txn);

Json to_json(const google::protobuf::RepeatedPtrField<etcdserverpb::RequestOp>& operations) {
  Json out = Json::array();
  for (const etcdserverpb::RequestOp& each : operations) {
    if (each.has_request_put()) out.push_back({{"put", to_json(each.request_put())}});
    if (each.has_request_range()) out.push_back({{"range", range_to_json(each.request_range())}});
    if (each.has_request_delete_range())
      out.push_back({{"delete_range", range_to_json(each.request_delete_range())}});
    if (each.has_request_txn()) out.push_back({{"txn", to_json(each.request_txn())}});
  }
  return out;
}

Json to_json(const etcdserverpb::TxnRequest& txn) {
  Json compares = Json::array();
  for (const etcdserverpb::Compare& each : txn.compare()) compares.push_back(range_to_json(each));
  return {{"if", std::move(compares)}, {"then", to_json(txn.success())}, {"else", to_json(txn.failure())}};
}

// Of users, roles and logins: whom or what it names. Hashes are nobody's to read.
void add_auth(const command::Command& command, Json* out) {
  constexpr int kFirst = command::Command::kAuthEnableFieldNumber;
  if (command.request_case() < kFirst || command.request_case() > command::Command::kLogin) return;
  const google::protobuf::FieldDescriptor& kind =
      *command.GetDescriptor()->FindFieldByNumber(static_cast<int>(command.request_case()));
  const google::protobuf::Message& request = command.GetReflection()->GetMessage(command, &kind);
  Json named = Json::object();
  for (const char* const name : {"name", "user", "role"}) {
    const google::protobuf::FieldDescriptor* const field = request.GetDescriptor()->FindFieldByName(name);
    if (field != nullptr) named[name] = bytes_to_json(request.GetReflection()->GetString(request, field));
  }
  (*out)["auth"] = {{"do", kind.name()}, {"named", std::move(named)}};
}

Json to_json(const command::Command& command) {
  Json out = Json::object();
  if (command.has_put()) out["put"] = to_json(command.put());
  if (command.has_delete_range()) out["delete_range"] = range_to_json(command.delete_range());
  if (command.has_txn()) out["txn"] = to_json(command.txn());
  if (command.has_compaction()) out["compaction"] = {{"revision", command.compaction().revision()}};
  if (command.has_publish())
    out["publish"] = {{"name", bytes_to_json(command.publish().name())},
                      {"client_urls", command.publish().client_urls()}};
  add_auth(command, &out);
  if (out.empty()) out["unknown"] = {{"bytes", command.ByteSizeLong()}};
  if (!command.idempotency_key().empty()) out["idempotency_key"] = bytes_to_json(command.idempotency_key());
  return out;
}

std::string_view data_of(const raft::Entry& entry) {
  return entry.data == nullptr ? std::string_view() : std::string_view(*entry.data);
}

void add_members(std::string_view data, Json* out) {
  const std::optional<raft::Members> members = raft::decode_members(data);
  if (!members) {
    (*out)["unreadable"] = true;
    return;
  }
  const auto ids = [](const std::vector<raft::NodeId>& list) {
    Json numbers = Json::array();
    for (const raft::NodeId id : list) numbers.push_back(id.v);
    return numbers;
  };
  (*out)["voters"] = ids(members->voters);
  (*out)["learners"] = ids(members->learners);
}

void add_commands(std::string_view data, Json* out) {
  command::Batch batch;
  const bool readable = batch.ParseFromArray(data.data(), static_cast<int>(data.size()));
  Json& commands = (*out)["commands"] = Json::array();
  for (const command::Command& each : batch.commands()) commands.push_back(to_json(each));
  if (!readable) (*out)["unreadable"] = true;  // behind the commands that could be read
}

// ---- the same as text ----

std::string text_of(const Json& bytes) {
  if (bytes.is_string()) return printable(bytes.get<std::string>());
  std::string raw;
  return bytes_from_json(bytes, &raw) ? printable(raw) : "?";
}

std::string range_text(const Json& range) {
  return text_of(range["key"]) + (range.contains("range_end") ? " up to " + text_of(range["range_end"]) : "");
}

std::string put_text(const Json& put) {
  const auto bytes = put["value_bytes"].get<std::uint64_t>();
  return text_of(put["key"]) + " = " + text_of(put["value"]) + (put.contains("cut") ? "..." : "") + " (" +
         std::to_string(bytes) + (bytes == 1 ? " byte)" : " bytes)");
}

std::string operation_text(const std::string& kind, const Json& what);

// Of {"put": {..}, "idempotency_key": ..}.
std::string command_text(const Json& command) {
  std::string out;
  for (const auto& [kind, what] : command.items())
    out += (out.empty() ? "" : ", ") + operation_text(kind, what);
  return out;
}

std::string list_text(const Json& operations) {
  std::string out;
  for (const Json& each : operations) out += (out.empty() ? "" : ", ") + command_text(each);
  return out;
}

std::string txn_text(const Json& txn) {
  std::string out;
  for (const Json& each : txn["if"]) out += (out.empty() ? "if " : ", ") + range_text(each);
  if (!txn["then"].empty()) out += (out.empty() ? "" : " ") + ("then " + list_text(txn["then"]));
  if (!txn["else"].empty()) out += (out.empty() ? "" : " ") + ("else " + list_text(txn["else"]));
  return "[" + out + "]";
}

std::string operation_text(const std::string& kind, const Json& what) {
  if (kind == "put") return "put " + put_text(what);
  if (kind == "range") return "get " + range_text(what);
  if (kind == "delete_range") return "delete " + range_text(what);
  if (kind == "txn") return "txn " + txn_text(what);
  if (kind == "compaction") return "compact up to revision " + what["revision"].dump();
  if (kind == "publish") return "publish " + text_of(what["name"]) + " " + what["client_urls"].dump();
  if (kind == "auth") {
    std::string out = what["do"].get<std::string>();
    for (const auto& [name, value] : what["named"].items()) out += " " + name + "=" + text_of(value);
    return out;
  }
  if (kind == "idempotency_key") return "once under " + text_of(what);
  return "a command that this version does not know, " + what["bytes"].dump() + " bytes";
}

}  // namespace

Json entry_to_json(const raft::Entry& entry) {
  constexpr const char* kTypes[] = {"noop", "command", "members"};
  const std::string_view data = data_of(entry);
  Json out = {{"kind", "entry"},
              {"index", entry.index.v},
              {"term", entry.term.v},
              {"type", kTypes[static_cast<std::size_t>(entry.type)]},
              {"bytes", data.size()}};
  if (entry.type == raft::EntryType::command) add_commands(data, &out);
  if (entry.type == raft::EntryType::members) add_members(data, &out);
  return out;
}

std::string entry_to_text(const raft::Entry& entry) {
  const Json json = entry_to_json(entry);
  std::string out = "entry index=" + json["index"].dump() + " term=" + json["term"].dump() +
                    " type=" + json["type"].get<std::string>() + " bytes=" + json["bytes"].dump();
  if (json.contains("voters"))
    out += " voters=" + json["voters"].dump() + " learners=" + json["learners"].dump();
  std::string said;
  const Json commands = json.value("commands", Json::array());
  for (const Json& command : commands) said += (said.empty() ? ": " : "; ") + command_text(command);
  out += said;
  if (json.contains("unreadable")) out += " and bytes that cannot be read";
  return out;
}

}  // namespace cairn::cli
