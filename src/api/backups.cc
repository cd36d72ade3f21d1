#include "api/backups.h"

#include <optional>
#include <string>

#include "api/grpc_methods.h"
#include "api/grpc_reply.h"
#include "base/check.h"
#include "base/sha256.h"
#include "etcd/reasons.h"
#include "node/member.h"
#include "node/requests.h"
#include "node/status.h"

namespace cairn::api {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{32} << 10;  // etcd's
constexpr int kPiecesPerTurn = 4;
// Of who has been waited for: slower, a client could keep an old state for as long as it likes.
constexpr std::uint64_t kBytesPerSecondMin = std::uint64_t{64} << 10;

}  // namespace

class BackupStream final : public rpc::GrpcStream {
 public:
  BackupStream(Backups& owner, std::shared_ptr<rpc::GrpcCall> call)
      : owner_(owner), call_(std::move(call)), self_(std::make_shared<BackupStream*>(this)), moved_(now()) {
    owner_.streams_.insert(this);
  }
  ~BackupStream() override {
    *self_ = nullptr;
    owner_.streams_.erase(this);
  }
  BackupStream(const BackupStream&) = delete;
  BackupStream& operator=(const BackupStream&) = delete;

  void on_message(std::string_view message) override {
    etcdserverpb::SnapshotRequest request;
    if (has_begun_) return call_->finish(Code::invalid_argument, "cairn: a second request on one stream");
    has_begun_ = true;
    if (parse_or_finish(*call_, message, &request)) begin();
  }
  void on_half_close() override {
    if (!has_begun_) call_->finish(Code::invalid_argument, "cairn: no request");
  }
  void on_room() override {
    moved_ = now();
    if (std::exchange(waits_for_room_, false)) turn();
  }

  void look() {
    const Duration stall_max = owner_.config_.backup_stall_max, passed = now() - looked_;
    if (waits_for_room_ && now() - moved_ >= stall_max)
      return call_->finish(Code::resource_exhausted, "cairn: the backup was not read for too long");
    if (passed < stall_max) return;
    const auto seconds = static_cast<std::uint64_t>(passed / std::chrono::seconds(1));
    if (waits_for_room_ && sent_ - sent_then_ < seconds * kBytesPerSecondMin)
      return call_->finish(Code::resource_exhausted, "cairn: the backup is read too slowly");
    looked_ = now();
    sent_then_ = sent_;
  }
  void stop() { call_->refuse(etcd::error_of(Reason::server_stopped)); }

 private:
  class Turn final : public node::ReadResponder {
   public:
    explicit Turn(std::shared_ptr<BackupStream*> of) : of_(std::move(of)) {}
    void ready(const mvcc::View& view) override {
      if (*of_ != nullptr) (*of_)->ready(view);
    }
    void failed(Error error) override {
      if (*of_ != nullptr) (*of_)->call_->refuse(error);
    }

   private:
    const std::shared_ptr<BackupStream*> of_;  // null: it has ended
  };

  Time now() const { return owner_.member_.now(); }

  // Who is being taken in would give away what little it has as all that there is. It is asked before the
  // state is looked at, and nothing is sent before it has answered.
  void begin() {
    const bool is_asked = owner_.member_.ask([self = self_](const node::Replica& replica) {
      return [self, is_full = replica.status().full] {
        if (*self != nullptr) (*self)->is_full_ = is_full;
      };
    });
    if (!is_asked) return call_->refuse(etcd::error_of(Reason::too_many_requests));
    turn();
  }

  // As etcd's, of this member's own state. Only the first turn looks at it.
  void turn() {
    owner_.member_.read({.serializable = true,
                         .deadline = now() + owner_.config_.request_timeout,
                         .responder = std::make_unique<Turn>(self_)});
  }

  void ready(const mvcc::View& view) {
    if (call_->cancelled()) return;
    if (file_ == nullptr) {
      if (const Status may = view.allows({{etcd::Access::admin, {}, {}}}); !may)
        return call_->refuse(may.error());
      file_ = view.etcd_file();
    }
    if (!is_full_) return turn();
    if (!*is_full_) return call_->refuse(etcd::error_of(Reason::member_not_full));
    if (!measured_) {
      measured_ = file_->measure();
      if (measured_) left_ = file_->size_bytes();
      return turn();
    }
    for (int i = 0; i < kPiecesPerTurn; ++i) {
      if (file_->finished()) return finish();
      if (!call_->has_room()) {
        waits_for_room_ = true;
        moved_ = now();
        return;
      }
      send_piece();
    }
    turn();
  }

  void send_piece() {
    std::string piece;
    while (piece.size() < kPieceBytes && !file_->finished()) file_->read(kPieceBytes - piece.size(), &piece);
    hash_.update(piece);
    left_ -= piece.size();
    sent_ += piece.size();
    send(piece);
  }

  void finish() {
    send(hash_.digest());
    call_->finish(Code::ok, "");
  }

  void send(const std::string& blob) {
    etcdserverpb::SnapshotResponse response;
    response.set_remaining_bytes(left_);
    response.set_blob(blob);
    call_->send("", response.SerializeAsString());
  }

  Backups& owner_;
  const std::shared_ptr<rpc::GrpcCall> call_;
  const std::shared_ptr<BackupStream*> self_;
  std::unique_ptr<LongMessage> file_;
  Sha256 hash_;
  std::uint64_t left_ = 0;
  std::uint64_t sent_ = 0, sent_then_ = 0;  // when it was looked_ at
  Time looked_ = now();
  Time moved_;                   // when it last had room, or asked for some
  std::optional<bool> is_full_;  // this member; nothing: it has not said yet
  bool has_begun_ = false, measured_ = false, waits_for_room_ = false;
};

// The calls have ended before, and so have their streams.
Backups::~Backups() { CHECK(streams_.empty()); }

std::unique_ptr<rpc::GrpcStream> Backups::open(std::shared_ptr<rpc::GrpcCall> call) {
  if (streams_.size() >= config_.backups_max) {
    call->refuse(etcd::error_of(Reason::too_many_requests));
    return nullptr;
  }
  auto stream = std::make_unique<BackupStream>(*this, std::move(call));
  if (!std::exchange(looks_, true)) wake_(member_.now() + config_.backup_stall_max);
  return stream;
}

void Backups::look() {
  // A stream may go while it is ended.
  for (BackupStream* const stream : std::set<BackupStream*>(streams_))
    if (streams_.count(stream) > 0) stream->look();
  looks_ = !streams_.empty();
  wake_(looks_ ? member_.now() + config_.backup_stall_max : Time::max());
}

void Backups::stop() {
  for (BackupStream* const stream : std::set<BackupStream*>(streams_))
    if (streams_.count(stream) > 0) stream->stop();
}

std::unique_ptr<rpc::GrpcStream> maintenance_snapshot(const GrpcContext& context) {
  return context.backups.open(context.call);
}

}  // namespace cairn::api
