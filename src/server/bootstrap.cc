#include "server/bootstrap.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "base/codec.h"
#include "server/reach.h"

namespace cairn::server {
namespace {

using codec::put_fixed;
using codec::put_varint;
using codec::Reader;

constexpr std::uint8_t kForms = 1, kJoins = 2;  // versions of one layout
constexpr std::size_t kMemberBytesMin = 10;     // id, length of the name, number of URLs

std::uint64_t hash(const std::string& bytes) {
  const std::uint64_t value = XXH3_64bits(bytes.data(), bytes.size());
  return value == 0 ? 1 : value;
}

void put_text(std::string* out, std::string_view text) {
  put_varint(out, text.size());
  out->append(text);
}

tl::unexpected<Error> damaged(const char* what) {
  return fail(Code::data_loss, std::string("the stored bootstrap members cannot be read: ") + what +
                                   "; restore the data directory, or remove it and add this member anew");
}

}  // namespace

std::uint64_t member_id(std::vector<std::string> peer_urls, std::string_view token) {
  std::sort(peer_urls.begin(), peer_urls.end());
  std::string bytes;  // lengths in front, so that no two lists read alike
  put_varint(&bytes, peer_urls.size());
  for (const std::string& url : peer_urls) put_text(&bytes, url);
  put_text(&bytes, token);
  return hash(bytes);
}

std::uint64_t cluster_id(std::vector<std::uint64_t> member_ids, std::string_view token) {
  std::sort(member_ids.begin(), member_ids.end());
  std::string bytes;
  put_varint(&bytes, member_ids.size());
  for (const std::uint64_t id : member_ids) put_fixed(&bytes, id);
  put_text(&bytes, token);
  return hash(bytes);
}

Result<Bootstrap> bootstrap_from(const Config& config) {
  if (!config.bootstrap_problem.empty()) return fail(Code::invalid_argument, config.bootstrap_problem);
  Bootstrap bootstrap;
  std::vector<std::uint64_t> ids;
  for (const ConfiguredMember& configured : config.initial_cluster) {
    BootstrapMember member;
    member.name = configured.name;
    member.peer_urls = sorted_texts(configured.peer_urls);
    member.id = member_id(member.peer_urls, config.initial_cluster_token);
    if (member.name == config.name) bootstrap.self = member.id;
    ids.push_back(member.id);
    bootstrap.members.push_back(std::move(member));
  }
  if (bootstrap.self == 0) {
    return fail(Code::invalid_argument, "member \"" + config.name + "\" is not in the initial cluster");
  }
  std::sort(bootstrap.members.begin(), bootstrap.members.end(),
            [](const BootstrapMember& a, const BootstrapMember& b) { return a.id < b.id; });
  const auto twice =
      std::adjacent_find(bootstrap.members.begin(), bootstrap.members.end(),
                         [](const BootstrapMember& a, const BootstrapMember& b) { return a.id == b.id; });
  if (twice != bootstrap.members.end()) {
    return fail(Code::invalid_argument, "members " + twice->name + " and " + std::next(twice)->name +
                                            " get the same id: choose another --initial-cluster-token");
  }
  bootstrap.cluster_id = cluster_id(std::move(ids), config.initial_cluster_token);
  return bootstrap;
}

std::string encode_bootstrap(const Bootstrap& bootstrap) {
  std::string out;
  put_fixed(&out, bootstrap.joins ? kJoins : kForms);
  put_fixed(&out, bootstrap.cluster_id);
  put_fixed(&out, bootstrap.self);
  put_varint(&out, bootstrap.members.size());
  for (const BootstrapMember& member : bootstrap.members) {
    put_fixed(&out, member.id);
    put_text(&out, member.name);
    put_varint(&out, member.peer_urls.size());
    for (const std::string& url : member.peer_urls) put_text(&out, url);
  }
  return out;
}

Result<Bootstrap> decode_bootstrap(std::string_view bytes) {
  Reader in(bytes);
  const auto version = in.fixed<std::uint8_t>();
  if (version != kForms && version != kJoins) return damaged("unknown version");
  Bootstrap bootstrap;
  bootstrap.joins = version == kJoins;
  bootstrap.cluster_id = in.fixed<std::uint64_t>();
  bootstrap.self = in.fixed<std::uint64_t>();
  const std::uint64_t count = in.varint();
  if (count > in.left() / kMemberBytesMin) return damaged("more members than bytes");
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    BootstrapMember member;
    member.id = in.fixed<std::uint64_t>();
    member.name = in.bytes(in.varint());
    const std::uint64_t urls = in.varint();
    if (urls > in.left()) return damaged("more URLs than bytes");
    for (std::uint64_t j = 0; j < urls && in.ok(); ++j) member.peer_urls.emplace_back(in.bytes(in.varint()));
    bootstrap.members.push_back(std::move(member));
  }
  if (!in.complete()) return damaged(in.ok() ? "bytes are left over" : "they end early");
  if (bootstrap.cluster_id == 0 || bootstrap.self == 0) return damaged("an id is 0");
  return bootstrap;
}

raft::Members raft_members(const Bootstrap& bootstrap) {
  raft::Members members;
  if (bootstrap.joins) return members;
  for (const mvcc::MemberInfo& member : member_infos(bootstrap)) {
    members.voters.emplace_back(member.id);
    members.about.push_back({raft::NodeId{member.id}, about_text(member)});
  }
  return members;  // sorted, as bootstrap.members is
}

std::vector<mvcc::MemberInfo> member_infos(const Bootstrap& bootstrap) {
  std::vector<mvcc::MemberInfo> infos;
  for (const BootstrapMember& member : bootstrap.members) {
    mvcc::MemberInfo info;
    info.id = member.id;
    info.name = member.name;
    info.peer_urls = member.peer_urls;
    infos.push_back(std::move(info));
  }
  return infos;
}

}  // namespace cairn::server
