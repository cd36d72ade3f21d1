#include "load/workload.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/check.h"
#include "base/codec.h"
#include "load/stamp.h"
#include "proto/rpc.pb.h"

namespace cairn::load {
namespace {

constexpr std::string_view kPrefix = "bench/";
constexpr std::size_t kDigits = 12;
constexpr std::size_t kKeyBytes = kPrefix.size() + kDigits;
constexpr std::size_t kPoolBytes = std::size_t{4} << 20;
// Below etcd's default limits of 128 operations in a transaction and 1.5 MiB in a request.
constexpr std::size_t kFillKeysMax = 100;
constexpr std::size_t kFillBytesMax = std::size_t{1} << 20;

constexpr std::string_view kPutPath = "/etcdserverpb.KV/Put";
constexpr std::string_view kRangePath = "/etcdserverpb.KV/Range";
constexpr std::string_view kTxnPath = "/etcdserverpb.KV/Txn";
constexpr std::string_view kDeletePath = "/etcdserverpb.KV/DeleteRange";
constexpr std::string_view kGrantPath = "/etcdserverpb.Lease/LeaseGrant";

void write_digits(std::uint64_t number, char* last) {
  for (std::size_t i = 0; i < kDigits; ++i, number /= 10) *last-- = static_cast<char>('0' + number % 10);
}

RequestTemplate put_template(std::size_t value_bytes) {
  etcdserverpb::PutRequest put;
  put.set_key(bench_key(0));
  put.set_value(std::string(value_bytes, '.'));
  return {kPutPath, put.SerializeAsString(), value_bytes};
}

RequestTemplate get_template(bool serializable) {
  etcdserverpb::RangeRequest get;
  get.set_key(bench_key(0));
  get.set_serializable(serializable);
  return {kRangePath, get.SerializeAsString(), 0};
}

RequestTemplate range_template(std::uint64_t keys, bool serializable) {
  etcdserverpb::RangeRequest range;
  range.set_key(bench_key(0));
  range.set_range_end(bench_key(1));
  range.set_serializable(serializable);
  return RequestTemplate::of_range(kRangePath, range.SerializeAsString(), keys);
}

RequestTemplate delete_template() {
  etcdserverpb::DeleteRangeRequest request;
  request.set_key(bench_key(0));
  return {kDeletePath, request.SerializeAsString(), 0};
}

// A comparison that is looked up and holds, then a put of the same key.
RequestTemplate txn_template(std::size_t value_bytes) {
  etcdserverpb::TxnRequest txn;
  auto* const compare = txn.add_compare();
  compare->set_key(bench_key(0));
  compare->set_target(etcdserverpb::Compare::VERSION);
  compare->set_result(etcdserverpb::Compare::GREATER);
  compare->set_version(-1);
  auto* const put = txn.add_success()->mutable_request_put();
  put->set_key(bench_key(0));
  put->set_value(std::string(value_bytes, '.'));
  return {kTxnPath, txn.SerializeAsString(), value_bytes};
}

RequestTemplate fill_template(std::uint64_t keys, std::size_t value_bytes) {
  etcdserverpb::TxnRequest txn;
  for (std::uint64_t i = 0; i < keys; ++i) {
    auto* const put = txn.add_success()->mutable_request_put();
    put->set_key(bench_key(i));
    put->set_value(std::string(value_bytes, '.'));
  }
  return {kTxnPath, txn.SerializeAsString(), value_bytes};
}

}  // namespace

std::string bench_key(std::uint64_t number) {
  std::string key = std::string(kPrefix) + std::string(kDigits, '0');
  write_digits(number, &key.back());
  return key;
}

Values::Values(std::size_t value_bytes, Prng* random) : value_bytes_(value_bytes) {
  pool_.resize(kPoolBytes + value_bytes);
  for (char& c : pool_) c = static_cast<char>('!' + random->below(94));
}

std::string_view Values::of(std::uint64_t number) const {
  return std::string_view(pool_).substr(number * 40503 % kPoolBytes, value_bytes_);
}

RequestTemplate::RequestTemplate(std::string_view path, std::string bytes, std::size_t value_bytes)
    : path_(path), bytes_(std::move(bytes)) {
  constexpr std::size_t kTagBytes = 1;
  value_offset_ = kKeyBytes + kTagBytes + codec::varint_size(value_bytes);
  for (std::size_t at = bytes_.find(kPrefix); at != std::string::npos; at = bytes_.find(kPrefix, at + 1)) {
    const std::uint64_t ahead = std::stoull(bytes_.substr(at + kPrefix.size(), kDigits));
    const bool has_value =
        value_bytes > 0 && at + value_offset_ + value_bytes <= bytes_.size() &&
        std::string_view(bytes_).substr(at + value_offset_, value_bytes).find_first_not_of('.') ==
            std::string_view::npos;
    places_.push_back({at, ahead, has_value});
  }
  CHECK(!places_.empty());
}

RequestTemplate RequestTemplate::of_range(std::string_view path, std::string bytes, std::uint64_t ahead) {
  RequestTemplate made(path, std::move(bytes), 0);
  CHECK(made.places_.size() == 2);
  made.places_[1].ahead = ahead;
  return made;
}

const std::string& RequestTemplate::with(std::uint64_t number, const Values& values) {
  for (const Place& place : places_) {
    write_digits(number + place.ahead, bytes_.data() + place.at + kKeyBytes - 1);
    if (!place.has_value) continue;
    const std::string_view value = values.of(number + place.ahead + issued_);
    char* const at = bytes_.data() + place.at + value_offset_;
    std::memcpy(at, value.data(), value.size());
    if (value.size() >= kStampBytes) put_stamp(at, steady_now_us());
  }
  issued_ += 1;
  return bytes_;
}

Workload::Workload(const Options& options)
    : options_(options),
      random_(42),
      values_(options.value_bytes, &random_),
      put_(put_template(options.value_bytes)),
      get_(get_template(options.serializable)),
      range_(range_template(std::min(options.range_keys, options.keys), options.serializable)),
      txn_(txn_template(options.value_bytes)),
      delete_(delete_template()) {
  fill_keys_ = std::clamp<std::uint64_t>(kFillBytesMax / (options.value_bytes + 64), 1,
                                         std::min<std::uint64_t>(kFillKeysMax, options.keys));
  fill_ = fill_template(fill_keys_, options.value_bytes);
  const std::uint64_t rest = options.keys % fill_keys_;
  fill_last_ = fill_template(rest == 0 ? fill_keys_ : rest, options.value_bytes);
  etcdserverpb::RangeRequest count;
  count.set_key(bench_key(0));
  count.set_range_end(bench_key(options.keys));
  count.set_count_only(true);
  count_ = count.SerializeAsString();
  etcdserverpb::LeaseGrantRequest grant;
  grant.set_ttl(options.ttl_seconds);
  grant_ = grant.SerializeAsString();
}

std::uint64_t Workload::next_number() {
  return options_.sequential ? issued_ % options_.keys : random_.below(options_.keys);
}

Workload::Call Workload::next() {
  const auto call = [this](RequestTemplate& of, std::uint64_t number) {
    return Call{of.path(), of.with(number, values_), of.path() == kRangePath};
  };
  issued_ += 1;
  if (options_.kind == "put") return call(put_, next_number());
  if (options_.kind == "get") return call(get_, next_number());
  if (options_.kind == "txn") return call(txn_, next_number());
  if (options_.kind == "mixed") return call(random_.below(100) < options_.reads ? get_ : put_, next_number());
  if (options_.kind == "grant") return {kGrantPath, grant_};
  if (options_.kind == "range") {
    const std::uint64_t last = options_.keys - std::min(options_.range_keys, options_.keys);
    return call(range_, std::min(next_number(), last));
  }
  CHECK(options_.kind == "delete");
  // A key that is not there costs nothing to delete: each is put again in between.
  if (issued_ % 2 == 0) return call(put_, deleted_number_);
  deleted_number_ = next_number();
  return call(delete_, deleted_number_);
}

Workload::Call Workload::fill(std::uint64_t number) {
  RequestTemplate& of = number + 1 == fill_calls() ? fill_last_ : fill_;
  return {of.path(), of.with(number * fill_keys_, values_)};
}

Workload::Call Workload::count() { return {kRangePath, count_}; }

bool Workload::needs_keys() const {
  static constexpr std::array<std::string_view, 4> kReading = {"get", "range", "mixed", "delete"};
  return std::find(kReading.begin(), kReading.end(), options_.kind) != kReading.end();
}

}  // namespace cairn::load
