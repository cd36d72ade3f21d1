#include "rpc/long_replies.h"

#include <algorithm>

namespace cairn::rpc {

LongReplies::Place::Place(LongReplies& replies, std::size_t* of_connection, Producer* producer)
    : replies_(replies), of_connection_(of_connection), producer_(producer) {
  ++replies_.open_;
  ++*of_connection_;
}

LongReplies::Place::~Place() {
  --replies_.open_;
  --*of_connection_;
  if (asked_) std::erase(replies_.waiting_, this);
}

void LongReplies::Place::ask() {
  if (asked_) return;
  asked_ = true;
  replies_.waiting_.push_back(this);
  replies_.need_turn();
}

std::unique_ptr<LongReplies::Place> LongReplies::admit(std::size_t* of_connection, Producer* producer) {
  if (open_ >= limits_.long_replies_max || *of_connection >= limits_.long_replies_per_connection_max)
    return nullptr;
  return std::make_unique<Place>(*this, of_connection, producer);
}

void LongReplies::need_turn() {
  if (turn_needed_) return;
  turn_needed_ = true;
  soon_();
}

void LongReplies::turn() {
  turn_needed_ = false;
  if (waiting_.empty()) return;
  Place* const place = waiting_.front();
  waiting_.pop_front();
  place->asked_ = false;
  place->producer_->on_turn();  // may end the reply, and its place
  if (!waiting_.empty()) need_turn();
}

}  // namespace cairn::rpc
