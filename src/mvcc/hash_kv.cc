#include "mvcc/hash_kv.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/crc32c.h"
#include "mvcc/encode.h"

namespace cairn::mvcc {
namespace {

constexpr std::string_view kBucket = "key";  // of etcd's database, hashed in front

bool is_before(const Record* a, const Record* b) {
  return std::pair(a->mod_revision(), a->sub()) < std::pair(b->mod_revision(), b->sub());
}

void put_big_endian(std::uint64_t number, std::string* out) {
  for (int shift = 56; shift >= 0; shift -= 8) out->push_back(static_cast<char>(number >> shift & 255));
}

}  // namespace

HashKv::HashKv(const KvState& state, std::int64_t revision, const StepLimits& step,
               std::shared_ptr<const void> keep)
    : keep_(std::move(keep)),
      state_(state),
      revision_(revision),
      step_records_(step.range_records),
      cursor_(state_.keys, {}),
      change_at_(state.history.lower_bound(state.compact_revision + 1)),
      hash_(crc32c(0, kBucket)) {
  if (state.compact_revision < 1 || revision < 1) phase_ = Phase::changes;
}

bool HashKv::measure() {
  hashed_bytes_ = 0;
  switch (phase_) {
    case Phase::gather:
      if (gather()) phase_ = Phase::sort;
      return false;
    case Phase::sort:
      if (sort_.step(&old_, step_records_, is_before)) phase_ = Phase::old;
      return false;
    case Phase::old:
      if (hash_old()) phase_ = Phase::changes;
      return false;
    case Phase::changes:
      if (hash_changes()) finish();
  }
  return measured_;
}

// Of each key the newest record that the revision had, where that is compacted already.
bool HashKv::gather() {
  for (std::size_t steps = step_records_; steps > 0; --steps) {
    if (cursor_.get() == nullptr) return true;
    if (chain_ == nullptr) chain_ = cursor_.get();
    if (chain_->mod_revision() > revision_ && chain_->previous != nullptr) {
      chain_ = chain_->previous;
      continue;
    }
    if (chain_->mod_revision() <= std::min(revision_, state_.compact_revision) && chain_->live())
      old_.push_back(chain_);
    chain_ = nullptr;
    cursor_.next();
  }
  return false;
}

bool HashKv::hash_old() {
  for (std::size_t steps = step_records_; steps > 0 && hashed_bytes_ < kStepBytes; --steps) {
    if (old_at_ == old_.size()) return true;
    add(*old_[old_at_++]);
  }
  return false;
}

bool HashKv::hash_changes() {
  for (std::size_t steps = step_records_; steps > 0 && hashed_bytes_ < kStepBytes; --steps) {
    if (change_at_ == state_.history.end) return true;
    const Record& record = *state_.history.at(change_at_);
    if (record.mod_revision() > revision_) return true;
    add(record);
    ++change_at_;
  }
  return false;
}

void HashKv::add(const Record& record) {
  scratch_.clear();
  put_big_endian(static_cast<std::uint64_t>(record.mod_revision()), &scratch_);
  scratch_.push_back('_');
  put_big_endian(record.sub(), &scratch_);
  if (record.tombstone()) {
    scratch_.push_back('t');
    encode::bytes(&scratch_, 1, record.key());
  } else {
    encode::bytes(&scratch_, 1, record.key());
    encode::number(&scratch_, 2, static_cast<std::uint64_t>(record.create_revision()));
    encode::number(&scratch_, 3, static_cast<std::uint64_t>(record.mod_revision()));
    encode::number(&scratch_, 4, static_cast<std::uint64_t>(record.version()));
    if (!record.value().empty()) encode::bytes(&scratch_, 5, record.value());
    encode::number(&scratch_, 6, static_cast<std::uint64_t>(record.lease()));
  }
  hash_ = crc32c(hash_, scratch_);
  hashed_bytes_ += scratch_.size();
}

void HashKv::finish() {
  encode::number(&body_, 2, hash_);
  encode::number(&body_, 3, static_cast<std::uint64_t>(state_.compact_revision));
  encode::number(&body_, 4, static_cast<std::uint64_t>(revision_));
  measured_ = true;
}

void HashKv::read(std::size_t bytes_max, std::string* out) {
  const std::size_t size = std::min(bytes_max, body_.size() - read_);
  out->append(body_, read_, size);
  read_ += size;
}

}  // namespace cairn::mvcc
