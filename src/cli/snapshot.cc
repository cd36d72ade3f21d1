// snapshot: backups of a whole cluster as files of etcd's: saved from a member, looked at, laid down as the
// data directory of a new member.
#include <boost/asio/io_context.hpp>
#include <optional>
#include <ostream>

#include "base/hex_id.h"
#include "base/sha256.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "client/endpoint.h"
#include "client/secure.h"
#include "io/posix_disk.h"
#include "proto/rpc.pb.h"
#include "rpc/client.h"

namespace cairn::cli {
namespace {

using etcdserverpb::SnapshotResponse;

constexpr char kMethod[] = "/etcdserverpb.Maintenance/Snapshot";
constexpr std::uint64_t kSyncBytes = std::uint64_t{16} << 20;  // not all at the end
constexpr const char* kPart = ".part";

// A file that is written piece by piece, under another name until it is whole.
class Saving {
 public:
  Saving(const Context& context, io::Disk& disk, std::string path)
      : context_(context), disk_(disk), path_(std::move(path)) {}
  ~Saving() {
    if (file_ != nullptr) (void)disk_.remove(path_ + kPart);
    if (context_.err_is_terminal && shown_) context_.err << "\r\x1b[K";
  }
  Saving(const Saving&) = delete;
  Saving& operator=(const Saving&) = delete;

  Status open() {
    (void)disk_.remove(path_ + kPart);  // of an attempt that was cut off
    file_ = TRY(disk_.open(path_ + kPart, io::OpenMode::create));
    return {};
  }

  // The last message is the digest of all before it: which one that is shows when the stream has ended.
  Status take(std::string_view message) {
    SnapshotResponse response;
    if (!response.ParseFromArray(message.data(), static_cast<int>(message.size())))
      return fail(Code::data_loss, "what came is no snapshot");
    TRY(put(last_));
    hash_.update(last_);
    last_ = response.blob();
    show(response.remaining_bytes());
    return {};
  }

  Status finish() {
    if (size_ == 0 || last_ != hash_.digest())
      return fail(Code::data_loss,
                  "what came is not what was sent: its SHA-256 is not the one at its end; nothing was saved");
    TRY(put(last_));
    TRY(file_->sync());
    TRY(disk_.rename(path_ + kPart, path_));
    file_.reset();
    const std::size_t slash = path_.rfind('/');
    return disk_.sync_dir(slash == std::string::npos ? "." : slash == 0 ? "/" : path_.substr(0, slash));
  }
  std::uint64_t size_bytes() const { return size_; }

 private:
  Status put(std::string_view bytes) {
    TRY(file_->write_at(size_, std::as_bytes(std::span(bytes))));
    size_ += bytes.size();
    if (size_ - synced_ < kSyncBytes) return {};
    synced_ = size_;
    return file_->sync();
  }
  void show(std::uint64_t remaining) {
    if (!context_.err_is_terminal || size_ - shown_at_ < (std::uint64_t{1} << 20)) return;
    shown_at_ = size_;
    shown_ = true;
    context_.err << "\r\x1b[K" << in_units(size_) << ", " << in_units(remaining) << " to come" << std::flush;
  }

