// Saving and loading: the frame of docs/format/state.md around the sections.
#include <algorithm>
#include <limits>
#include <string>
#include <string_view>

#include "mvcc/sections.h"

namespace cairn::mvcc {
namespace {

constexpr std::string_view kMagic = "CAIRNST\n";
constexpr std::uint32_t kVersion = 5;
constexpr std::uint32_t kVersionUnnamed = 2;  // its sections had no names and lengths
constexpr std::uint32_t kVersionMin = kVersionUnnamed;
constexpr std::uint32_t kNameBytesMax = 64;

struct Section {
  std::string_view name;
  std::uint32_t version;
  std::uint32_t since;  // the first version of the frame that demands it; an older one leaves it empty
  void (*save)(const Contents& contents, StateWriter* to);
  Status (*load)(StateReader* from, Storage* storage);
};

// In the order in which they are written and read. What stands here is never renamed, nor given an older
// version.
constexpr Section kSections[] = {
    {"members", 1, 2, save_members, load_members}, {"sessions", 1, 2, save_sessions, load_sessions},
    {"leases", 1, 4, save_leases, load_leases},    {"alarms", 1, 4, save_alarms, load_alarms},
    {"auth", 1, 5, save_auth, load_auth},          {"keys", 1, 2, save_keys, load_keys},
};

void save_section(const Section& section, const Contents& contents, StateWriter* to) {
  to->text(section.name);
  to->numbers(section.version);
  const std::uint64_t begin = to->offset();
  section.save(contents, to);
  to->numbers(to->offset() - begin);
}

bool is_name(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

// Never passed over: what it holds may be what the state depends on.
Error not_readable(const std::string& name, std::uint32_t version) {
  if (!is_name(name)) return malformed("a section's name is none");
  for (const Section& section : kSections)
    if (section.name == name && section.version == version)
      return malformed("its section '" + name + "' is not in its place");
  return {Code::data_loss,
          "the saved state has a section '" + name + "' of version " + std::to_string(version) +
              ", which this program does not read: use the program that wrote it, or a newer "
              "one"};
}

Status load_section(const Section& section, StateReader* from, Storage* storage) {
  const auto name = TRY(from->text(kNameBytesMax));
  if (name.empty()) return tl::unexpected(malformed("it has no section '" + std::string(section.name) + "'"));
  const auto version = TRY(from->number<std::uint32_t>());
  if (name != section.name || version != section.version) return tl::unexpected(not_readable(name, version));
  const std::uint64_t begin = from->offset();
  TRY(section.load(from, storage));
  const std::uint64_t size = from->offset() - begin;
  if (const auto stored = TRY(from->number<std::uint64_t>()); stored != size)
    return tl::unexpected(malformed("its section '" + name + "' has " + std::to_string(stored) +
                                    " bytes, of which " + std::to_string(size) + " make sense"));
  return {};
}

Status load_sections(StateReader* from, std::uint32_t frame, Storage* storage) {
  for (const Section& section : kSections) {
    if (section.since > frame) continue;
    TRY(frame == kVersionUnnamed ? section.load(from, storage) : load_section(section, from, storage));
  }
  if (frame == kVersionUnnamed) return {};
  const auto name = TRY(from->text(kNameBytesMax));
  if (name.empty()) return {};
  return tl::unexpected(not_readable(name, TRY(from->number<std::uint32_t>())));
}

Status load_head(StateReader* from, Storage* storage) {
  const auto applied_index = TRY(from->number<std::uint64_t>());
  if (applied_index >= std::numeric_limits<std::uint64_t>::max() - 2)
    return tl::unexpected(malformed("an applied index of " + std::to_string(applied_index)));
  const auto newest = TRY(from->number<std::int64_t>());
  const auto compact = TRY(from->number<std::int64_t>());
  if (newest < 1 || compact < -1 || compact > newest)
    return tl::unexpected(
        malformed("revision " + std::to_string(newest) + ", compacted at " + std::to_string(compact)));
  storage->applied_index = applied_index;
  storage->epochs.begin(applied_index + 1);
  storage->store.load_begin(newest, compact);
  return {};
}

}  // namespace

Status save_contents(const Contents& contents, const StepLimits& step, ByteSink* sink) {
  StateWriter to(sink, step.save_bytes);
  to.raw(kMagic);
  to.numbers(kVersion, contents.applied_index, contents.kv.revision, contents.kv.compact_revision);
  for (const Section& section : kSections) save_section(section, contents, &to);
  to.text({});  // no section is without a name: the end
  to.numbers(contents.state_hash);
  return to.finish();
}

Status load_contents(ByteSource* source, Storage* storage) {
  StateReader from(source, storage->limits);
  std::string magic(kMagic.size(), '\0');
  TRY(from.raw(magic.data(), magic.size()));
  if (magic != kMagic) return tl::unexpected(malformed("it does not begin as one"));
  const auto version = TRY(from.number<std::uint32_t>());
  if (version < kVersionMin || version > kVersion)
    return fail(Code::data_loss, "the saved state has format version " + std::to_string(version) +
                                     ", this program reads versions " + std::to_string(kVersionMin) + " to " +
                                     std::to_string(kVersion) +
                                     ": use the program that wrote it, or a newer one");
  TRY(load_head(&from, storage));
  TRY(load_sections(&from, version, storage));
  const auto hash = TRY(from.number<std::uint64_t>());
  TRY(from.checksum());
  // What was written is what is read, but it was not the state any more.
  if (hash != storage->state_hash())
    return fail(
        Code::data_loss,
        "E_STATE_DAMAGED: the state of index " + std::to_string(storage->applied_index) +
            " was damaged in the memory of the member that saved it: its hash is not the one that its "
            "writes add up to; load another snapshot or fetch one from a peer, and check that machine's "
            "memory");
  return {};
}

}  // namespace cairn::mvcc
