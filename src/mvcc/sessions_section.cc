#include <memory>
#include <string>
#include <utility>

#include "etcd/reasons.h"
#include "mvcc/sections.h"

namespace cairn::mvcc {
namespace {

constexpr std::uint32_t kErrorBytesMax = 64 << 10;  // of the texts in etcd/reasons.h, values and all

void save_session(const Session& session, StateWriter* to) {
  to->text(session.name);
  to->numbers(session.sequence);
  to->numbers(session.time_ms);
  to->numbers(session.request_hash);
  to->numbers(static_cast<std::uint32_t>(session.outcome.code));
  to->text(session.outcome.error);
  to->numbers(session.outcome.revision);
  to->text(session.outcome.body);
  to->numbers(static_cast<std::uint8_t>(session.stamped ? 1 : 0));
  to->numbers(session.changed_revision);
}

Result<std::unique_ptr<Session>> load_session(StateReader* from, std::int64_t newest) {
  auto session = std::make_unique<Session>();
  session->name = TRY(from->text(static_cast<std::uint32_t>(from->limits.request.idempotency_key_bytes_max)));
  session->sequence = TRY(from->number<std::uint64_t>());
  session->time_ms = TRY(from->number<std::int64_t>());
  session->request_hash = TRY(from->number<std::uint64_t>());
  const auto code = TRY(from->number<std::uint32_t>());
  if (code > static_cast<std::uint32_t>(Code::unauthenticated))
    return tl::unexpected(malformed("a session with code " + std::to_string(code)));
  session->outcome.code = static_cast<Code>(code);
  session->outcome.error = TRY(from->text(kErrorBytesMax));
  session->outcome.reason = etcd::reason_of(session->outcome.code, session->outcome.error);
  session->outcome.revision = TRY(from->number<std::int64_t>());
  session->outcome.body = TRY(from->text(kSavedFieldMax));
  const auto stamped = TRY(from->number<std::uint8_t>());
  session->stamped = stamped == 1;
  session->changed_revision = TRY(from->number<std::int64_t>());
  if (stamped > 1 || session->changed_revision < 0 || session->changed_revision > newest)
    return tl::unexpected(malformed("a session of kind " + std::to_string(stamped) + " at revision " +
                                    std::to_string(session->changed_revision)));
  return session;
}

Result<SessionCounters> load_session_counters(StateReader* from, std::int64_t newest) {
  SessionCounters counters;
  counters.clock_ms = TRY(from->number<std::int64_t>());
  counters.next_sequence = TRY(from->number<std::uint64_t>());
  const auto clock = TRY(from->number<std::uint8_t>());
  counters.clock = static_cast<SessionClock>(clock);
  counters.forgotten_revision = TRY(from->number<std::int64_t>());
  if (clock > static_cast<std::uint8_t>(SessionClock::leaders) || counters.forgotten_revision < 1 ||
      counters.forgotten_revision > newest)
    return tl::unexpected(malformed("sessions by clock " + std::to_string(clock) + ", forgotten up to " +
                                    std::to_string(counters.forgotten_revision)));
  return counters;
}

}  // namespace

void save_sessions(const Contents& contents, StateWriter* to) {
  const SessionCounters& counters = contents.session_counters;
  to->numbers(counters.clock_ms, counters.next_sequence, static_cast<std::uint8_t>(counters.clock),
              counters.forgotten_revision, contents.sessions.live);
  for (Sessions::SessionTree::Cursor cursor(contents.sessions, {}); cursor.get() != nullptr; cursor.next())
    save_session(*cursor.get(), to);
}

Status load_sessions(StateReader* from, Storage* storage) {
  const std::int64_t newest = storage->store.revision();
  const SessionCounters counters = TRY(load_session_counters(from, newest));
  const auto count = TRY(from->number<std::uint64_t>());
  std::string last;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::unique_ptr<Session> session = TRY(load_session(from, newest));
    if (session->name <= last) return tl::unexpected(malformed("sessions out of order"));
    last = session->name;
    storage->sessions.load(std::move(session));
  }
  if (!storage->sessions.load_done(counters))
    return tl::unexpected(malformed("the sessions' sequence numbers or times contradict each other"));
  return {};
}

}  // namespace cairn::mvcc
