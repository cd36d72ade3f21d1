#include "server/archived.h"

#include <utility>

#include "base/codec.h"
#include "base/sha256.h"
#include "mvcc/stored_form.h"

namespace cairn::server {
namespace {

// Each change of the revision, under the key that etcd's database would have it.
Status tell(const archive::Frame& frame, const bbolt::OnPair& on_record) {
  std::string key;
  std::uint64_t sub = 0;
  for (const archive::Change& change : frame.changes) {
    key.clear();
    mvcc::put_revision_key(frame.revision, sub++, change.deletion, &key);
    TRY(on_record(key, change.record));
  }
  return {};
}

}  // namespace

Status Archived::each(const bbolt::OnPair& on_record,
                      const std::function<void(std::int64_t lease, std::int64_t ttl_s)>& on_lease) {
  std::uint64_t lineage = 0;
  std::int64_t revision = 0;
  for (const std::string& path : paths_) {
    const auto reader = TRY(archive::Reader::open(disk_, path));
    if (revision > 0 && (reader->head().lineage != lineage || reader->head().after != revision))
      return fail(Code::data_loss, path + " does not go on where the archive before it ends");
    lineage = reader->head().lineage;
    // Nothing beyond it counts: that may have grown by the time that the next member is restored.
    for (revision = reader->revision(); revision < until_; revision = reader->revision()) {
      const archive::Frame* const frame = TRY(reader->next());
      if (frame == nullptr) break;
      if (frame->kind == archive::Kind::lease) on_lease(frame->lease, frame->ttl_s);
      if (frame->kind == archive::Kind::changes) TRY(tell(*frame, on_record));
    }
  }
  return {};
}

Result<std::string> Archived::digest() {
  Sha256 hash;
  std::string front;
  const auto take = [&](std::string_view key, std::string_view value) -> Status {
    front.assign(key);
    codec::put_fixed(&front, static_cast<std::uint64_t>(value.size()));
    hash.update(front);
    hash.update(value);
    return {};
  };
  const auto take_lease = [&](std::int64_t lease, std::int64_t ttl_s) {
    front.clear();
    codec::put_fixed(&front, lease);
    codec::put_fixed(&front, ttl_s);
    hash.update(front);
  };
  TRY(each(take, take_lease));
  return hash.digest();
}

}  // namespace cairn::server
