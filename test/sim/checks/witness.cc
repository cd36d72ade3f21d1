#include "sim/checks/witness.h"

#include <algorithm>
#include <string>
#include <vector>

namespace cairn::sim {
namespace {

constexpr const char* kInvariant = "I12 linearizable";

std::string text(const ClientHistory::Item& item) {
  return item.label + ": " + describe(item.request) + " -> " + describe(*item.reply);
}

}  // namespace

void check_witness(Judge& judge, const ClientHistory& history, const Reference& reference) {
  std::vector<const ClientHistory::Item*> by_call, by_answer;
  for (const ClientHistory::Item& item : history.items) {
    if (!item.reply) continue;
    if (!reference.could_reply(item.request, *item.reply)) {
      return judge.accuse(kInvariant, text(item) + ", which no order of the committed writes explains");
    }
    by_call.push_back(&item);
    by_answer.push_back(&item);
  }
  std::sort(by_call.begin(), by_call.end(), [](auto* a, auto* b) { return a->span.call < b->span.call; });
  std::sort(by_answer.begin(), by_answer.end(),
            [](auto* a, auto* b) { return a->span.answered < b->span.answered; });
  std::int64_t floor = 0;  // the newest revision that anybody had been told of
  auto answered = by_answer.begin();
  for (const ClientHistory::Item* item : by_call) {
    for (; answered != by_answer.end() && (*answered)->span.answered < item->span.call; ++answered) {
      floor = std::max(floor, (*answered)->reply->revision);
    }
    const std::int64_t lowest = reference.made_revision(item->request, *item->reply) ? floor + 1 : floor;
    if (item->reply->revision >= lowest) continue;
    return judge.accuse(kInvariant,
                        text(*item) + ", called after revision " + std::to_string(floor) + " was known");
  }
}

ClientHistory settle_unknown(const ClientHistory& history, const Reference& reference) {
  ClientHistory settled;
  for (const ClientHistory::Item& item : history.items) {
    if (item.refused || (!item.reply && !item.request.is_write())) continue;
    settled.items.push_back(item);
    if (item.reply || !item.request.writes[0].value) continue;
    settled.items.back().reply = reference.outcome_of(item.request);
    if (!settled.items.back().reply) settled.items.pop_back();
  }
  return settled;
}

void check_refused(Judge& judge, const ClientHistory& history, const Reference& reference) {
  for (const ClientHistory::Item& item : history.items) {
    const bool puts = item.refused && item.request.writes[0].value;
    if (!puts || !reference.outcome_of(item.request)) continue;
    return judge.accuse("I10 acknowledged writes stay",
                        describe(item.request) + " was refused every time it was asked, and happened");
  }
}

void check_local_reads(Judge& judge, const ClientHistory& history, const Reference& reference) {
  for (const ClientHistory::Item& item : history.items) {
    if (!item.reply || reference.could_reply(item.request, *item.reply)) continue;
    return judge.accuse("I6 state machine safety", text(item) + " locally, a state that never was");
  }
}

}  // namespace cairn::sim
