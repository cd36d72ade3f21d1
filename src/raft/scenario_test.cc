// Runs testdata/*.txt: one story per rule of the Raft thesis, told in trace lines that say why. Commands:
//
//   cluster VOTERS [nodes=N] [unformed=1] [inflight=N] [append-bytes=N] [keep=BYTES] [uncommitted=BYTES]
//           [keep-lagging=BYTES] [stuck-wait=MS]
//   timeout ID            the time moves to the member's election timeout (of a leader: to its deadline), and
//                         it alone notices
//   time MS               the time moves; everybody whose deadline has passed notices
//   persist ID [seq=N]    writes reach the disk
//   deliver|drop|double [type=T] [from=ID] [to=ID]   messages that are under way now
//   settle [drop=(ID,..)] writes and messages until nothing moves; members in drop are cut off
//   full ID room=BYTES    the disk gives its log no more than that
//   roomy ID [room=BYTES] it gives more again
//   propose ID TEXT [frees=1], read ID TEXT, change ID voters=(..) learners=(..), transfer ID to=ID
//   crash ID [survive=N], restart ID, snapshot ID, lost ID peer=ID, unreachable ID peer=ID
//   wipe ID, damage ID from=INDEX     the member is down, and has lost its memory, or the end of its log
//   rot ID from=INDEX                 likewise, but its next start does not notice
//   copy ID, roll-back ID             of its disk
//   garble ID                         the state in its snapshot is not what the others have
//   live MS [drop=(ID,..)] the time passes, and whatever is sent or written arrives within 10 ms
//   status, log ID, messages, waits ID
//
// A command ending in `quiet` answers only "ok".
#include <gtest/gtest.h>

#include "base/match.h"
#include "raft/testing/cluster.h"
#include "raft/testing/datadriven.h"
#include "raft/testing/message_name.h"
#include "raft/waits.h"
#include "support/source_dir.h"

namespace cairn::raft::testing {
namespace {

std::string describe(const Message& message) {
  std::ostringstream out;
  out << message.from.v << "->" << message.to.v << ' ' << message_name(message.body) << " term "
      << message.term.v;
  std::visit(Match{[&](const VoteRequest& m) { out << " last " << m.last_term.v << '/' << m.last_index.v; },
                   [&](const VoteReply& m) { out << (m.granted ? " granted" : " refused"); },
                   [&](const AppendRequest& m) {
                     out << " after " << m.prev_term.v << '/' << m.prev_index.v;
                     if (!m.entries.empty()) {
                       out << " entries " << m.entries.front().index.v << '-' << m.entries.back().index.v;
                     }
                     out << " commit " << m.commit.v;
                     if (m.read_round != 0) out << " round " << m.read_round;
                   },
                   [&](const AppendReply& m) {
                     if (m.ok) out << " ok " << m.match.v;
                     if (!m.ok)
                       out << " refused " << m.match.v << " hint " << m.hint_term.v << '/' << m.hint.v;
                     if (m.read_round != 0) out << " round " << m.read_round;
                   },
                   [&](const SnapshotOffer& m) { out << " at " << m.meta.term.v << '/' << m.meta.index.v; },
                   [&](const SnapshotReply& m) { out << (m.ok ? " ok " : " failed ") << m.index.v; },
                   [&](const ReadIndexReply& m) { out << (m.ok ? " ok " : " failed ") << m.index.v; },
                   [](const auto&) {}},
             message.body);
  return out.str();
}

class Theatre {
 public:
  std::string run(const Case& c) {
    if (c.command == "cluster") return open(c);
    const std::size_t under_way = cluster_->network.size();
    shown_ = under_way;
    act(c);
    EXPECT_TRUE(cluster_->problems.empty()) << c.where() << ": " << cluster_->problems.front();
    std::string out;
    for (const std::string& line : cluster_->story) out += line + "\n";
    cluster_->story.clear();
    for (std::size_t i = std::min(shown_, cluster_->network.size()); i < cluster_->network.size(); ++i) {
      out += "  " + describe(cluster_->network[i]) + "\n";
    }
    const bool quiet = !c.words.empty() && c.words.back() == "quiet";
    return quiet || out.empty() ? "ok\n" : out;
  }

 private:
  static std::uint64_t number(const Case& c, const std::string& key, std::uint64_t otherwise) {
    const auto at = c.options.find(key);
    return at == c.options.end() ? otherwise : std::stoull(at->second.at(0));
  }
  static std::vector<NodeId> list(const Case& c, const std::string& key) {
    std::vector<NodeId> ids;
    const auto at = c.options.find(key);
    if (at == c.options.end()) return ids;
    for (const std::string& word : at->second) ids.push_back(NodeId{std::stoull(word)});
    return ids;
  }
  static NodeId who(const Case& c) { return NodeId{std::stoull(c.words.at(0))}; }

