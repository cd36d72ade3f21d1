// Hub: the watches of one thread's clients. A watch is a place in the history of changes beside the stream
// that its events go to: nothing is queued for it. Each published state is walked once for all watches that
// are *current*, those that have all there is; which of them a change concerns costs nothing for the others.
// A watch that is *behind*, since it began in the past or its client reads slowly, walks the same history by
// itself, in slices, as there is room in its stream; when compaction has passed its place it ends. So nothing
// that a watcher does slows a write or takes memory, and progress, which is where a watch has come to, cannot
// overtake events.
//
// Owner: the api of one front-end. Threading: that thread's; pure, the time is given. Bounded: Limits.
// Invariants: a current watch has had every event before position_; events reach a watch once, in the order
// of their revisions, and those of one revision in one response unless it takes fragments; the response to
// its creation comes before all others.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/time.h"
#include "mvcc/changes.h"
#include "mvcc/view.h"
#include "watch/interests.h"
#include "watch/limits.h"

namespace cairn::watch {

struct Response {
  std::int64_t watch_id = 0;  // kNoWatch: of the whole stream
  std::int64_t revision = 0;
  bool created = false, canceled = false, fragment = false;
  std::int64_t compact_revision = 0;  // what compaction has passed the watch by
  std::string_view events{};          // encoded; they are gone after the call
};
constexpr std::int64_t kNoWatch = -1;

// Where the responses of one client's watches go.
struct Sink {
  virtual ~Sink() = default;
  virtual bool has_room() = 0;  // after a no, Stream::on_room() is called when there is some
  virtual void send(const Response& response) = 0;
};

struct Request {
  std::string key, range_end{};     // as etcd writes a range; no end: one key
  std::int64_t start_revision = 0;  // 0: what comes next
  std::int64_t watch_id = 0;        // 0: the stream chooses
  Wants wants{};
  bool progress = false;  // where it has come to, from time to time while nothing happens
};
enum class Refused { no, empty_range, negative_start, duplicate_id, too_many };

class Hub;

// The watches of one client's stream. Owner: who serves that stream; they end with it.
class Stream {
 public:
  // REQUIRES: the hub is ready.
  Stream(Hub* hub, Sink* sink, Time now);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Answers with the created watch, unless it is refused.
  Refused create(const Request& request);
  void cancel(std::int64_t watch_id);  // one that is not there is none
  void ask_progress();                 // answered once all its watches are current
  // The ids of those watches whose range is such a one, ascending.
  std::vector<std::int64_t> find(const std::function<bool(const Range&)>& is_such) const;
  void on_room();

 private:
  friend class Hub;
  std::int64_t choose_id();
  void wake_stalled();  // one of them: there is room, perhaps for one only

  Hub& hub_;
  Sink& sink_;
  std::unordered_map<std::int64_t, std::unique_ptr<Watch>> watches_;
  std::list<Watch*> stalled_;  // behind, and there is no room
  std::int64_t next_id_ = 0;
  std::size_t current_ = 0, waiting_ = 0;  // of watches_; those that wait for a later revision
  bool progress_asked_ = false;
  Time progress_at_;
};

class Hub {
 public:
  explicit Hub(const Limits& limits) : limits_(limits) {}
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  bool ready() const { return view_ != nullptr; }  // a state has been published
  void publish(std::shared_ptr<const mvcc::View> view);
  void rest();  // lets go of the state until the next one. REQUIRES: no streams
  // One slice of what is left to do; false: nothing is.
  bool work();
  bool has_work() const;
  // When the next stream is to be told of its progress; nothing without streams.
  std::optional<Time> progress_at() const;
  void tell_progress(Time now);

  std::size_t watches() const { return watches_; }
  std::size_t behind() const { return behind_count_; }  // of these; who waits for a later revision is not
  std::int64_t revision() const { return view_->revision(); }

 private:
  friend class Stream;
  struct Change {
    const mvcc::Record* record;
    const mvcc::Record* previous;
    std::string event, event_with_previous;  // made when first wanted
  };

  mvcc::ChangePlace end() const { return {view_->revision() + 1, 0}; }
  void begin(Watch* watch, std::int64_t start_revision);
  void remove(Watch* watch);
  void make_current(Watch* watch);
  void leave_current(Watch* watch);
  void fall_behind(Watch* watch, mvcc::ChangePlace next);
  void fall_behind_all();
  void wake_due();
  bool all_told() const { return position_ >= end() && told_.groups.empty(); }
  void look_at_changes();
  void tell_some();
  void tell(Watch* watch);
  void catch_up_some();
  std::size_t catch_up(Watch* watch);
  void forget_told();
  void send_events(const Watch& watch, std::int64_t revision, const std::vector<std::string>& pieces);
  std::vector<std::string> encode(const Group& group);
  void forget(const Group& group);
  void cancel_compacted(Watch* watch);
  void stall(Watch* watch);
  void answer_progress(Stream* stream);
  void reconsider_progress(Stream* stream);
  Time next_progress(Time now);

  const Limits limits_;
  std::shared_ptr<const mvcc::View> view_;
  std::deque<std::shared_ptr<const mvcc::View>> later_;  // views that must not take the place of view_ yet
  mvcc::ChangePlace position_;  // what has been looked at for all that are current ends before it
  Interests interests_;
  std::size_t watches_ = 0, behind_count_ = 0, key_bytes_ = 0;
  std::list<Watch*> behind_;                     // with room, as far as is known
  std::multimap<std::int64_t, Watch*> waiting_;  // for their first revision
  std::set<std::pair<Time, Stream*>> by_progress_;
  std::set<Stream*> asked_;  // for their progress
  // Changes that current watches are being told of, group by group.
  struct {
    std::shared_ptr<const mvcc::View> view;  // keeps their records
    mvcc::ChangePlace from;
    std::int64_t revision = 0;  // of the last
    std::vector<Change> changes;
    std::vector<Group*> groups;       // that have not been told; the last one is at work
    std::vector<std::string> pieces;  // for that one
    std::size_t left = 0;             // of its watches
  } told_;
  std::uint64_t streams_made_ = 0;
};

}  // namespace cairn::watch
