#include "mvcc/hash_kv.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/crc32c.h"
#include "mvcc/encode.h"
#include "mvcc/stored_form.h"

namespace cairn::mvcc {
namespace {

constexpr std::string_view kBucket = "key";  // of etcd's database, hashed in front

}  // namespace

HashKv::HashKv(const KvState& state, std::int64_t revision, const StepLimits& step,
               std::shared_ptr<const void> keep)
    : keep_(std::move(keep)),
      revision_(revision),
      compact_revision_(state.compact_revision),
      step_records_(step.range_records),
      walk_(state, step, revision),
      hash_(crc32c(0, kBucket)) {}

bool HashKv::measure() {
  if (!prepared_ && revision_ >= 1)
    prepared_ = walk_.prepare();
  else if (revision_ < 1 || hash())
    finish();
  return measured_;
}

bool HashKv::hash() {
  std::size_t hashed_bytes = 0;
  for (std::size_t steps = step_records_; steps > 0 && hashed_bytes < kStepBytes; --steps) {
    const Record* const record = walk_.get();
    if (record == nullptr || record->mod_revision() > revision_) return true;
    if (record->live() || !walk_.is_old()) {
      add(*record);
      hashed_bytes += record->size_bytes();
    }
    walk_.next();
  }
  return false;
}

void HashKv::add(const Record& record) {
  scratch_.clear();
  after_.clear();
  put_revision_key(record.mod_revision(), record.sub(), record.tombstone(), &scratch_);
  put_stored_around(record, &scratch_, &after_);
  hash_ = crc32c(hash_, scratch_);
  hash_ = crc32c(hash_, record.value());
  hash_ = crc32c(hash_, after_);
}

void HashKv::finish() {
  encode::number(&body_, 2, hash_);
  encode::number(&body_, 3, static_cast<std::uint64_t>(compact_revision_));
  encode::number(&body_, 4, static_cast<std::uint64_t>(revision_));
  measured_ = true;
}

void HashKv::read(std::size_t bytes_max, std::string* out) {
  const std::size_t size = std::min(bytes_max, body_.size() - read_);
  out->append(body_, read_, size);
  read_ += size;
}

}  // namespace cairn::mvcc