  std::string open(const Case& c) {
    Config config;
    config.trace = true;
    config.inflight_count_max = number(c, "inflight", 256);
    config.append_bytes_max = number(c, "append-bytes", 1 << 20);
    config.log_keep_bytes = number(c, "keep", 0);
    config.stuck_wait_max = std::chrono::milliseconds(number(c, "stuck-wait", 60'000));
    config.log_keep_lagging_bytes = number(c, "keep-lagging", 0);
    config.uncommitted_bytes_max = number(c, "uncommitted", 1 << 20);
    cluster_ = std::make_unique<Cluster>(config);
    Members members;
    const std::uint64_t voters = std::stoull(c.words.at(0));
    for (std::uint64_t id = 1; id <= voters; ++id) members.voters.push_back(NodeId{id});
    for (std::uint64_t id = 1; id <= number(c, "nodes", voters); ++id) {
      const Members& known = id <= voters ? members : Members{};
      number(c, "unformed", 0) != 0 ? cluster_->add_unformed(NodeId{id}, known)
                                    : cluster_->add(NodeId{id}, known);
    }
    return "ok\n";
  }

  void act(const Case& c) {
    Cluster& cl = *cluster_;
    if (c.command == "time") {
      pass(std::stoull(c.words.at(0)));
    } else if (c.command == "live") {
      for (std::uint64_t ms = 0; ms < std::stoull(c.words.at(0)); ms += 10) {
        pass(10);
        settle(list(c, "drop"));
      }
    } else if (c.command == "timeout") {
      const Core& core = *cl.members.at(who(c)).core;
      for (bool comes_first = true; comes_first;) {
        comes_first = core.deadline() < core.state().election_deadline && !is_leader(core.state());
        cl.now = std::max(cl.now, core.deadline());
        cl.step(who(c), Tick{});
      }
    } else if (c.command == "persist") {
      const std::uint64_t seq = number(c, "seq", 0);
      seq == 0 ? cl.persist_all(who(c)) : cl.persist(who(c), WriteSeq{seq});
    } else if (c.command == "deliver" || c.command == "drop" || c.command == "double") {
      move(c);
    } else if (c.command == "settle") {
      settle(list(c, "drop"));
    } else if (c.command == "propose") {
      cl.step(who(c), Propose{++tag_, make_bytes(c.words.at(1)), number(c, "frees", 0) != 0});
    } else if (c.command == "read") {
      cl.step(who(c), ReadBarrier{++tag_});
    } else if (c.command == "change") {
      cl.step(who(c), ChangeMembers{++tag_, list(c, "voters"), list(c, "learners")});
    } else if (c.command == "transfer") {
      cl.step(who(c), TransferLeadership{NodeId{number(c, "to", 0)}});
    } else {
      act_on_member(c);
    }
  }

  bool act_on_memory(const Case& c) {
    Cluster& cl = *cluster_;
    if (c.command == "wipe") {
      cl.wipe(who(c));
    } else if (c.command == "damage") {
      cl.lose_log(who(c), Index{number(c, "from", 1)}, false);
    } else if (c.command == "rot") {
      cl.rot(who(c), Index{number(c, "from", 1)});
    } else if (c.command == "copy") {
      cl.copy(who(c));
    } else if (c.command == "roll-back") {
      cl.roll_back(who(c));
    } else if (c.command == "garble") {
      cl.members.at(who(c)).garbled = true;
    } else {
      return false;
    }
    return true;
  }

  void act_on_member(const Case& c) {
    Cluster& cl = *cluster_;
    if (act_on_memory(c)) return;
    if (c.command == "crash") {
      cl.crash(who(c), number(c, "survive", 0));
    } else if (c.command == "restart") {
      cl.start(who(c));
    } else if (c.command == "full") {
      cl.set_room(who(c), Room{number(c, "room", 0), true});
    } else if (c.command == "roomy") {
      cl.set_room(who(c), Room{number(c, "room", Room{}.bytes), false});
    } else if (c.command == "snapshot") {
      cl.snapshot(who(c));
    } else if (c.command == "lost") {
      cl.step(who(c), ConnectionLost{NodeId{number(c, "peer", 0)}});
    } else if (c.command == "unreachable") {
      cl.step(who(c), Unreachable{NodeId{number(c, "peer", 0)}});
    } else if (c.command == "status") {
      for (const auto& [id, member] : cl.members) status(id, member);
    } else if (c.command == "log") {
      const State& s = cl.state(who(c));
      std::ostringstream out;
      for (Index i = s.log.first(); i <= s.log.last(); i = i.next()) {
        const Entry& e = s.log.at(i);
        out << i.v << ": term " << e.term.v << ' '
            << (e.type == EntryType::noop      ? "noop"
                : e.type == EntryType::members ? "members"
                                               : *e.data)
            << (i <= s.commit ? " committed" : "") << (i < s.log.last() ? "\n" : "");
      }
      cl.story.push_back(out.str());
    } else if (c.command == "waits") {
      waits(cl.state(who(c)));
    } else if (c.command == "messages") {
      shown_ = 0;
    } else {
      FAIL() << "unknown command at " << c.where();
    }
  }

  void status(NodeId id, const Member& member) {
    std::ostringstream out;
    out << id.v << ": ";
    if (member.core) {
      const State& s = member.core->state();
      out << role_name(s) << " term " << s.term.v << " vote " << s.vote.v << " leader " << s.leader.v
          << " commit " << s.commit.v << " last " << s.log.last_term().v << '/' << s.log.last().v
          << " stable " << s.durability.stable().v;
      if (s.life.incarnation.v != 0)
        out << " incarnation " << s.life.incarnation.v << (s.life.full ? " full" : " not full");
    } else {
      out << "down";
    }
    cluster_->story.push_back(out.str());
  }

  void waits(const State& s) {
    constexpr const char* kFor[] = {
        "nobody", "a leader to record it", "its first entry", "founders", "membership", "an election",
        "voters", "those who know",        "its own founding"};
    constexpr const char* kStanding[] = {"counts", "forgotten", "silent", "cannot found", "other founding"};
    const Waits waits = waits_of(s);
    std::ostringstream out;
    out << s.config.id.v << " waits for " << kFor[static_cast<std::size_t>(waits.what)];
    if (waits.for_long) out << ", for long";
    if (waits.had_earlier_life) out << ", had an earlier life";
    if (waits.lacking > 0) out << ", lacks " << waits.lacking;
    for (const Waits::Voter& voter : waits.others)
      out << "; " << voter.id.v << ' ' << kStanding[static_cast<std::size_t>(voter.standing)];
    cluster_->story.push_back(out.str());
  }

  void pass(std::uint64_t ms) {
    const Time until = cluster_->now + std::chrono::milliseconds(ms);
    for (;;) {
      Time next = until;
      for (const auto& [id, member] : cluster_->members) {
        if (member.core) next = std::min(next, member.core->deadline());
      }
      cluster_->now = std::max(cluster_->now, next);
      for (auto& [id, member] : cluster_->members) {
        if (member.core && member.core->deadline() <= cluster_->now) cluster_->step(id, Tick{});
      }
      if (cluster_->now >= until) return;
    }
  }

  void move(const Case& c) {
    const auto wanted = [&](const Message& m) {
      const auto type = c.options.find("type");
      return (type == c.options.end() || type->second.at(0) == message_name(m.body)) &&
             number(c, "from", m.from.v) == m.from.v && number(c, "to", m.to.v) == m.to.v;
    };
    std::vector<Message> chosen, rest;
    for (Message& m : cluster_->network) (wanted(m) ? chosen : rest).push_back(std::move(m));
    cluster_->network = std::move(rest);
    shown_ = cluster_->network.size();
    for (Message& m : chosen) {
      const int times = c.command == "drop" ? 0 : c.command == "double" ? 2 : 1;
      for (int i = 0; i < times; ++i) {
        cluster_->network.insert(cluster_->network.begin(), m);
        ++shown_;
        cluster_->deliver(0);
        --shown_;
      }
    }
  }

  void settle(const std::vector<NodeId>& cut) {
    const auto is_cut = [&](NodeId id) { return std::find(cut.begin(), cut.end(), id) != cut.end(); };
    for (int i = 0; i < 10000; ++i) {
      bool moved = false;
      for (auto& [id, member] : cluster_->members) {
        if (!member.core || member.writing.empty()) continue;
        cluster_->persist_all(id);
        moved = true;
      }
      if (!cluster_->network.empty()) {
        const Message& m = cluster_->network.front();
        is_cut(m.from) || is_cut(m.to) ? cluster_->lose(0) : cluster_->deliver(0);
        moved = true;
      }
      if (!moved) return;
    }
    FAIL() << "never settles";
  }

  std::unique_ptr<Cluster> cluster_;
  std::uint64_t tag_ = 0;
  std::size_t shown_ = 0;
};

TEST(Scenarios, TellTheSameStory) {
  const auto files = text_files(std::filesystem::path(test::kSourceDir) / "src/raft/testdata");
  ASSERT_GE(files.size(), 20U);
  for (const auto& file : files) {
    std::vector<Case> cases = read_cases(file);
    Theatre theatre;
    for (Case& c : cases) {
      const std::string got = theatre.run(c);
      if (!rewriting()) {
        EXPECT_EQ(got, c.expected) << c.where();
      }
      c.expected = got;
    }
    if (rewriting()) write_cases(file, cases);
  }
}

}  // namespace
}  // namespace cairn::raft::testing