  const Context& context_;
  io::Disk& disk_;
  const std::string path_;
  std::unique_ptr<io::File> file_;
  std::string last_;
  Sha256 hash_;
  std::uint64_t size_ = 0, synced_ = 0, shown_at_ = 0;
  bool shown_ = false;
};

int refuse_file(const Context& context, const Error& error) {
  return report(context, error.code == Code::data_loss ? kExitNegative : kExitLocalIo, error.message);
}

// Another member may answer what this one does not.
bool may_be_elsewhere(Code code) {
  return code == Code::unavailable || code == Code::deadline_exceeded || code == Code::resource_exhausted;
}

struct Streamed {
  Status status;
  Code code = Code::ok;
  std::string message;
  bool began = false;
};

// Logs in over the connection, if there is anybody to log in as.
rpc::Headers metadata_of(const Context& context, boost::asio::io_context* loop, rpc::GrpcClient* client) {
  if (context.user.name.empty()) return {};
  etcdserverpb::AuthenticateRequest request;
  request.set_name(context.user.name);
  request.set_password(context.user.password);
  const auto result = rpc::call_and_wait(*loop, *client, "/etcdserverpb.Auth/Authenticate",
                                         request.SerializeAsString(), {}, context.timeout);
  loop->restart();
  etcdserverpb::AuthenticateResponse response;
  // Without a token the server says what is wrong.
  if (result.code != Code::ok || !response.ParseFromString(result.message)) return {};
  return {{"token", response.token()}};
}

Streamed stream_from(const Context& context, const std::string& endpoint, Saving* to) {
  Streamed done;
  const auto address = client::parse_endpoint(endpoint);
  boost::asio::io_context loop;
  rpc::GrpcClient::Options transport;
  if (address->secure) {
    Result<net::Layer> layer = client::layer_to("", context.tls, client::Http::two);
    if (!layer) {
      done.status = tl::unexpected(layer.error());
      return done;
    }
    transport.layer = *std::move(layer);
  }
  rpc::GrpcClient client(loop, address->host, address->port, transport);
  std::optional<std::string> refusal;
  bool ended = false;
  std::uint64_t received = 0;
  rpc::GrpcClient::StreamId stream = 0;
  stream = client.open_stream(
      kMethod, metadata_of(context, &loop, &client),
      [&](std::string_view message) {
        ++received;
        if (done.status) done.status = to->take(message);
        if (!done.status) client.cancel(stream);
      },
      [&](const rpc::GrpcReply& reply) {
        ended = true;
        done.code = reply.code;
        done.message = std::string(reply.status_message);
      });
  client.write(stream, "");
  client.half_close(stream);
  // Patience is for a member that says nothing at all; how long all of it takes is the network's.
  for (std::uint64_t before = 0; !ended; before = received) {
    loop.run_for(context.timeout);
    if (loop.stopped()) loop.restart();
    if (ended || received != before) continue;
    done.code = Code::deadline_exceeded;
    done.message = "nothing came for " + std::to_string(context.timeout.count()) + " ms";
    break;
  }
  done.began = received > 0;
  client.close();
  return done;
}

int save(const Context& context, const SnapshotOptions& options) {
  io::PosixDisk disk;
  const auto exists = disk.exists(options.file);
  if (!exists) return refuse_file(context, exists.error());
  if (*exists && !options.force)
    return report(context, kExitUsage, options.file + " is there already",
                  "name another file, or replace it with --force");
  std::string said;
  for (const std::string& endpoint : context.endpoints) {
    Saving saving(context, disk, options.file);
    if (const Status opened = saving.open(); !opened) return refuse_file(context, opened.error());
    const Streamed done = stream_from(context, endpoint, &saving);
    if (!done.status) return refuse_file(context, done.status.error());
    if (done.code != Code::ok) {
      said += (said.empty() ? "" : "; ") + endpoint + ": " + done.message;
      if (!done.began && may_be_elsewhere(done.code)) continue;
      if (!done.began) return report(context, kExitRefused, "no backup from " + said);
      return report(context, kExitUnreachable, "the backup ended before its end: " + said, "try again");
    }
    if (const Status finished = saving.finish(); !finished) return refuse_file(context, finished.error());
    if (context.format == Format::json)
      context.out
          << Json({{"file", options.file}, {"size_bytes", saving.size_bytes()}, {"from", endpoint}}).dump()
          << "\n";
    else
      context.err << "saved " << options.file << ", " << in_units(saving.size_bytes()) << ", from "
                  << endpoint << "\n";
    return kExitOk;
  }
  return report(context, kExitUnreachable, "no backup from any server: " + said,
                "cairn status says who is there");
}

std::string hex32(std::uint32_t number) { return hex_id(number).substr(8); }

Json to_json(const BackupFacts& facts) {
  return {{"hash", hex32(facts.hash)}, {"revision", facts.revision},
          {"keys", facts.keys},        {"compact_revision", facts.compact_revision},
          {"records", facts.records},  {"leases", facts.leases},
          {"users", facts.users},      {"size_bytes", facts.size_bytes}};
}

int look(const Context& context, const SnapshotOptions& options) {
  const auto facts = context.backups->look(options.file, options.restore.skip_hash_check);
  if (!facts) return refuse_file(context, facts.error());
  if (context.format == Format::json) {
    context.out << to_json(*facts).dump() << "\n";
    return kExitOk;
  }
  const std::vector<std::string> row = {hex32(facts->hash),
                                        std::to_string(facts->revision),
                                        std::to_string(facts->keys),
                                        std::to_string(facts->records),
                                        std::to_string(facts->leases),
                                        in_units(facts->size_bytes)};
  const std::vector<std::string> heads = {"HASH", "REVISION", "KEYS", "RECORDS", "LEASES", "SIZE"};
  if (context.format == Format::table) {
    context.out << table({heads, row});
    return kExitOk;
  }
  std::vector<std::vector<std::string>> lines;
  for (std::size_t i = 0; i < row.size(); ++i) lines.push_back({heads[i], row[i]});
  context.out << table(lines);
  return kExitOk;
}

int lay_down(const Context& context, const SnapshotOptions& options) {
  RestoreOrder order = options.restore;
  order.file = options.file;
  if (order.data_dir.empty())
    return report(context, kExitUsage, "snapshot restore: --data-dir is missing",
                  "name the directory to be made, as the member will get it");
  if ((order.bump_revision > 0) != options.mark_compacted)
    return report(context, kExitUsage, "--bump-revision and --mark-compacted go together",
                  "revisions that are left out were never there: watches from before have to begin anew");
  const auto restored = context.backups->restore(order);
  if (!restored)
    return restored.error().code == Code::invalid_argument
               ? report(context, kExitUsage, restored.error().message)
               : refuse_file(context, restored.error());
  if (context.format == Format::json) {
    Json json = to_json(restored->facts);
    json["data_dir"] = order.data_dir;
    json["cluster_id"] = hex_id(restored->cluster_id);
    json["member_id"] = hex_id(restored->member_id);
    json["members"] = restored->members;
    context.out << json.dump() << "\n";
    return kExitOk;
  }
  context.err << "restored " << order.data_dir << ": revision " << restored->facts.revision << ", "
              << restored->facts.keys << " keys, " << restored->facts.leases << " leases, one of "
              << restored->members.size() << " members\n";
  return kExitOk;
}

}  // namespace

int snapshot(const Context& context, const SnapshotOptions& options) {
  if (options.what == "save") return save(context, options);
  if (context.backups == nullptr) return report(context, kExitInternal, "this program reads no backups");
  return options.what == "status" ? look(context, options) : lay_down(context, options);
}

}  // namespace cairn::cli
