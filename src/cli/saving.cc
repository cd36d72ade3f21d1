#include "cli/saving.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <ostream>
#include <utility>

#include "base/sha256.h"
#include "cli/logged_in.h"
#include "client/endpoint.h"
#include "client/secure.h"
#include "proto/rpc.pb.h"
#include "rpc/client.h"

namespace cairn::cli {
namespace {

using etcdserverpb::SnapshotResponse;

constexpr char kMethod[] = "/etcdserverpb.Maintenance/Snapshot";
constexpr std::uint64_t kSyncBytes = std::uint64_t{16} << 20;  // not all at the end
constexpr const char* kPart = ".part";
constexpr std::chrono::milliseconds kLookUp{100};  // whether it should stop

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
    show(response.remaining_bytes());
    return take_piece(response.blob());
  }
  Status take_piece(std::string_view piece) {
    TRY(put(last_));
    hash_.update(last_);
    last_ = piece;
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

// Another member may answer what this one does not.
bool may_be_elsewhere(Code code) {
  return code == Code::unavailable || code == Code::deadline_exceeded || code == Code::resource_exhausted;
}

using Stop = std::function<bool()>;

struct Streamed {
  Status status;
  Code code = Code::ok;
  std::string message;
  bool stopped = false;
};

// Of one stream, as it goes on.
struct Progress {
  std::uint64_t received = 0;
  bool ended = false;
};

// Until it has ended, nothing came for as long as the patience is, or `stop` says so. Patience is for a
// member that says nothing at all; how long all of it takes is the network's.
void await_end(boost::asio::io_context* loop, std::chrono::milliseconds patience, const Stop& stop,
               const Progress& progress, Streamed* done) {
  using std::chrono::steady_clock;
  std::uint64_t before = 0;
  for (auto since = steady_clock::now();;) {
    loop->run_for(std::min(patience, kLookUp));
    if (loop->stopped()) loop->restart();
    if (progress.ended) return;
    if (stop && stop()) {
      done->stopped = true;
      return;
    }
    if (progress.received != before) {
      before = progress.received;
      since = steady_clock::now();
    } else if (steady_clock::now() - since >= patience) {
      done->code = Code::deadline_exceeded;
      done->message = "nothing came for " + std::to_string(patience.count()) + " ms";
      return;
    }
  }
}

Streamed stream_from(const Context& context, const std::string& endpoint, Saving* to, const Stop& stop) {
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
  Progress progress;
  rpc::GrpcClient::StreamId stream = 0;
  stream = client.open_stream(
      kMethod, logged_in(context, &loop, &client),
      [&](std::string_view message) {
        ++progress.received;
        if (done.status) done.status = to->take(message);
        if (!done.status) client.cancel(stream);
      },
      [&](const rpc::GrpcReply& reply) {
        if (std::exchange(progress.ended, true)) return;  // closing it ends it once more
        done.code = reply.code;
        done.message = std::string(reply.status_message);
        loop.stop();  // the connection would have it wait for more
      });
  client.write(stream, "");
  client.half_close(stream);
  await_end(&loop, context.timeout, stop, progress, &done);
  progress.ended = true;
  if (done.code != Code::ok && progress.received > 0) done.message += ", in the middle of it";
  client.close();
  return done;
}

SaveEnd ended(int exit_code, std::string message, std::string hint = "") {
  SaveEnd end;
  end.exit_code = exit_code;
  end.message = std::move(message);
  end.hint = std::move(hint);
  return end;
}

SaveEnd ended(const Error& error) {
  return ended(exit_code_of_file(error), error.message,
               error.code == io::kFull ? "nothing of it was kept: make room, or name another place" : "");
}

}  // namespace

int exit_code_of_file(const Error& error) {
  return error.code == Code::data_loss ? kExitNegative : kExitLocalIo;
}

SaveEnd save_backup(const Context& context, io::Disk& disk, const std::string& path, const Stop& stop) {
  std::string said;
  for (const std::string& endpoint : context.endpoints) {
    Saving saving(context, disk, path);
    if (const Status opened = saving.open(); !opened) return ended(opened.error());
    const Streamed done = stream_from(context, endpoint, &saving, stop);
    if (!done.status) return ended(done.status.error());
    if (done.stopped) return ended(kExitInterrupted, "interrupted: nothing was saved");
    if (done.code != Code::ok) {
      said += (said.empty() ? "" : "; ") + endpoint + ": " + done.message;
      if (may_be_elsewhere(done.code)) continue;
      return ended(kExitRefused, "no backup from " + said);
    }
    if (const Status finished = saving.finish(); !finished) return ended(finished.error());
    SaveEnd end;
    end.size_bytes = saving.size_bytes();
    end.from = endpoint;
    return end;
  }
  return ended(kExitUnreachable, "no backup from any server: " + said, "cairn status says who is there");
}

Result<Rescued> rescue_backup(const Context& context, io::Disk& disk, const std::string& dir,
                              const std::string& path, std::uint64_t* size_bytes) {
  Saving saving(context, disk, path);
  TRY(saving.open());
  Rescued rescued = TRY(
      context.backups->rescue(dir, [&saving](std::string_view piece) { return saving.take_piece(piece); }));
  TRY(saving.finish());
  *size_bytes = saving.size_bytes();
  return rescued;
}

}  // namespace cairn::cli
