// Following: one Follower, told of views in their order whatever order they come in: none twice, and none
// that is older than one before. Owner: whoever is a Member. Threading: the follower's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "node/member.h"

namespace cairn::server {

class Following {
 public:
  void follow(node::Follower follower) {
    follower_ = std::move(follower);
    told_.reset();
  }
  bool anybody() const { return follower_ != nullptr; }
  void tell(const std::shared_ptr<const mvcc::View>& view) {
    if (!follower_ || (told_.has_value() && view->applied_index() <= *told_)) return;
    told_ = view->applied_index();
    follower_(view);
  }

 private:
  node::Follower follower_;
  std::optional<std::uint64_t> told_;  // up to which applied index
};

}  // namespace cairn::server
