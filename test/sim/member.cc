#include "sim/member.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/reached.h"
#include "node/requests.h"
#include "peer/plausible.h"
#include "raft/life.h"
#include "raft/members.h"
#include "raft/met.h"
#include "raft/state.h"
#include "raft/testing/message_name.h"
#include "server/reach.h"

namespace cairn::sim {
namespace {

constexpr std::int64_t kMillion = 1'000'000;

bool is_from_client(const node::Event& event) {
  return std::holds_alternative<node::ClientWrite>(event) || std::holds_alternative<node::ClientRead>(event);
}

}  // namespace

Member::Member(World& world, Checkers& checkers, std::uint64_t id)
    : world_(world),
      checkers_(checkers),
      id_(id),
      prng_(world.options.seed * 1000 + id),
      is_installed_(id <= world.options.members) {
  const std::uint64_t drift = world.options.clock_drift_ppm;
  drift_ppm_ = static_cast<std::int64_t>(prng_.below(2 * drift + 1)) - static_cast<std::int64_t>(drift);
}

Member::~Member() = default;

// Both must be monotonic to the nanosecond, hence the multiplication first; it fits for two hours of virtual
// time.
Time Member::local(Time when) const {
  const std::int64_t elapsed = when.time_since_epoch().count();
  return Time(Duration(elapsed * (kMillion + drift_ppm_) / kMillion));
}

Time Member::global(Time local_time) const {
  if (local_time > Time{} + std::chrono::hours(2)) return Time{} + std::chrono::hours(2);
  return Time(Duration(local_time.time_since_epoch().count() * kMillion / (kMillion + drift_ppm_) + 1));
}

std::int64_t Member::wall_ms() const {
  const std::int64_t now =
      std::chrono::duration_cast<std::chrono::milliseconds>(local(world_.schedule.now()).time_since_epoch())
          .count();
  // Not monotonic: each second or so it is set anew.
  const auto range = static_cast<std::int64_t>(world_.options.wall_step_hours * 3'600'000);
  if (range == 0) return now;
  Prng step((world_.options.seed * 31 + id_) * 1'000'003 + static_cast<std::uint64_t>(now / 1000));
  return now + static_cast<std::int64_t>(step.below(static_cast<std::uint64_t>(range)));
}

Time Member::healthy_since() const {
  const Time now = world_.schedule.now();
  const bool disturbed =
      !is_up() || !remembers() || paused_until_ > now || slow_until_ > now || hung_until_ > now;
  if (disturbed || disk_full_) return Time::max();
  return std::max({disturbed_at_, slow_until_, hung_until_});
}

bool Member::is_leader() const { return is_up() && raft::is_leader(process_->node->core().state()); }

std::vector<raft::Configuration> Member::configurations_since(raft::Index after) const {
  if (is_of_earlier_founding()) return {};
  if (is_up() && process_->node != nullptr) return node().core().state().log.configurations_since(after);
  std::vector<raft::Configuration> later;
  for (const raft::Configuration& each : configured_at_death_)
    if (each.at.index > after) later.push_back(each);
  return later;
}

void Member::die(Death death) {
  if (!is_up()) return;
  if (process_->node != nullptr) configured_at_death_ = configurations_since({});
  world_.note(id_, death == Death::power_cut ? "power cut" : "killed");
  ++world_.counters.crashes;
  // A killed process leaves in the watermark what each sync wrote there; the power may take that away.
  was_noted_ = process_->log != nullptr && (process_->log->is_noted() || death == Death::kill);
  const bool lacks_a_write = settle_misplaced_write();
  // Nobody may use the process while it goes down: responders that it drops only schedule what follows.
  const std::unique_ptr<Process> dying = std::move(process_);
  stalled_.clear();
  paused_until_ = Time{};
  if (death == Death::power_cut) {
    const DiskOptions& disk = world_.options.disk;
    disk_.crash(prng_, CrashOptions{disk.keep, disk.lose, disk.tear, CrashOptions::Names::prefix});
  } else {
    disk_.kill_process();
    disk_.clear_faults();
  }
  // Of a start that failed the ledger does not know the number.
  may_be_copied_ = dying->node != nullptr && !is_exchanged_ && !lacks_a_write && !is_of_earlier_founding();
  if (may_be_copied_ && world_.options.faults.forget != Duration{} && prng_.chance(1, 2)) keep_copy();
  cut_armed_ = io_error_armed_ = false;
  for (std::uint64_t peer = 1; peer <= world_.members.size(); ++peer) {
    if (peer == id_) continue;
    world_.network.stream(id_, peer, [this, peer] {
      Member& other = world_.member(peer);
      if (other.is_up() && other.hello_to(id_)) other.deliver(node::PeerConnectionLost{raft::NodeId{id_}});
    });
  }
}

// Of the log's last sync nobody knows that it was durable before the watermark or the next frame says so
// (docs/format/wal.md): that such a write is gone is not to be noticed by anybody, so it was only late. True:
// it is gone for good, and the next start has to find out, or has to miss nothing.
bool Member::settle_misplaced_write() {
  if (!std::exchange(write_armed_, false) || disk_.misplaced().empty()) return false;
  const std::string what = disk_.misplaced();
  const bool is_vouched_for =
      was_noted_ || (process_->log != nullptr && process_->log->went_on_behind_misplaced());
  if (!is_vouched_for) {
    REACHED("sim.write_late");
    disk_.place_late();
    world_.note(id_, "a write arrives late", {}, [what] { return what; });
    return false;
  }
  REACHED("sim.write_gone");
  ++world_.counters.writes_gone;
  world_.note(id_, "a write is gone", {}, [what] { return what; });
  lose_memory();
  was_noted_ = false;  // perhaps it was the watermark's
  return true;
}

void Member::misplace_write(std::uint64_t nth, std::optional<std::uint64_t> to, bool dies_soon) {
  if (write_armed_) return;
  world_.note(id_, to ? "a write will go astray" : "a write will be lost", {{"write", nth}});
  write_armed_ = true;
  dies_soon_ = dies_soon;
  was_damaged_ = true;  // where a spare segment was to be filled there may be no room
  to ? disk_.misdirect_write(nth, *to) : disk_.lose_write(nth);
}

void Member::went_on_behind_misplaced() {
  if (!dies_soon_) return;
  world_.schedule.after(Duration{}, while_alive([this] {
                          die(Death::power_cut);
                          schedule_restart(std::chrono::milliseconds(100));
                        }));
}

void Member::find_out_what_it_lacks() {
  if (!write_armed_) return;
  if (is_up()) return die(Death::power_cut);
  disk_.clear_faults();
  write_armed_ = cut_armed_ = io_error_armed_ = false;
}

void Member::cut_power_at_change(std::uint64_t nth) {
  if (!is_up() || cut_armed_) return;
  cut_armed_ = true;
  disk_.stop_at_change(nth);
}

void Member::fill_disk(std::uint64_t room_bytes) {
  world_.note(id_, "disk full", {{"room", room_bytes}});
  disk_full_ = true;
  disk_.set_capacity(disk_.used_bytes() + room_bytes);
}

void Member::free_disk() {
  disk_full_ = false;
  disturbed_at_ = world_.schedule.now();
  disk_.set_capacity(std::numeric_limits<std::uint64_t>::max());
}

void Member::fail_io(std::uint64_t nth) {
  if (cut_armed_ || io_error_armed_) return;
  world_.note(id_, "disk about to fail", {{"io", nth}});
  io_error_armed_ = true;
  disk_.fail_io(nth, Code::internal, false);
}

void Member::disk_failed(const Error& error) {
  // A segment that was cut short has no room of its own any more.
  const bool no_room = was_damaged_ && is_full(error);
  const bool cannot_read = has_misplaced_a_write() && error.code == Code::data_loss;  // what it just wrote
  if (!cut_armed_ && !io_error_armed_ && !no_room && !cannot_read) {
    world_.judge.accuse(
        "disk", "member " + std::to_string(id_) + ": an error that is no reason to stop: " + error.message);
    return;
  }
  die(cut_armed_ ? Death::power_cut : Death::kill);
  schedule_restart(std::chrono::milliseconds(static_cast<std::int64_t>(prng_.between(1, 3000))));
}

void Member::schedule_restart(Duration delay) {
  world_.schedule.after(delay, [this] { start(); });
}

void Member::pause_until(Time when) {
  if (!is_up() || paused_until_ > world_.schedule.now()) return;
  paused_until_ = when;
  world_.note(id_, "paused");
  world_.schedule.at(when, while_alive([this] {
                       paused_until_ = Time{};
                       disturbed_at_ = world_.schedule.now();
                       wake_up();
                     }));
}

// What waited in the sockets may be served before the timer is looked at; and since clients and peers come in
// by different threads, clients may be served before anything that the peers did meanwhile is known.
void Member::wake_up() {
  std::vector<node::Event> events;
  events.swap(stalled_);
  // What a message may say is asked as it is read, and not as it arrives.
  const auto read = [this](node::Event& event) {
    const auto* received = std::get_if<node::MessageReceived>(&event);
    if (received == nullptr || believes(received->message)) handle(std::move(event));
  };
  const bool clients_first = prng_.chance(1, 2);
  if (clients_first) {
    const auto peers = std::stable_partition(events.begin(), events.end(), is_from_client);
    for (auto event = events.begin(); event != peers; ++event) handle(std::move(*event));
    events.erase(events.begin(), peers);
    end_turn();
  }
  for (node::Event& event : events) read(event);
  if (prng_.chance(1, 2)) end_turn();
  on_timer();
}

Schedule::Task Member::while_alive(Schedule::Task task) {
  return [this, life = life_, task = std::move(task)] {
    if (is_up() && life_ == life) task();
  };
}

void Member::deliver(node::Event event) {
  if (!is_up()) return;
  if (paused_until_ > world_.schedule.now()) {
    stalled_.push_back(std::move(event));
  } else {
    handle(std::move(event));
  }
}

void Member::handle(node::Event event) {
  process_->node->handle(local(world_.schedule.now()), wall_ms(), std::move(event));
  if (turn_open_) return;
  turn_open_ = true;
  const auto delay = static_cast<std::uint64_t>(world_.options.turn_delay.count());
  world_.schedule.after(Duration(static_cast<std::int64_t>(prng_.below(delay + 1))),
                        while_alive([this] { end_turn(); }));
}

void Member::end_turn() {
  if (paused_until_ > world_.schedule.now()) {
    return world_.schedule.at(paused_until_, while_alive([this] { end_turn(); }));
  }
  turn_open_ = false;
  process_->node->flush();
  judge_founding();
  if (!is_of_earlier_founding()) {
    note_memory();
    checkers_.turn(*this, &seen_);
  }
  arm_timer();
}

// Full again, durably: what it lost is made up for.
void Member::note_memory() {
  // What makes it full is durable in its log; that it is, is written down a moment later.
  const bool is_recorded = process_->node->core().state().life.full && !is_older_copy_;
  if (is_recorded) ledger_.lost.reset();
  const bool full = is_recorded && ledger_.durable.hard_state.life.full;
  if (full == is_full_) return;
  is_full_ = full;
  disturbed_at_ = world_.schedule.now();
  if (!full) return;
  world_.note(id_, "is full");
  if (is_damaged_) ++world_.counters.taken_in;
  is_damaged_ = false;
}

void Member::arm_timer() {
  const Time due = std::max(global(process_->node->deadline()), world_.schedule.now());
  if (due >= timer_at_) return;
  timer_at_ = due;
  world_.schedule.at(due, while_alive([this, due] {
                       if (timer_at_ != due) return;  // an earlier one took its place
                       timer_at_ = Time::max();
                       on_timer();
                     }));
}

void Member::on_timer() {
  if (paused_until_ > world_.schedule.now()) return;  // it fires when the pause ends
  if (process_->node->deadline() <= local(world_.schedule.now())) {
    handle(node::TimePassed{});
  } else {
    arm_timer();
  }
}

void Member::send(raft::Message message) {
  // An older copy does not know what it promised; everybody else is to know that it is one.
  if (!is_older_copy_ && !is_of_earlier_founding()) checkers_.promises.send(message, ledger_);
  const std::uint64_t to = message.to.v;
  world_.note(id_, raft::testing::message_name(message.body), {{"to", to}, {"term", message.term.v}});
  const auto hello = hello_to(to);
  if (!hello) return;
  // Shared by the copies of the closure, and of a duplicated message.
  const auto shared =
      std::make_shared<const std::pair<peer::Hello, raft::Message>>(*hello, std::move(message));
  const auto fate = world_.network.send(id_, to, [this, to, shared] {
    Member& receiver = world_.member(to);
    if (receiver.hears(shared->first) && receiver.believes(shared->second))
      receiver.deliver(node::MessageReceived{shared->second});
  });
  if (fate == SimNetwork::Fate::cut && prng_.chance(1, 4)) {
    world_.schedule.after(world_.options.heartbeat_interval,
                          while_alive([this, to] { deliver(node::PeerUnreachable{raft::NodeId{to}}); }));
  }
}

bool Member::send_note(raft::NodeId to, Bytes note) {
  if (world_.options.note_refused_percent > 0 && prng_.chance(world_.options.note_refused_percent, 100))
    return false;
  world_.note(id_, "note", {{"to", to.v}, {"bytes", note->size()}});
  const auto hello = hello_to(to.v);
  if (!hello) return true;
  const std::uint64_t life = world_.member(to.v).life();
  world_.network.send_once(id_, to.v, [this, to, life, note, hello = *hello] {
    Member& receiver = world_.member(to.v);
    if (receiver.life() == life && receiver.hears(hello))
      receiver.deliver(node::NoteReceived{raft::NodeId{id_}, note});
  });
  return true;
}

void Member::configured(const std::vector<raft::Configuration>& configurations) {
  server::Reach reach = server::reach_of(raft::NodeId{id_}, configurations, {});
  process_->known.members.clear();
  for (const peer::PeerAddress& peer : reach.peers) process_->known.members.insert(peer.id);
  process_->known.newest = reach.standing.newest;
  process_->named_at = std::move(reach.standing.named_at);
  std::erase_if(process_->introduced,
                [this](const auto& each) { return each.second <= process_->known.newest; });
}

void Member::disbelieved(raft::NodeId who, const std::string& why) {
  REACHED("sim.members.disbelieved");
  world_.note(id_, "does not believe", {{"who", who.v}}, [why] { return why; });
  process_->introduced.erase(who);
}

peer::Known Member::known() const {
  peer::Known known = process_->known;
  known.introductions_from = raft::strangers_heard_from(node().core().state());
  known.founded = node().core().state().life.founded;
  return known;
}

bool Member::believes(const raft::Message& message) {
  const peer::Limits limits;
  process_->term_base = peer::term_base(process_->term_base, raft::settled_term(node().core().state()));
  const Duration since = local(world_.schedule.now()) - process_->started;
  const bool is_plausible =
      peer::plausible(message, limits, peer::term_ceiling(limits, process_->term_base, since)).has_value();
  if (!is_plausible) REACHED("sim.members.not_plausible");
  return is_plausible;
}

std::optional<peer::Hello> Member::hello_to(std::uint64_t peer) const {
  const raft::NodeId to{peer};
  if (!process_->known.members.contains(to) && !process_->introduced.contains(to)) return std::nullopt;
  peer::Hello hello{.cluster_id = kClusterId, .from = raft::NodeId{id_}, .to = to};
  hello.founded = process_->node->core().state().life.founded;
  const auto named = process_->named_at.find(to);
  if (named != process_->named_at.end()) hello.introduction = peer::Introduction{named->second, "host", 1};
  return hello;
}

bool Member::hears(const peer::Hello& hello) {
  if (!is_up()) return false;
  peer::Config config;
  config.cluster_id = kClusterId;
  config.self = raft::NodeId{id_};
  if (!peer::check_hello(hello, config, known(), raft::Term{config.limits.count_max},
                         local(world_.schedule.now()))) {
    REACHED("sim.members.not_heard");
    return false;
  }
  if (!process_->known.members.contains(hello.from)) {
    REACHED("sim.members.introduced");
    process_->introduced[hello.from] = hello.introduction->by;
  }
  return true;
}

void Member::forgot(const std::string& why) {
  // Who was not full has promised nothing that it could forget: it begins anew when a liar has led it astray.
  const bool may_have_promised = ledger_.durable.hard_state.life.full;
  if (may_have_promised && !is_damaged_ && !was_rolled_back_ && !lacks_a_snapshot_) {
    world_.judge.accuse("F4 nothing forgotten without a cause",
                        "member " + std::to_string(id_) + " takes itself for one that forgot: " + why);
  }
  lose_memory();
  is_older_copy_ = false;
  ++world_.counters.forgotten;
  world_.note(id_, "forgot", {}, [why] { return why; });
}

bool Member::remembers() const {
  if (is_up() && !process_->node->core().state().life.full) return false;
  return !is_damaged_ && !write_armed_ && ledger_.durable.hard_state.life.full;
}

bool Member::damage(Damage damage) {
  CHECK(!is_up());
  if (may_look_torn(damage) && !was_noted_) return false;
  if (!inflict(damage, kDataDir, older_files_, is_damaged_, &disk_, &prng_)) return false;
  world_.note(id_, name_of(damage));
  ++world_.counters.damages;
  lose_memory();
  return true;
}

// All of them remember, durably, a later start of this directory than a copy with that life would be in.
bool Member::others_have_met_later(const raft::Life& copied) const {
  return std::all_of(world_.members.begin(), world_.members.end(), [&](const auto& other) {
    const raft::Met* met =
        raft::find_met(other->ledger().durable.hard_state.met, raft::NodeId{id_}, copied.incarnation);
    return other->id_ == id_ || !other->is_installed_ ||
           (met != nullptr && raft::start_count(met->start) > raft::start_count(copied.start));
  });
}

bool Member::keep_copy() {
  CHECK(!is_up());
  if (!may_be_copied_) return false;
  older_files_ = files_in(disk_, kDataDir);
  older_promises_ = ledger_.durable;
  others_know_ = false;
  return true;
}

bool Member::others_know_its_copy() {
  look_who_knows_the_copy();
  return others_know_;
}

// Who loses its memory after that hears of it again before it is full.
void Member::look_who_knows_the_copy() {
  if (!older_files_.empty() && others_have_met_later(older_promises_.hard_state.life)) others_know_ = true;
}

// Only if the others are to unmask it before it harms: it may have promised something since.
bool Member::roll_back() {
  CHECK(!is_up());
  const bool now = others_have_met_later(older_promises_.hard_state.life);
  const bool is_known = now || (others_know_ && !world_.options.faults.any_number_forgets);
  if (!now && is_known) REACHED("sim.rolled_back_where_others_forgot");
  if (!is_known || is_damaged_ || !put_back(older_files_)) return false;
  REACHED("sim.rolled_back_past_promises");
  become_older_copy();
  return true;
}

// To a copy of a life that has ended, if the others are to tell by its successor's record.
bool Member::roll_back_to_earlier_life() {
  CHECK(!is_up());
  const bool is_known = std::all_of(world_.members.begin(), world_.members.end(), [this](const auto& other) {
    if (other->id_ == id_ || !other->is_installed_) return true;
    if (!other->is_up()) return false;
    const raft::State& state = other->process_->node->core().state();
    const raft::Recorded* record = raft::recorded(state.log.members(), raft::NodeId{id_});
    return record != nullptr && record->incarnation != earlier_life_.incarnation &&
           record->number > earlier_life_.recorded &&
           state.log.members_index() <= std::min(state.commit, state.durability.stable());
  });
  if (!earlier_life_.full || !is_known || is_damaged_ || !put_back(earlier_life_files_)) return false;
  REACHED("sim.rolled_back_to_earlier_life");
  become_older_copy();
  return true;
}

bool Member::put_back(const OlderFiles& files) {
  if (!inflict(Damage::rolled_back, kDataDir, files, is_damaged_, &disk_, &prng_)) return false;
  world_.note(id_, name_of(Damage::rolled_back));
  ++world_.counters.damages;
  was_rolled_back_ = true;
  return true;
}

void Member::become_older_copy() {
  lose_memory();
  is_older_copy_ = true;
}

// What it had promised until now still counts where others have heard of it.
void Member::lose_memory() {
  for (const auto& each : world_.members) each->look_who_knows_the_copy();
  is_damaged_ = was_damaged_ = true;
  if (!older_files_.empty() && older_promises_.hard_state.life.full) {
    earlier_life_files_ = older_files_;
    earlier_life_ = older_promises_.hard_state.life;
  }
  older_files_.clear();  // files of two lives are not mixed
  if (ledger_.lost) return;
  ledger_.lost = ledger_.durable;
  ledger_.lost_snapshot = ledger_.snapshot;
}

void Member::set_aside(Time starts_at) {
  CHECK(!is_up() && !is_aside() && remembers());
  aside_ = Aside{files_in(disk_, kDataDir), ledger_, was_noted_, starts_at};
  world_.note(id_, "set aside");
  disk_.remove_tree(kDataDir);
  ++world_.counters.damages;
  lose_memory();
}

// What it promised meanwhile, not being full, was nothing.
void Member::put_back_from_aside() {
  CHECK(!is_up() && is_aside());
  world_.note(id_, "put back");
  disk_.remove_tree(kDataDir);
  for (const auto& [file, content] : aside_->files) disk_.put(file, content);
  ledger_ = aside_->ledger;
  was_noted_ = aside_->was_noted;
  is_damaged_ = is_older_copy_ = false;
  older_files_.clear();
  // It was away while others started.
  for (const auto& each : world_.members) each->others_know_ = false;
  aside_.reset();
  REACHED("sim.put_back_from_aside");
}

void Member::exchange_disks(Member* other) {
  CHECK(!is_up() && !other->is_up());
  const auto mine = disk_.copy();
  disk_.restore(*other->disk_.copy());
  other->disk_.restore(*mine);
  is_exchanged_ = !is_exchanged_;
  other->is_exchanged_ = is_exchanged_;
  for (const auto& each : world_.members) each->others_know_ = false;
}

void Member::diverged(const std::string& why) {
  world_.judge.accuse("F3", "member " + std::to_string(id_) + " differs: " + why);
}

Duration Member::disk_latency() {
  const DiskOptions& disk = world_.options.disk;
  Duration latency = disk.latency_min + Duration(static_cast<std::int64_t>(prng_.below(
                                            static_cast<std::uint64_t>(disk.latency_spread.count()) + 1)));
  const Time now = world_.schedule.now();
  if (slow_until_ > now) latency *= 30;
  if (hung_until_ > now) latency = std::max(latency, hung_until_ - now);
  return latency;
}

void Member::log_asked(const raft::LogWrite& write) {
  ledger_.ask(write);
  if (!is_of_earlier_founding()) checkers_.log_write(raft::NodeId{id_}, write, ledger_);
}

void Member::snapshot_durable(raft::Index index) { ledger_.snapshot = std::max(ledger_.snapshot, index); }

void Member::log_durable(raft::WriteSeq seq, raft::Room room) {
  ledger_.confirm(seq);
  world_.note(id_, "log durable", {{"write", seq.v}, {"last", ledger_.durable.last().v}});
  deliver(node::LogPersisted{seq, room});
}

}  // namespace cairn::sim
