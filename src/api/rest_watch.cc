// GET /v1/watch: the changes of keys as they happen: as server-sent events, as lines of JSON, or the next of
// them only. A watch is at any member, as it is over gRPC; what comes is one object for each revision.
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include "api/json.h"
#include "api/rest.h"
#include "api/watches.h"
#include "base/prefix.h"

namespace cairn::api {
namespace {

enum class Form { events, lines, next };  // server-sent events (WHATWG HTML 9.2), JSON lines, a long poll

struct Asked {
  watch::Request what;  // start_revision 0: what comes next
  Form form = Form::lines;
  Duration wait{};
  bool wants_leader = false;
};

Problem ending_of(Reason why) {
  if (why != Reason::server_stopped) return problem_of(etcd::error_of(why), false);
  return {.status = 503,
          .code = "server_stopped",
          .title = "The member stops",
          .detail = "",
          .hint = "watch on at another member"};
}

Error unclear(std::string message) { return {Code::invalid_argument, std::move(message)}; }

Result<Duration> wait_of(const std::string& text, Duration longest) {
  std::int64_t number = 0;
  const auto [unit, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view rest(unit, static_cast<std::size_t>(text.data() + text.size() - unit));
  const std::int64_t ms = rest == "ms" ? 1 : rest == "m" ? 60'000 : rest == "s" || rest.empty() ? 1000 : 0;
  const std::int64_t longest_ms = std::chrono::duration_cast<std::chrono::milliseconds>(longest).count();
  if (error != std::errc() || ms == 0 || number < 0 || number > longest_ms / ms)
    return tl::unexpected(unclear("wait='" + text + "' is no time such as 500ms, 30s or 5m, of at most " +
                                  std::to_string(longest_ms / 60'000) + "m"));
  return std::chrono::milliseconds(number * ms);
}

Status read_keys(const Target& target, watch::Request* what) {
  const bool by_prefix = target.parameter("prefix") != nullptr;
  if (by_prefix == (target.parameter("key") != nullptr))
    return tl::unexpected(unclear(by_prefix ? "key and prefix are two different sets of keys: name one"
                                            : "name what to watch: key=K, key=A&to=B, or prefix=P "
                                              "(prefix= for every key)"));
  what->key = TRY(key_parameter(target, by_prefix ? "prefix" : "key"));
  if (by_prefix) {
    if (target.parameter("to") != nullptr)
      return tl::unexpected(unclear("a prefix has its end: leave out to"));
    what->range_end = prefix_end(what->key);
    if (what->key.empty()) what->key.assign(1, '\0');
    return {};
  }
  if (what->key.empty()) return fail(Reason::key_not_provided);
  if (target.parameter("to") == nullptr) return {};
  what->range_end = TRY(key_parameter(target, "to"));
  if (what->range_end <= what->key)
    return tl::unexpected(unclear("there is no key from key up to before to"));
  return {};
}

// A browser that has lost the connection comes back with the same target and the last id that it has had.
Result<std::int64_t> start_of(const RestCall& rest) {
  const auto last = rest.header("last-event-id");
  if (!last || last->empty()) return number_parameter(rest.target(), "from", 0);
  std::int64_t revision = 0;
  const auto [end, error] = std::from_chars(last->data(), last->data() + last->size(), revision);
  const bool is_all = end == last->data() + last->size();
  if (error != std::errc() || !is_all || revision < 0 || revision == std::numeric_limits<std::int64_t>::max())
    return tl::unexpected(unclear("Last-Event-ID '" + std::string(*last) + "' is no revision"));
  return revision + 1;
}

Result<Asked> asked_of(const RestCall& rest) {
  const Target& target = rest.target();
  TRY(only_parameters(target, {"key", "prefix", "to", "enc", "from", "prev", "only", "wait", "require_leader",
                               "consistency"}));
  Asked asked;
  TRY(read_keys(target, &asked.what));
  asked.what.start_revision = TRY(start_of(rest));
  asked.what.wants.previous = target.flag("prev");
  asked.wants_leader = target.flag("require_leader");
  if (const std::string* const only = target.parameter("only")) {
    if (*only != "put" && *only != "delete")
      return tl::unexpected(unclear("only='" + *only + "' is neither put nor delete"));
    asked.what.wants.puts = *only == "put";
    asked.what.wants.deletes = *only == "delete";
  }
  const bool is_stream =
      rest.header("accept").value_or("").find("text/event-stream") != std::string_view::npos;
  if (is_stream) asked.form = Form::events;
  const std::string* const wait = target.parameter("wait");
  if (wait == nullptr) return asked;
  if (is_stream) return tl::unexpected(unclear("server-sent events do not end: leave out wait"));
  asked.form = Form::next;
  asked.wait = TRY(wait_of(*wait, rest.config().watch_wait_max));
  return asked;
}

Json event_json(const mvccpb::Event& event) {
  Json json;
  if (event.type() == mvccpb::Event::DELETE) {
    json = {{"type", "delete"}, {"key", bytes_to_json(event.kv().key())}};
    json["mod_revision"] = event.kv().mod_revision();
  } else {
    json = {{"type", "put"}};
    json.update(to_json(event.kv()));
  }
  if (event.has_prev_kv()) json["previous"] = to_json(event.prev_kv());
  return json;
}

Json changes_json(std::int64_t revision) {
  return {{"type", "changes"}, {"revision", revision}, {"events", Json::array()}};
}

class RestWatch final : public rpc::Producer, public WatchClient {
 public:
  RestWatch(RestCall& rest, Asked asked)
      : WatchClient(*rest.config().watches, asked.wants_leader),
        config_(rest.config()),
        out_(rest.outlet()),
        asked_(std::move(asked)) {
    wake_at(watches_.member().now());  // the head goes first, and there may be nobody left whom to send it
  }

  void ready() override {
    if (has_begun_) create();
  }
  void refuse(Reason why) override { end(ending_of(why), {}); }
  void time_is_up() override {
    if (!std::exchange(has_begun_, true)) {
      wait();
      if (is_ready()) create();
      return;
    }
    is_late_ = !has_stream();
    if (!is_late_) stream().ask_progress();
    if (!is_next()) wait();
  }

  void on_room() override {
    if (has_stream()) stream().on_room();
    watches_.schedule();
  }
  bool has_room() override { return is_over_ || out_->has_room(); }
  void send(const watch::Response& response) override {
    if (is_over_) return;
    if (response.created) return started();
    if (response.canceled) {
      return end(ending_of(Reason::compacted), response.compact_revision);
    }
    if (response.events.empty()) return progressed(response.revision);
    tell(response.events);
  }

 private:
  bool is_next() const { return asked_.form == Form::next; }
  void wait() { wake_at(watches_.member().now() + (is_next() ? asked_.wait : config_.watch_silence)); }

  // All else that could be refused has been checked.
  void create() {
    const Result<watch::Refused> refused = WatchClient::create(asked_.what);
    if (!refused) return refuse(refused.error().reason);
    if (*refused != watch::Refused::no) return refuse(Reason::too_many_requests);
    if (is_late_) stream().ask_progress();
  }
  void progressed(std::int64_t revision) { write({{"type", "progress"}, {"revision", revision}}); }

  void started() {
    if (!is_next()) write({{"type", "started"}, {"revision", asked_.what.start_revision - 1}});
  }

  // All changes of a revision in one object: who comes back with its number has had them.
  void tell(std::string_view events) {
    etcdserverpb::WatchResponse response;
    CHECK(response.ParseFromArray(events.data(), static_cast<int>(events.size())));
    Json changes = changes_json(response.events(0).kv().mod_revision());
    for (const mvccpb::Event& event : response.events()) {
      const std::int64_t revision = event.kv().mod_revision();
      if (revision != changes["revision"] && !is_next()) {
        write(changes);
        changes = changes_json(revision);
      }
      changes["revision"] = revision;
      changes["events"].push_back(event_json(event));
    }
    write(changes);
  }

  void write(const Json& object) {
    if (is_over_) return;
    std::string text = object.dump() + "\n";
    if (asked_.form == Form::events) {
      const std::string id = object.contains("revision") ? "id: " + object["revision"].dump() + "\n" : "";
      text = "event: " + object["type"].get<std::string>() + "\n" + id + "data: " + text + "\n";
    }
    out_->send(text);
    if (!is_next()) return wait();
    is_over_ = true;
    out_->finish();
  }

  void end(const Problem& why, std::optional<std::int64_t> compact_revision) {
    if (is_over_) return;
    Json object = {{"type", "ended"}, {"code", why.code}, {"title", why.title}};
    if (!why.hint.empty()) object["hint"] = why.hint;
    if (compact_revision) object["compact_revision"] = *compact_revision;
    write(object);
    if (!std::exchange(is_over_, true)) out_->finish();
  }

  const Config& config_;
  const std::shared_ptr<rpc::HttpCall> out_;
  const Asked asked_;
  bool has_begun_ = false, is_over_ = false;
  bool is_late_ = false;  // its time was up before there was a state to look at
};

void begin(RestCall& rest, const mvcc::View& view, Consistency consistency, Asked asked) {
  std::int64_t& start = asked.what.start_revision;
  if (start == 0) start = view.revision() + 1;
  if (const Status may = view.allows({{etcd::Access::read, asked.what.key, asked.what.range_end}}); !may)
    return rest.refuse(may.error());
  if (start < view.compact_revision()) return rest.refuse(etcd::error_of(Reason::compacted));
  Watches& watches = *rest.config().watches;
  if (!watches.opens()) return rest.refuse(ending_of(Reason::server_stopped));
  rpc::HttpResponse head;
  const Form form = asked.form;
  head.headers.emplace_back("content-type", form == Form::events  ? "text/event-stream"
                                            : form == Form::lines ? "application/x-ndjson"
                                                                  : "application/json");
  head.headers.emplace_back("x-accel-buffering", "no");  // nginx would collect what is small
  mark_read(&head, view, consistency);
  rest.respond_in_pieces(std::move(head), std::make_unique<RestWatch>(rest, std::move(asked)));
  watches.opened();
}

}  // namespace

void rest_watch(const Rest& rest) {
  Result<Asked> asked = asked_of(*rest);
  if (!asked) return rest->refuse(asked.error());
  rest_read(rest,
            [asked = *std::move(asked)](RestCall& call, const mvcc::View& view, Consistency consistency) {
              begin(call, view, consistency, asked);
            });
}

}  // namespace cairn::api
