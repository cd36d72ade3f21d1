// Makes a stopped member another one than its cluster's others without breaking a checksum, as a faulty
// program or machine would have; diverged_test.py runs it.
//
//   make_different log|state DATA_DIR FROM TO
//
// log: the last entry with the bytes FROM has the bytes TO in their place, and those behind it follow once
// more. state: there is a snapshot of a state in which that was so, behind a log that has not changed.
#include <algorithm>
#include <cstdio>
#include <string>

#include "base/bytes.h"
#include "io/posix_disk.h"
#include "server/data_dir.h"

namespace {

using namespace cairn;

Bytes replaced(const Bytes& data, const std::string& from, const std::string& to) {
  std::string text = *data;
  text.replace(text.find(from), from.size(), to);
  return make_bytes(std::move(text));
}

Status change_log(server::DataDir* data, std::size_t at, Bytes bytes) {
  std::vector<raft::Entry>& entries = data->recovered.raft.entries;
  entries[at].data = std::move(bytes);
  raft::LogWrite write;
  write.entries.assign(entries.begin() + static_cast<std::ptrdiff_t>(at), entries.end());
  TRY(data->log->append(write));
  return data->log->sync();
}

Status change_state(server::DataDir* data, std::size_t at, Bytes bytes) {
  raft::SnapshotMeta meta = data->recovered.raft.snapshot;
  std::vector<raft::Entry>& entries = data->recovered.raft.entries;
  entries[at].data = std::move(bytes);
  for (const raft::Entry& entry : entries) {
    if (entry.index <= meta.index) continue;
    const bool command = entry.type == raft::EntryType::command && entry.data != nullptr;
    data->recovered.machine->apply({entry.index.v, entry.term.v},
                                   command ? std::string_view(*entry.data) : std::string_view(), nullptr);
  }
  meta.index = entries.back().index;
  meta.term = entries.back().term;
  meta.chain = 0;  // not known
  const auto writer = TRY(data->snapshots->create(meta));
  TRY(data->recovered.machine->view()->save(writer.get()));
  return writer->publish();
}

Status make_different(const std::string& what, const std::string& dir, const std::string& from,
                      const std::string& to) {
  io::PosixDisk disk;
  const server::Start start{.bootstrap = fail(Code::not_found, "there is no member in " + dir), .name = {}};
  server::DataDir data = TRY(server::open_data_dir(disk, dir, start));
  const std::vector<raft::Entry>& entries = data.recovered.raft.entries;
  const auto has = [&](const raft::Entry& entry) {
    return entry.data != nullptr && entry.data->find(from) != std::string::npos;
  };
  const auto found = std::find_if(entries.rbegin(), entries.rend(), has);
  if (found == entries.rend() || from.size() != to.size())
    return fail(Code::not_found, "no entry has " + from);
  std::printf("index %llu\n", static_cast<unsigned long long>(found->index.v));
  const std::size_t at = static_cast<std::size_t>(entries.rend() - found) - 1;
  Bytes bytes = replaced(found->data, from, to);
  TRY(what == "log" ? change_log(&data, at, std::move(bytes)) : change_state(&data, at, std::move(bytes)));
  return data.log->close();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return std::fputs("usage: make_different log|state DATA_DIR FROM TO\n", stderr), 2;
  const Status done = make_different(argv[1], argv[2], argv[3], argv[4]);
  if (!done) std::fprintf(stderr, "make_different: %s\n", done.error().message.c_str());
  return done ? 0 : 1;
}
