#include "server/ownership.h"

#include <algorithm>
#include <vector>

#include "base/hex_id.h"
#include "observe/log.h"
#include "raft/members.h"
#include "wal/format.h"
#include "wal/owners.h"

namespace cairn::server {
namespace {

constexpr std::size_t kNamedMax = 3;  // files, of many
constexpr const char* kCountsAsLost =
    "it then counts as lost, and a member of several gets it back from the others, while a single one has "
    "nobody to ask";

tl::unexpected<Error> refuse(const std::string& why) {
  return fail(Code::failed_precondition, "E_IDENTITY: " + why + ". Nothing was changed");
}

std::string name_in(const Bootstrap& cluster, std::uint64_t id) {
  for (const BootstrapMember& member : cluster.members) {
    if (member.id == id && !member.name.empty()) return "member " + member.name;
  }
  return "member " + hex_id(id);
}

// The member of that cluster which writes as this owner.
const BootstrapMember* member_of(const Bootstrap& cluster, std::uint64_t owner) {
  const auto found =
      std::find_if(cluster.members.begin(), cluster.members.end(), [&](const BootstrapMember& member) {
        return wal::owner_of({cluster.cluster_id, member.id}) == owner;
      });
  return found == cluster.members.end() ? nullptr : &*found;
}

std::string whose(const Claim& claim, std::uint64_t owner) {
  if (const BootstrapMember* member = member_of(claim.known, owner))
    return name_in(claim.known, member->id) + " of this cluster";
  const BootstrapMember* member = claim.flags ? member_of(*claim.flags, owner) : nullptr;
  if (member != nullptr)
    return name_in(*claim.flags, member->id) + " of cluster " + hex_id(claim.flags->cluster_id) +
           ", which the flags describe";
  return "a member of another cluster";
}

std::string listed(const std::vector<wal::OwnedFile>& files) {
  std::string out;
  for (std::size_t i = 0; i < std::min(files.size(), kNamedMax); ++i)
    out += (i == 0 ? "" : ", ") + files[i].path;
  if (files.size() > kNamedMax) out += " and " + std::to_string(files.size() - kNamedMax) + " more";
  return out;
}

// Started as a member that IDENTITY has never heard of, and which knows whose this is.
Status check_name_by_flags(const Claim& claim) {
  if (!claim.flags) return {};
  for (const BootstrapMember& member : claim.flags->members) {
    if (member.id == claim.known.self && member.name != claim.name)
      return refuse(claim.dir + " belongs to " + name_in(*claim.flags, member.id) +
                    " of this cluster, not to " + claim.name +
                    "; is this the right disk? Start with the directory of " + claim.name);
  }
  return {};
}

// Started under the name of another member of the cluster that IDENTITY names: somebody else's disk, or
// IDENTITY alone is somebody else's.
Status check_name(const Claim& claim, const std::vector<wal::OwnedFile>& files) {
  for (const BootstrapMember& member : claim.known.members) {
    if (member.name != claim.name || member.id == claim.known.self) continue;
    const std::uint64_t owner = wal::owner_of({claim.known.cluster_id, member.id});
    const bool is_theirs = !files.empty() && std::all_of(files.begin(), files.end(), [&](const auto& file) {
      return file.owner == owner;
    });
    const std::string found = name_in(claim.known, claim.known.self);
    if (is_theirs)
      return refuse(claim.dir + "/IDENTITY is of " + found + " of this cluster, and all else in " +
                    claim.dir + " of member " + claim.name + ": put back the IDENTITY of " + claim.name +
                    ", or move this one away: it is written anew from the flags");
    return refuse(claim.dir + " belongs to " + found + " of this cluster, not to " + claim.name +
                  "; is this the right disk? Start with the directory of " + claim.name +
                  ", or with the flags of " + found);
  }
  return {};
}

}  // namespace

Status check_ownership(io::Disk& disk, const Claim& claim) {
  const std::vector<wal::OwnedFile> files = wal::owned_files(disk, claim.dir);
  TRY(check_name(claim, files));
  TRY(check_name_by_flags(claim));
  const std::uint64_t self = wal::owner_of({claim.known.cluster_id, claim.known.self});
  std::vector<wal::OwnedFile> others;
  std::copy_if(files.begin(), files.end(), std::back_inserter(others),
               [&](const wal::OwnedFile& file) { return file.owner != self; });
  if (others.empty()) return {};
  const std::string is = others.size() == 1 ? " is of " : " are of ";
  const std::string whole = listed(others) + is + whose(claim, others.front().owner);
  const std::string own = name_in(claim.known, claim.known.self);
  if (others.size() == files.size())
    return refuse("this start is of " + own + " of cluster " + hex_id(claim.known.cluster_id) + ", but " +
                  whole + "; is this the right disk? Put back what belongs together; where " + claim.dir +
                  "/IDENTITY alone is another's, move it away: it is written anew from the flags");
  return refuse(whole + ", in the directory of " + own + ": put back what is of " + own +
                ", or move away what is not: " + kCountsAsLost);
}

Status check_snapshot_cluster(const std::string& path, const raft::Members& members, const Claim& claim) {
  const std::vector<raft::NodeId> all = raft::all_members(members);
  const auto is_known = [&](raft::NodeId id) {
    return id.v == claim.known.self ||
           std::any_of(claim.known.members.begin(), claim.known.members.end(),
                       [&](const BootstrapMember& member) { return member.id == id.v; });
  };
  // Who joined later knew nobody at its first start.
  if (all.empty() || claim.known.joins || std::any_of(all.begin(), all.end(), is_known)) return {};
  return refuse(path +
                " is of another cluster: it knows none of the members of this one (or this one was removed, "
                "and all that it began with); move it away: " +
                kCountsAsLost);
}

}  // namespace cairn::server
