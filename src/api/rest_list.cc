// GET /v1/kv: the keys of a range, page by page, or how many they are.
#include <algorithm>
#include <optional>
#include <vector>

#include "api/json.h"
#include "api/listing.h"
#include "api/rest.h"
#include "etcd/validate.h"

namespace cairn::api {
namespace {

using etcdserverpb::RangeRequest;
using etcdserverpb::RangeResponse;

// Reads the range of a listing by key, a few records at a time, each step behind the one before.
class Steps {
 public:
  Steps(RestCall& rest, const mvcc::View& view, const Listing& listing) : rest_(rest), view_(view) {
    request_.set_key(listing.from);
    request_.set_range_end(listing.end);
    request_.set_revision(listing.revision);
  }
  void read_keys_only() { request_.set_keys_only(true); }
  bool more() const { return more_; }
  std::size_t bytes() const { return bytes_; }
  const std::string& next_key() const { return request_.key(); }

  Result<RangeResponse> read(std::int64_t keys_max) {
    request_.set_limit(keys_max);
    RangeResponse found = TRY(range());
    more_ = found.more() && found.kvs_size() > 0;
    if (more_) request_.set_key(found.kvs(found.kvs_size() - 1).key() + '\0');
    return found;
  }
  // At the newest revision that is known without looking at each.
  Result<RangeResponse> count() {
    request_.set_count_only(true);
    more_ = false;
    return range();
  }

 private:
  Result<RangeResponse> range() {
    const auto checked = TRY(etcd::check(request_, rest_.config().request));
    const mvcc::Outcome outcome = view_.page(checked);
    if (outcome.code != Code::ok) return tl::unexpected(outcome.refusal());
    RangeResponse found;
    CHECK(found.ParseFromString(outcome.body));
    bytes_ += outcome.body.size();
    return found;
  }

  RestCall& rest_;
  const mvcc::View& view_;
  RangeRequest request_;
  std::size_t bytes_ = 0;
  bool more_ = true;
};

void add_cursor(bool more, const std::string& cursor, Json* body) {
  (*body)["more"] = more;
  if (more) (*body)["cursor"] = cursor;
}

Result<Json> page_by_key(RestCall& rest, const mvcc::View& view, const Listing& listing) {
  Steps steps(rest, view, listing);
  if (listing.keys_only) steps.read_keys_only();
  Json kvs = Json::array();
  for (std::int64_t left = listing.limit;
       steps.more() && left > 0 && steps.bytes() < rest.config().page_bytes_max;) {
    const RangeResponse found = TRY(steps.read(std::min(left, rest.config().page_step_keys)));
    for (const mvccpb::KeyValue& kv : found.kvs()) kvs.push_back(to_json(kv, listing.keys_only));
    left -= found.kvs_size();
  }
  Json body = {{"revision", listing.revision}, {"kvs", std::move(kvs)}};
  add_cursor(steps.more(), cursor_at(listing.revision, steps.next_key()), &body);
  return body;
}

// What is past has to be looked at key by key, so its count comes in pages, too: they add up.
Result<Json> count(RestCall& rest, const mvcc::View& view, const Listing& listing) {
  Steps steps(rest, view, listing);
  std::int64_t count = 0;
  if (listing.revision == view.revision()) {
    count = TRY(steps.count()).count();
  } else {
    steps.read_keys_only();
    while (steps.more() && count < listing.limit)
      count += TRY(steps.read(std::min(listing.limit - count, rest.config().page_step_keys))).kvs_size();
  }
  Json body = {{"revision", listing.revision}, {"count", count}};
  add_cursor(steps.more(), cursor_at(listing.revision, steps.next_key()), &body);
  return body;
}

bool less(RangeRequest::SortTarget target, const mvccpb::KeyValue& a, const mvccpb::KeyValue& b) {
  switch (target) {
    case RangeRequest::CREATE:
      return a.create_revision() < b.create_revision();
    case RangeRequest::MOD:
      return a.mod_revision() < b.mod_revision();
    case RangeRequest::VERSION:
      return a.version() < b.version();
    case RangeRequest::VALUE:
      return a.value() < b.value();
    default:
      return a.key() < b.key();
  }
}

Error too_many_to_sort(const Config& config) {
  return {Code::invalid_argument,
          "more than " + std::to_string(config.sort_keys_max) + " keys or " +
              std::to_string(config.sort_bytes_max >> 20) +
              " MiB are too many to sort in one request: narrow the range, or list by "
              "key and sort what comes"};
}

// All of the range, in the order that is asked for. Made anew for every page; bounded, as others wait.
Result<std::vector<mvccpb::KeyValue>> sorted_range(RestCall& rest, const mvcc::View& view,
                                                   const Listing& listing) {
  const Config& config = rest.config();
  Steps steps(rest, view, listing);
  if (listing.keys_only && listing.sort != RangeRequest::VALUE) steps.read_keys_only();
  std::vector<mvccpb::KeyValue> all;
  while (steps.more()) {
    RangeResponse found = TRY(steps.read(config.page_step_keys));
    for (mvccpb::KeyValue& kv : *found.mutable_kvs()) all.push_back(std::move(kv));
    if (all.size() > config.sort_keys_max || steps.bytes() > config.sort_bytes_max)
      return tl::unexpected(too_many_to_sort(config));
  }
  std::stable_sort(all.begin(), all.end(), [&listing](const auto& a, const auto& b) {
    return listing.descending ? less(listing.sort, b, a) : less(listing.sort, a, b);
  });
  return all;
}

Result<Json> sorted_page(RestCall& rest, const mvcc::View& view, const Listing& listing) {
  const auto all = TRY(sorted_range(rest, view, listing));
  Json kvs = Json::array();
  std::size_t bytes = 0;
  std::uint64_t at = std::min<std::uint64_t>(listing.skip, all.size());
  for (std::int64_t left = listing.limit; at < all.size() && left > 0 && bytes < rest.config().page_bytes_max;
       --left, ++at) {
    bytes += all[at].ByteSizeLong();
    kvs.push_back(to_json(all[at], listing.keys_only));
  }
  Json body = {{"revision", listing.revision}, {"kvs", std::move(kvs)}};
  add_cursor(at < all.size(), cursor_behind(listing.revision, at), &body);
  return body;
}

void list(RestCall& rest, const mvcc::View& view, Consistency consistency, Listing listing) {
  if (listing.revision == 0) listing.revision = view.revision();
  rest.config().metrics->ranges.add();
  const Result<Json> body = listing.count_only ? count(rest, view, listing)
                            : listing.sorted   ? sorted_page(rest, view, listing)
                                               : page_by_key(rest, view, listing);
  if (!body) return rest.refuse(body.error());
  rpc::HttpResponse response = json_response(200, body->dump());
  mark_read(&response, view, consistency);
  rest.respond(std::move(response));
}

}  // namespace

void rest_list(const Rest& rest) {
  Result<Listing> listing = listing_of(rest->target(), rest->config());
  if (!listing) return rest->refuse(listing.error());
  rest_read(rest,
            [listing = *std::move(listing)](RestCall& call, const mvcc::View& view, Consistency consistency) {
              list(call, view, consistency, listing);
            });
}

}  // namespace cairn::api
