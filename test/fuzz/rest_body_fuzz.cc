// Whatever the body of POST /v1/txn is, reading it ends in a transaction or in an error that says something.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "api/api.h"
#include "api/txn_json.h"
#include "base/check.h"
#include "etcd/validate.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cairn;
  const auto txn =
      api::txn_from_json({reinterpret_cast<const char*>(data), size}, api::Config{}.json_depth_max);
  if (!txn) {
    CHECK(!txn.error().message.empty());
    return 0;
  }
  (void)etcd::validate(*txn);
  etcdserverpb::TxnRequest again;
  CHECK(again.ParseFromString(txn->SerializeAsString()));
  return 0;
}
