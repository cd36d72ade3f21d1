// Members: how the cluster's members are called and reached, as part of the replicated state. Every change
// makes a new map, which views and others share. Threading: one writer; a map may be read anywhere. Bounds:
// Limits::members_max, member_urls_max and text_bytes_max.
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "mvcc/limits.h"
#include "mvcc/member_info.h"

namespace cairn::command {
class PublishMember;
}

namespace cairn::mvcc {

class Members {
 public:
  const std::shared_ptr<const MemberMap>& all() const { return all_; }
  void set(MemberMap all);
  // A configuration is in force that names these members, and says where they are reached by each other. Who
  // is not among them goes; who has published its name and client URLs keeps them.
  void follow(const MemberMap& configured);
  // A member says how it is called, and how clients reach it. A refusal changes nothing: of who is no member,
  // too.
  Status publish(const command::PublishMember& member, const Limits& limits);
  std::uint64_t hash() const { return hash_; }

 private:
  std::shared_ptr<const MemberMap> all_ = std::make_shared<MemberMap>();
  std::uint64_t hash_ = 0;
};

}  // namespace cairn::mvcc
