#include "sim/client_history.h"

#include <charconv>
#include <string_view>

#include "base/check.h"

namespace cairn::sim {
namespace {

void put_number(std::string* out, std::int64_t number) {
  out->append(std::to_string(number));
  out->push_back(' ');
}

void put_text(std::string* out, const std::string& text) {
  put_number(out, static_cast<std::int64_t>(text.size()));
  out->append(text);
}

std::int64_t take_number(std::string_view* in) {
  std::int64_t number = 0;
  const auto parsed = std::from_chars(in->data(), in->data() + in->size(), number);
  CHECK(parsed.ec == std::errc());
  in->remove_prefix(static_cast<std::size_t>(parsed.ptr - in->data()) + 1);
  return number;
}

std::string take_text(std::string_view* in) {
  const auto size = static_cast<std::size_t>(take_number(in));
  std::string text(in->substr(0, size));
  in->remove_prefix(size);
  return text;
}

struct StoreModel final : Model {
  explicit StoreModel(const ClientHistory& the_history) : history(the_history) {}

  std::string initial() const override { return Store().encode(); }

  bool step(std::string* state, std::size_t i) const override {
    Store store = Store::decode(*state);
    const ClientHistory::Item& item = history.items[i];
    const Reply reply = store.execute(item.request);
    if (item.reply && *item.reply != reply) return false;
    if (item.request.is_write()) *state = store.encode();
    return true;
  }

  const ClientHistory& history;
};

}  // namespace

Reply Store::execute(const Request& request) {
  Reply reply;
  if (request.guard) {
    const auto found = keys.find(request.guard->key);
    const std::int64_t mod_revision = found == keys.end() ? 0 : found->second.mod_revision;
    reply.held = mod_revision == request.guard->mod_revision;
  }
  if (!request.is_write() || !reply.held) {
    const auto found = keys.find(request.read_key);
    if (found != keys.end()) reply.seen = found->second;
    reply.revision = revision;
    return reply;
  }
  bool changed = false;
  for (const Request::Write& write : request.writes) {
    const auto found = keys.find(write.key);
    if (!write.value) {
      if (found == keys.end()) continue;
      keys.erase(found);
      ++reply.deleted;
    } else if (found == keys.end()) {
      keys[write.key] = KeyState{*write.value, revision + 1, revision + 1, 1};
    } else {
      found->second.value = *write.value;
      found->second.mod_revision = revision + 1;
      ++found->second.version;
    }
    changed = true;
  }
  if (changed) ++revision;
  reply.revision = revision;
  return reply;
}

std::string Store::encode() const {
  std::string out;
  put_number(&out, revision);
  for (const auto& [key, state] : keys) {
    put_text(&out, key);
    put_text(&out, state.value);
    put_number(&out, state.create_revision);
    put_number(&out, state.mod_revision);
    put_number(&out, state.version);
  }
  return out;
}

Store Store::decode(const std::string& text) {
  std::string_view in = text;
  Store store;
  store.revision = take_number(&in);
  while (!in.empty()) {
    KeyState& state = store.keys[take_text(&in)];
    state.value = take_text(&in);
    state.create_revision = take_number(&in);
    state.mod_revision = take_number(&in);
    state.version = take_number(&in);
  }
  return store;
}

namespace {

// A large value is told by its beginning, where its number stands, and its size.
std::string shortened(const std::string& value) {
  constexpr std::size_t kLongest = 40;
  if (value.size() <= kLongest) return value;
  return value.substr(0, value.find('.')) + "...(" + std::to_string(value.size()) + " bytes)";
}

}  // namespace

std::string describe(const Request& request) {
  std::string text;
  if (request.guard) {
    text += "if mod(" + request.guard->key + ")=" + std::to_string(request.guard->mod_revision) + " ";
  }
  for (const Request::Write& write : request.writes) {
    text +=
        write.value ? "put " + write.key + "=" + shortened(*write.value) + " " : "delete " + write.key + " ";
  }
  if (!request.read_key.empty()) text += (request.guard ? "else get " : "get ") + request.read_key + " ";
  text.pop_back();
  return text;
}

std::string describe(const Reply& reply) {
  std::string text = "revision " + std::to_string(reply.revision);
  if (!reply.held) text += " guard failed";
  if (reply.deleted > 0) text += " deleted " + std::to_string(reply.deleted);
  if (reply.seen) {
    text += " saw " + shortened(reply.seen->value) + " (create " +
            std::to_string(reply.seen->create_revision) + " mod " + std::to_string(reply.seen->mod_revision) +
            " version " + std::to_string(reply.seen->version) + ")";
  }
  return text;
}

Linearization check(const ClientHistory& history, std::uint64_t steps_max) {
  std::vector<Span> spans;
  for (const ClientHistory::Item& item : history.items) spans.push_back(item.span);
  return check_linearizable(spans, StoreModel(history), steps_max);
}

}  // namespace cairn::sim
