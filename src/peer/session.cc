#include "peer/session.h"

#include <utility>

#include "base/codec.h"
#include "base/hex_id.h"
#include "base/reached.h"
#include "peer/codec.h"
#include "peer/plausible.h"

namespace cairn::peer {
namespace {

// Whoever is turned away is not proven to be a member, so it learns nothing but where to look.
const char* const kNotHere =
    "another cluster or another member is here, or the sender is not one of its members: compare "
    "--initial-cluster, --initial-cluster-token and the peer URLs of both; the log of the member here says "
    "which";

bool is_of_another_founding(const Hello& hello, const Known& known) {
  return hello.founded != 0 && known.founded != 0 && hello.founded != known.founded;
}

// To whom is refused. By a configuration it was a member: who knows the cluster's id and this member's place
// in it may know that it is none today, and why.
const char* answer_to(const Hello& hello, const Config& config, const Known& known) {
  const bool is_addressed = hello.cluster_id == config.cluster_id && hello.to == config.self;
  if (is_addressed && known.members.contains(hello.from) && is_of_another_founding(hello, known))
    return kOfAnotherFounding;
  const bool was_member = is_addressed && hello.from != config.self && !known.members.contains(hello.from) &&
                          hello.introduction && hello.introduction->by.index.v > 0;
  if (!was_member) return kNotHere;
  if (is_of_another_founding(hello, known)) return kOfAnotherFounding;
  return hello.introduction->by <= known.newest ? kNoLongerMember : kNotHere;
}

std::string text_of(raft::Position position) {
  return "term " + std::to_string(position.term.v) + ", index " + std::to_string(position.index.v);
}

// Of one that was lied to itself: whoever reads the log here is to know that it is there, and what to do.
std::string what_then(const raft::Message& message, raft::Term ceiling) {
  if (message.term <= ceiling) return "";
  if (!message.life.full)
    return "; should it be that member itself, it was told so by a liar, has promised nothing, and begins "
           "anew "
           "as soon as it has heard a member in the right term";
  return "; should it be that member itself, it was told so by a liar: empty its data directory and start it "
         "again; should all the others say so, this one's";
}

}  // namespace

const char* name(Refused reason) {
  switch (reason) {
    case Refused::bytes:
      return "bytes";
    case Refused::hello:
      return "hello";
    case Refused::frame:
      return "frame";
    case Refused::identity:
      return "identity";
    case Refused::implausible:
      return "implausible";
    case Refused::disbelieved:
      return "disbelieved";
    case Refused::crowded:
      return "crowded";
    case Refused::by_other:
      return "by_other";
  }
  return "unknown";
}

Status check_hello(const Hello& hello, const Config& config, const Known& known, raft::Term ceiling,
                   Time now) {
  const std::string who = "a hello of member " + hex_id(hello.from.v);
  const auto refuse = [&](const std::string& why) { return fail(Code::failed_precondition, who + why); };
  if (hello.version != kProtocolVersion)
    return refuse(" in peer protocol version " + std::to_string(hello.version) + ", this member speaks " +
                  std::to_string(kProtocolVersion) + ": run one release on all members");
  if (hello.cluster_id != config.cluster_id)
    return refuse(" of cluster " + hex_id(hello.cluster_id) + ", this member belongs to cluster " +
                  hex_id(config.cluster_id) +
                  ": check --initial-cluster and --initial-cluster-token of both");
  if (hello.to != config.self)
    return refuse(" for member " + hex_id(hello.to.v) + ", this member is " + hex_id(config.self.v) +
                  ": check the peer URLs of the cluster");
  if (hello.from == config.self)
    return refuse(", which is this member: two processes may be running with one identity");
  // Its messages are heard, and not believed by the core; what it streams would lie there for the next start.
  if (hello.kind == ConnectionKind::snapshot && is_of_another_founding(hello, known))
    return refuse(" with a snapshot, and its data is of another founding of this cluster");
  if (known.members.contains(hello.from)) return {};
  if (!hello.introduction)
    return refuse(", which is no member of this cluster: check --initial-cluster of both");
  const raft::Position by = hello.introduction->by;
  if (by.term > ceiling || by.index.v > config.limits.count_max)
    return refuse(", introduced by a configuration at a place that no log gets to: " + text_of(by));
  if (by <= known.newest)
    return refuse(", which is no member: it is introduced by the configuration of " + text_of(by) +
                  ", and the one of " + text_of(known.newest) + " here is newer");
  if (now < known.introductions_from) {
    REACHED("peer.introduced_too_soon");
    return refuse(", which is no member here: it is introduced by the configuration of " + text_of(by) +
                  ", and heard only where no leader that is a member has been heard for a while");
  }
  REACHED("peer.introduced");
  return {};
}

Refusal Session::refuse(Refused reason, std::string why) const {
  return {reason, greeted_ ? hello_.from : raft::NodeId(), std::move(why), {}, false};
}

tl::expected<Session::Taken, Refusal> Session::take(const Frame& frame, raft::Term ceiling, Time now) {
  if (!greeted_) return take_hello(frame, ceiling, now);
  const bool snapshot = hello_.kind == ConnectionKind::snapshot;
  switch (frame.type) {
    case FrameType::heartbeat:
      if (!frame.payload.empty()) break;
      return Taken(Alive{});
    case FrameType::message:
      if (snapshot) break;
      return take_message(frame.payload, ceiling);
    case FrameType::note:
      if (snapshot) break;
      return Taken(Note{frame.payload});
    case FrameType::snapshot_begin:
      if (!snapshot || begun_) break;
      return begin_snapshot(frame.payload, ceiling);
    case FrameType::snapshot_chunk:
      if (!snapshot || !begun_) break;
      return take_chunk(frame.payload);
    case FrameType::snapshot_failed:
      if (!snapshot) break;
      return Taken(SenderFailed{});
    case FrameType::hello:
    case FrameType::hello_answer:
    case FrameType::snapshot_next:
    case FrameType::snapshot_done:
      break;
  }
  return tl::unexpected(
      refuse(Refused::frame, "it sent a frame of type " + std::to_string(static_cast<int>(frame.type)) +
                                 (snapshot ? " within a snapshot stream" : " among its messages")));
}

tl::expected<Session::Taken, Refusal> Session::take_hello(const Frame& frame, raft::Term ceiling, Time now) {
  Refusal refusal{Refused::hello, {}, {}, {}, false};
  if (frame.type != FrameType::hello) {
    refusal.why = refusal.answer = "the first frame is no hello";
    return tl::unexpected(std::move(refusal));
  }
  const auto hello = decode_hello(frame.payload, config_->limits);
  if (!hello) {
    refusal.why = refusal.answer = hello.error().message;
    return tl::unexpected(std::move(refusal));
  }
  if (const Status fits = check_hello(*hello, *config_, *known_, ceiling, now); !fits) {
    refusal.names_another = hello->cluster_id == config_->cluster_id && hello->to != config_->self;
    REACHED("peer.refused.hello");
    refusal.why = fits.error().message;
    // No secret, and the way out of a rolling upgrade that cannot be one.
    if (hello->version != kProtocolVersion)
      refusal.answer = "peer protocol version " + std::to_string(kProtocolVersion) +
                       " is spoken here: run one release on all members";
    else
      refusal.answer = answer_to(*hello, *config_, *known_);
    return tl::unexpected(std::move(refusal));
  }
  hello_ = *hello;
  greeted_ = true;
  introduced_ = !known_->members.contains(hello_.from);
  return Taken(Greeted{});
}

std::optional<Refusal> Session::check(const raft::Message& message, raft::Term ceiling) const {
  if (message.from != hello_.from || message.to != hello_.to) {
    REACHED("peer.refused.identity");
    return refuse(Refused::identity,
                  "it sent a message from " + hex_id(message.from.v) + " to " + hex_id(message.to.v));
  }
  if (const Status said = plausible(message, config_->limits, ceiling); !said) {
    REACHED("peer.refused.implausible");
    Refusal refusal = refuse(Refused::implausible, said.error().message + what_then(message, ceiling));
    refusal.impossible_term = message.term > ceiling;
    return refusal;
  }
  return std::nullopt;
}

tl::expected<Session::Taken, Refusal> Session::take_message(std::string_view payload, raft::Term ceiling) {
  auto message = decode_message(payload, config_->limits);
  if (!message) {
    REACHED("peer.refused.frame");
    return tl::unexpected(refuse(Refused::frame, message.error().message));
  }
  if (auto refusal = check(*message, ceiling)) return tl::unexpected(*std::move(refusal));
  // Offers are handed out once the bytes they speak of are durable, and in no other way.
  if (std::holds_alternative<raft::SnapshotOffer>(message->body))
    return tl::unexpected(refuse(Refused::frame, "a snapshot offer without its snapshot"));
  return Taken(*std::move(message));
}

tl::expected<Session::Taken, Refusal> Session::begin_snapshot(std::string_view payload, raft::Term ceiling) {
  auto begin = decode_snapshot_begin(payload, config_->limits);
  if (!begin) return tl::unexpected(refuse(Refused::frame, begin.error().message));
  if (auto refusal = check(begin->offer, ceiling)) return tl::unexpected(*std::move(refusal));
  if (begin->chunks > config_->limits.snapshot_chunks_max)
    return tl::unexpected(
        refuse(Refused::implausible, "a snapshot of " + std::to_string(begin->chunks) + " chunks"));
  begun_ = true;
  chunks_ = begin->chunks;
  return Taken(*std::move(begin));
}

tl::expected<Session::Taken, Refusal> Session::take_chunk(std::string_view payload) {
  codec::Reader in(payload);
  const std::uint64_t number = in.varint();
  if (!wanted_) return tl::unexpected(refuse(Refused::frame, "it did not wait for a chunk to be asked for"));
  if (!in.ok() || number != *wanted_ || number >= chunks_)
    return tl::unexpected(refuse(Refused::frame, "snapshot chunk " + std::to_string(number) + " instead of " +
                                                     std::to_string(*wanted_)));
  wanted_.reset();
  return Taken(Chunk{number, in.rest()});
}

}  // namespace cairn::peer
