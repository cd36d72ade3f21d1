// Member: one machine with its disk and, while it is up, one process on it: the very Node, Wal, SnapshotStore
// and StateMachine of the server, without its threads and sockets. Power cuts and kills destroy the process;
// start() runs the real recovery on what the disk kept. Owner: World. Threading: one thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "node/node.h"
#include "peer/session.h"
#include "server/data_dir.h"
#include "sim/checkers.h"
#include "sim/damage.h"
#include "sim/front_end.h"
#include "sim/log_image.h"
#include "sim/sim_log.h"
#include "sim/sim_snapshots.h"
#include "sim/world.h"
#include "sim_disk/sim_disk.h"

namespace cairn::sim {

class Member final : public SimSnapshots::Host, public node::Transport, public node::MemoryPort {
 public:
  static constexpr std::uint64_t kClusterId = 0xca1;

  Member(World& world, Checkers& checkers, std::uint64_t id);
  ~Member() override;

  std::uint64_t id() const { return id_; }
  std::uint64_t life() const { return life_; }  // counts starts
  bool is_up() const { return process_ != nullptr; }
  const node::Node& node() const { return *process_->node; }
  // Of this cluster.
  const Ledger& ledger() const { return of_this_cluster_ ? *of_this_cluster_ : ledger_; }
  // In its log behind `after`, and the newest one up to there; of one that is down, as when it died.
  std::vector<raft::Configuration> configurations_since(raft::Index after) const;
  SimSnapshots* snapshots() { return process_ ? process_->snapshots.get() : nullptr; }
  // Nobody watches an earlier cluster.
  FrontEnd* front_end() const {
    return process_ && !is_of_earlier_founding() ? process_->front_end.get() : nullptr;
  }
  Time paused_until() const { return paused_until_; }
  // Since when it is up and nothing is wrong with it; Time::max(): something is.
  Time healthy_since() const;
  Time local(Time when) const;  // what this member's clock shows
  bool is_leader() const;

  // What a configuration says of a member; `moves`: how often it has moved.
  static std::string about(std::uint64_t id, std::uint64_t moves, bool votes_when_ready = false);
  bool is_installed() const { return is_installed_; }
  void install() { is_installed_ = true; }  // one that may join: a machine with nothing on it
  void start();
  enum class Death { power_cut, kill };
  void die(Death death);
  void cut_power_at_change(std::uint64_t nth);  // in the middle of whatever it will be doing
  void pause_until(Time when);
  // What was begun before goes on as long as it was to: no later trouble ends an earlier one.
  void slow_disk_until(Time when) { slow_until_ = std::max(slow_until_, when); }
  void hang_disk_until(Time when) { hung_until_ = std::max(hung_until_, when); }
  void fill_disk(std::uint64_t room_bytes);  // the process lives on, and a restart waits for room
  void free_disk();
  bool is_disk_full() const { return disk_full_; }
  void fail_io(std::uint64_t nth);  // the process stops, if it is running; a start fails
  // One of the next writes is reported done and is not where it belongs: lost, or somewhere else in its file.
  // Until the next start the member does not know, and counts as one that has forgotten. dies_soon: as soon
  // as later frames say that it was there, before the watermark does.
  void misplace_write(std::uint64_t nth, std::optional<std::uint64_t> to, bool dies_soon);
  bool may_lack_a_write() const { return write_armed_; }
  void find_out_what_it_lacks();  // now: by a start, where there was anything to lose
  // ---- what becomes of the disk while the process is down ----
  bool damage(Damage damage);  // false: nothing was; or the member could not notice
  // To an older copy of the directory. False: there is none, or promises would go that nobody knows of.
  bool roll_back();
  bool keep_copy();  // of its directory as it is; it is down. False: that may not be put back
  bool has_copy() const { return !older_files_.empty(); }
  bool others_know_its_copy();  // all of them have met a later start since
  bool roll_back_to_earlier_life();
  // Its directory is not there: an empty one is. Until it is put back, just as it was.
  // Its process, whoever starts it, comes back no sooner: by then the others know that it went.
  void set_aside(Time starts_at);
  void put_back_from_aside();
  bool is_aside() const { return aside_.has_value(); }
  void stay_empty() { aside_.reset(); }  // what was set aside is gone for good
  // Its directory becomes the one of a cluster that the same members founded before this one, until somebody
  // empties it. False: there is none.
  bool go_back_to_earlier_founding();
  void empty_directory();
  bool is_of_earlier_founding() const { return of_this_cluster_.has_value(); }
  OlderFiles files() const { return files_in(disk_, kDataDir); }
  void lose_memory();  // perhaps: it will find out when it starts
  void exchange_disks(Member* other);
  bool is_exchanged() const { return is_exchanged_; }
  // A folder in place of one of its files, or a file in place of a folder: no start may go on, or take for
  // lost what is only not in its place. False: there is nothing of that name yet.
  bool obstruct(std::uint64_t which);
  void clear_obstruction();
  bool is_obstructed() const { return !obstructed_.empty(); }
  // Has all that it ever promised, as far as anybody can know; who is damaged does not until it is full
  // again.
  bool remembers() const;

