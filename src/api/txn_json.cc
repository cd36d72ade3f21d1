#include "api/txn_json.h"

#include <initializer_list>

#include "api/rest.h"
#include "api/rest_lease.h"

namespace cairn::api {
namespace {

using etcdserverpb::Compare;
using etcdserverpb::RequestOp;

tl::unexpected<Error> bad(const std::string& what) { return fail(Code::invalid_argument, what); }

// An object with no other members than these: a misspelt one must not be silently without effect.
Status expect_object(const Json& value, const std::string& where,
                     std::initializer_list<std::string_view> members) {
  if (!value.is_object()) return bad(where + " must be an object");
  for (const auto& item : value.items()) {
    bool known = false;
    std::string list;
    for (const std::string_view each : members) {
      known = known || item.key() == each;
      list += (list.empty() ? "" : ", ") + std::string(each);
    }
    if (!known) return bad(where + " has an unknown member '" + item.key() + "'; known: " + list);
  }
  return {};
}

Result<std::string> member_bytes(const Json& object, const std::string& name, const std::string& where) {
  if (!object.contains(name)) return bad(where + "." + name + " is missing");
  return bytes_from_json(object[name], where + "." + name);
}

Result<bool> member_bool(const Json& object, const std::string& name, const std::string& where) {
  if (!object.contains(name)) return false;
  if (!object[name].is_boolean()) return bad(where + "." + name + " must be true or false");
  return object[name].get<bool>();
}

Result<std::int64_t> member_number(const Json& object, const std::string& name, const std::string& where) {
  if (!object.contains(name)) return bad(where + "." + name + " is missing");
  const Json& value = object[name];
  // An unsigned number above the signed range would wrap around.
  if (!value.is_number_integer() || (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX))
    return bad(where + "." + name + " must be a whole number");
  return value.get<std::int64_t>();
}

Status read_exists(const Json& json, const std::string& where, Compare* compare) {
  if (!json.contains("value") || !json["value"].is_boolean())
    return bad(where + ".value must be true or false");
  if (compare->result() != Compare::EQUAL) return bad(where + ".op must be == for the target exists");
  compare->set_target(Compare::CREATE);
  compare->set_create_revision(0);
  compare->set_result(json["value"].get<bool>() ? Compare::GREATER : Compare::EQUAL);
  return {};
}

Status read_compare(const Json& json, const std::string& where, Compare* compare) {
  TRY(expect_object(json, where, {"key", "target", "op", "value"}));
  compare->set_key(TRY(member_bytes(json, "key", where)));
  if (json.contains("op") && !json["op"].is_string()) return bad(where + ".op must be a string");
  const std::string op = json.value("op", "==");
  if (op == "==") {
    compare->set_result(Compare::EQUAL);
  } else if (op == "!=") {
    compare->set_result(Compare::NOT_EQUAL);
  } else if (op == "<") {
    compare->set_result(Compare::LESS);
  } else if (op == ">") {
    compare->set_result(Compare::GREATER);
  } else {
    return bad(where + ".op '" + op + "' is unknown: ==, !=, < or >");
  }
  if (!json.contains("target") || !json["target"].is_string()) return bad(where + ".target is missing");
  const std::string target = json["target"].get<std::string>();
  if (target == "mod") {
    compare->set_target(Compare::MOD);
    compare->set_mod_revision(TRY(member_number(json, "value", where)));
  } else if (target == "version") {
    compare->set_target(Compare::VERSION);
    compare->set_version(TRY(member_number(json, "value", where)));
  } else if (target == "create") {
    compare->set_target(Compare::CREATE);
    compare->set_create_revision(TRY(member_number(json, "value", where)));
  } else if (target == "value") {
    compare->set_target(Compare::VALUE);
    compare->set_value(TRY(member_bytes(json, "value", where)));
  } else if (target == "exists") {
    TRY(read_exists(json, where, compare));
  } else {
    return bad(where + ".target '" + target + "' is unknown: mod, version, create, value or exists");
  }
  return {};
}

template <class Request>
Status read_range(const Json& json, const std::string& where, Request* request) {
  if (json.contains("key") == json.contains("prefix")) return bad(where + " needs either key or prefix");
  if (json.contains("key")) {
    request->set_key(TRY(member_bytes(json, "key", where)));
  } else {
    set_prefix(TRY(member_bytes(json, "prefix", where)), request);
  }
  return {};
}

Status read_op(const Json& json, const std::string& where, RequestOp* op) {
  TRY(expect_object(json, where, {"put", "get", "delete"}));
  if (json.size() != 1) return bad(where + " must hold exactly one of put, get, delete");
  const std::string kind = json.begin().key();
  const Json& body = json.begin().value();
  const std::string inner = where + "." + kind;
  if (kind == "put") {
    TRY(expect_object(body, inner, {"key", "value", "prev", "lease"}));
    etcdserverpb::PutRequest* put = op->mutable_request_put();
    put->set_key(TRY(member_bytes(body, "key", inner)));
    put->set_value(TRY(member_bytes(body, "value", inner)));
    put->set_prev_kv(TRY(member_bool(body, "prev", inner)));
    if (body.contains("lease")) {
      if (!body["lease"].is_string()) return bad(inner + ".lease must be a string");
      put->set_lease(TRY(lease_id_from(body["lease"].get_ref<const std::string&>())));
    }
  } else if (kind == "get") {
    TRY(expect_object(body, inner, {"key", "prefix", "limit", "keys_only"}));
    etcdserverpb::RangeRequest* range = op->mutable_request_range();
    TRY(read_range(body, inner, range));
    range->set_keys_only(TRY(member_bool(body, "keys_only", inner)));
    if (body.contains("limit")) range->set_limit(TRY(member_number(body, "limit", inner)));
  } else {
    TRY(expect_object(body, inner, {"key", "prefix", "prev"}));
    etcdserverpb::DeleteRangeRequest* remove = op->mutable_request_delete_range();
    TRY(read_range(body, inner, remove));
    remove->set_prev_kv(TRY(member_bool(body, "prev", inner)));
  }
  return {};
}

template <class Read>
Status read_list(const Json& json, const std::string& name, Read read) {
  if (!json.contains(name)) return {};
  if (!json[name].is_array()) return bad(name + " must be a list");
  std::size_t i = 0;
  for (const Json& item : json[name]) TRY(read(item, name + "[" + std::to_string(i++) + "]"));
  return {};
}

Json kvs_to_json(const google::protobuf::RepeatedPtrField<mvccpb::KeyValue>& kvs, bool keys_only) {
  Json out = Json::array();
  for (const mvccpb::KeyValue& kv : kvs) out.push_back(to_json(kv, keys_only));
  return out;
}

Json op_to_json(const etcdserverpb::ResponseOp& op, bool keys_only) {
  if (op.has_response_put()) {
    Json body = Json::object();
    if (op.response_put().has_prev_kv()) body["previous"] = to_json(op.response_put().prev_kv());
    return {{"put", body}};
  }
  if (op.has_response_range()) {
    const auto& range = op.response_range();
    return {
        {"get",
         {{"count", range.count()}, {"more", range.more()}, {"kvs", kvs_to_json(range.kvs(), keys_only)}}}};
  }
  const auto& removed = op.response_delete_range();
  Json body = {{"deleted", removed.deleted()}};
  if (removed.prev_kvs_size() > 0) body["previous"] = kvs_to_json(removed.prev_kvs(), false);
  return {{"delete", body}};
}

}  // namespace

Result<etcdserverpb::TxnRequest> txn_from_json(std::string_view text, int depth_max) {
  const Json json = TRY(parse_json(text, depth_max));
  TRY(expect_object(json, "the transaction", {"if", "then", "else"}));
  etcdserverpb::TxnRequest txn;
  TRY(read_list(json, "if", [&](const Json& item, const std::string& where) {
    return read_compare(item, where, txn.add_compare());
  }));
  TRY(read_list(json, "then", [&](const Json& item, const std::string& where) {
    return read_op(item, where, txn.add_success());
  }));
  TRY(read_list(json, "else", [&](const Json& item, const std::string& where) {
    return read_op(item, where, txn.add_failure());
  }));
  return txn;
}

Json txn_to_json(const etcdserverpb::TxnRequest& request, const etcdserverpb::TxnResponse& response,
                 std::int64_t revision) {
  const auto& branch = response.succeeded() ? request.success() : request.failure();
  Json results = Json::array();
  for (int i = 0; i < response.responses_size(); ++i) {
    const bool keys_only = i < branch.size() && branch.Get(i).request_range().keys_only();
    results.push_back(op_to_json(response.responses(i), keys_only));
  }
  return {{"succeeded", response.succeeded()}, {"revision", revision}, {"results", std::move(results)}};
}

}  // namespace cairn::api
