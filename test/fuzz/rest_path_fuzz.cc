// Whatever a target is, parsing it ends, and what was accepted can be written again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "api/api.h"
#include "api/router.h"
#include "base/check.h"
#include "base/percent.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cairn;
  const std::size_t parameters_max = api::Config{}.query_parameters_max;
  const auto target = api::parse_target({reinterpret_cast<const char*>(data), size}, parameters_max);
  if (!target) return 0;
  CHECK(target->query.size() <= parameters_max);
  (void)api::number_parameter(*target, "limit", 1);
  (void)api::key_parameter(*target, "prefix");
  if (api::route_of(target->path) != api::Route::kv_key) return 0;
  const auto key = api::key_of(*target);
  if (!key) return 0;
  const auto again = api::parse_target("/v1/kv/" + percent_encode(*key), parameters_max);
  CHECK(again && (key->empty() || *api::key_of(*again) == *key));
  CHECK(base64url_decode(base64url_encode(*key)) == *key);
  return 0;
}