  void deliver(node::Event event) override;
  void send(raft::Message message) override;
  bool send_note(raft::NodeId to, Bytes note) override;
  void configured(const std::vector<raft::Configuration>& configurations) override;
  void disbelieved(raft::NodeId who, const std::string& why) override;
  // ---- who hears whom: what peer/ decides by hellos ----
  std::optional<peer::Hello> hello_to(std::uint64_t peer) const;  // nothing: it knows no address
  bool hears(const peer::Hello& hello);
  bool believes(const raft::Message& message);  // that a member could have said it
  peer::Known known() const;                    // as of now
  bool is_damaged() const { return is_damaged_; }

  // node::MemoryPort
  void forgot(const std::string& why) override;
  void diverged(const std::string& why) override;

  // SimLog::Host
  Duration disk_latency() override;
  void log_asked(const raft::LogWrite& write) override;
  void log_durable(raft::WriteSeq seq, raft::Room room) override;
  void snapshot_durable(raft::Index index) override;
  void disk_failed(const Error& error) override;
  Schedule::Task while_alive(Schedule::Task task) override;
  bool has_misplaced_a_write() const override { return !disk_.misplaced().empty(); }
  void went_on_behind_misplaced() override;

 private:
  struct Process {  // destroyed in reverse order: the node first, with everybody who waits for it
    std::unique_ptr<io::DirectoryLock> lock;
    std::unique_ptr<server::PacedDisk> snapshot_disk;
    std::unique_ptr<SimLog> log;
    std::unique_ptr<SimSnapshots> snapshots;
    peer::Known known;
    raft::Term term_base;
    Time started;
    std::map<raft::NodeId, raft::Position> named_at;
    std::map<raft::NodeId, raft::Position> introduced;  // who is heard by a later configuration
    std::unique_ptr<FrontEnd> front_end;
    std::unique_ptr<node::Node> node;
  };

  static constexpr const char* kDataDir = "data";

  bool settle_misplaced_write();
  Status recover();
  void refused(const Error& why);
  void note_recovery(const raft::Recovered& recovered);
  void note_memory();
  node::Config node_config() const;
  wal::Options log_options() const;
  void handle(node::Event event);
  void end_turn();
  void arm_timer();
  void on_timer();
  void wake_up();
  Time global(Time local_time) const;
  std::int64_t wall_ms() const;
  void schedule_restart(Duration delay);
  bool put_back(const OlderFiles& files);
  void become_older_copy();
  void judge_founding();
  bool others_have_met_later(const raft::Life& copied) const;
  void look_who_knows_the_copy();
  bool is_full(const Error& error) const { return disk_full_ && error.code == Code::resource_exhausted; }

  World& world_;
  Checkers& checkers_;
  const std::uint64_t id_;
  Prng prng_;
  std::int64_t drift_ppm_ = 0;
  SimDisk disk_;
  Ledger ledger_;
  std::unique_ptr<Process> process_;
  Checkers::Seen seen_;
  std::uint64_t life_ = 0;
  std::vector<raft::Configuration> configured_at_death_;
  bool is_installed_;
  bool started_once_ = false;
  bool cut_armed_ = false, io_error_armed_ = false, write_armed_ = false;
  bool dies_soon_ = false;         // once the log has gone on behind a misplaced write
  bool is_full_ = false;           // as of the last turn, durably
  bool is_damaged_ = false;        // since it was full the last time
  bool was_damaged_ = false;       // ever
  bool lacks_a_snapshot_ = false;  // that was durable; its log, which goes on before it, does not tell
  bool is_exchanged_ = false;
  std::string obstructed_;         // the path...
  OlderFiles kept_files_;          // ...and what belongs there
  bool was_rolled_back_ = false;   // ever
  bool is_older_copy_ = false;     // of a directory that has promised more, and not told so yet
  OlderFiles older_files_;         // of an earlier end of this life...
  LogImage older_promises_;        // ...and what had been durable then
  bool may_be_copied_ = false;     // as it died
  bool others_know_ = false;       // that it is older: all of them had met a later start, at some time since
  OlderFiles earlier_life_files_;  // of the last life that ended with a loss
  raft::Life earlier_life_{raft::Incarnation{}, 0, false};
  struct Aside {
    OlderFiles files;
    Ledger ledger;
    bool was_noted;
    Time starts_at;
  };
  std::optional<Aside> aside_;
  std::optional<Ledger> of_this_cluster_;  // while its directory is of an earlier one
  bool was_noted_ = false;  // when the process ended, its log had said outside itself what was durable
  bool disk_full_ = false;
  Time paused_until_{}, slow_until_{}, hung_until_{};
  Time disturbed_at_{};               // the last start, end of a pause, or disk that had room again
  std::vector<node::Event> stalled_;  // arrived while paused
  bool turn_open_ = false;
  Time timer_at_ = Time::max();
};

mvcc::Limits machine_limits(const Options& options);

}  // namespace cairn::sim
