// Writes that are under way when everything ends, and what is left of them:
//   in_flight --endpoints 127.0.0.1:2379,127.0.0.1:3379
// It does what its standard input says, and answers each line with one:
//   write COUNT BYTES  from now on keeps so many puts of so large values in flight, each to a key of its own
//   count              -> acknowledged COUNT
//   stop               lets no more begin; waits for those under way -> acknowledged A refused R unknown U
//   check              reads back everything -> kept COUNT lost COUNT wrong COUNT KEY...
//   forget             deletes it all, here and there, and its history -> forgotten
// lost: acknowledged and not there. wrong: not the bytes that were written, or written twice. A refused put
// was told so by the server and may not be there; of an unknown one nobody has told.
#include <poll.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "proto/rpc.pb.h"
#include "rpc/client.h"

namespace cairn::load {
namespace {

constexpr auto kPatience = std::chrono::seconds(60);
constexpr auto kPauseAfterFailure = std::chrono::milliseconds(50);
constexpr auto kTurn = std::chrono::milliseconds(2);
constexpr std::size_t kCallsPerConnection = 100;
constexpr std::size_t kPageBytes = std::size_t{4} << 20;
constexpr std::size_t kShifts = std::size_t{64} << 10;  // so many different values
constexpr std::size_t kNamedMax = 5;

// The value of every key follows from its number, and no two neighbours are alike.
class Values {
 public:
  void resize(std::size_t bytes) {
    bytes_ = bytes;
    Prng prng(bytes);
    noise_.resize(bytes + kShifts);
    for (char& c : noise_) c = static_cast<char>(prng.next());
  }
  std::size_t bytes() const { return bytes_; }
  std::string_view of(std::uint64_t number) const {
    return std::string_view(noise_).substr(number * 7919 % kShifts, bytes_);
  }

 private:
  std::size_t bytes_ = 0;
  std::string noise_;
};

class Load {
 public:
  explicit Load(std::vector<std::string> endpoints) : endpoints_(std::move(endpoints)) {}

  std::string write(std::size_t count, std::size_t bytes) {
    values_.resize(bytes);
    connect(count);
    writing_ = true;
    for (std::size_t i = 0; i < count; ++i) put(clients_[i % clients_.size()].get());
    return "writing";
  }

  std::string count() const { return "acknowledged " + std::to_string(acknowledged_.size()); }

  std::string stop() {
    writing_ = false;
    io_.restart();
    while (under_way_ > 0) io_.run_one();
    std::ostringstream out;
    out << count() << " refused " << refused_ << " unknown " << unknown_;
    return out.str();
  }

  std::string check() {
    connect(1);
    std::set<std::uint64_t> present;
    std::vector<std::string> wrong;
    std::string from = prefix_;
    for (bool more = true; more;) {
      etcdserverpb::RangeResponse response;
      if (!page(from, &response)) return "nobody answers: " + why_;
      for (const mvccpb::KeyValue& kv : response.kvs()) {
        const std::uint64_t number = std::stoull(kv.key().substr(prefix_.size()));
        present.insert(number);
        if (kv.version() != 1 || kv.value() != values_.of(number)) wrong.push_back(kv.key());
      }
      more = response.more();
      if (more) from = response.kvs().rbegin()->key() + '\0';
    }
    std::vector<std::string> lost;
    for (const std::uint64_t number : acknowledged_)
      if (!present.contains(number)) lost.push_back(key_of(number));
    std::ostringstream out;
    out << "kept " << present.size() << " lost " << lost.size() << " wrong " << wrong.size();
    for (const auto* list : {&lost, &wrong})
      for (std::size_t i = 0; i < std::min(kNamedMax, list->size()); ++i) out << ' ' << (*list)[i];
    return out.str();
  }

  std::string forget() {
    etcdserverpb::DeleteRangeRequest request;
    request.set_key(prefix_);
    request.set_range_end(prefix_end());
    std::string answer;
    if (!ask("/etcdserverpb.KV/DeleteRange", request.SerializeAsString(), &answer)) return "nobody answers";
    etcdserverpb::DeleteRangeResponse deleted;
    if (!deleted.ParseFromString(answer)) return "no answer to a deletion";
    // Else their history would fill the quota before the last of many cells.
    etcdserverpb::CompactionRequest compaction;
    compaction.set_revision(deleted.header().revision());
    if (!ask("/etcdserverpb.KV/Compact", compaction.SerializeAsString(), &answer))
      return "nobody compacts: " + why_;
    acknowledged_.clear();
    refused_ = unknown_ = 0;
    return "forgotten";
  }

  bool is_writing() const { return writing_; }
  void go_on() {
    io_.restart();
    io_.run_for(kTurn);
  }

 private:
  std::string key_of(std::uint64_t number) const {
    std::string digits = std::to_string(number);
    return prefix_ + std::string(12 - digits.size(), '0') + digits;
  }
  std::string prefix_end() const { return std::string("flight0"); }  // the character after the slash

  void connect(std::size_t calls) {
    ++round_;
    clients_.clear();
    const std::size_t needed = (calls + kCallsPerConnection - 1) / kCallsPerConnection;
    const std::size_t connections = std::max(needed, std::min(calls, endpoints_.size()));
    for (std::size_t i = 0; i < std::max(connections, endpoints_.size()); ++i) {
      const std::string& endpoint = endpoints_[i % endpoints_.size()];
      const std::size_t colon = endpoint.rfind(':');
      clients_.push_back(std::make_unique<rpc::GrpcClient>(
          io_, endpoint.substr(0, colon), static_cast<std::uint16_t>(std::stoi(endpoint.substr(colon + 1)))));
    }
  }

  // Every one that ends begins the next.
  void put(rpc::GrpcClient* client) {
    const std::uint64_t number = ++last_;
    etcdserverpb::PutRequest request;
    request.set_key(key_of(number));
    request.set_value(std::string(values_.of(number)));
    ++under_way_;
    client->call("/etcdserverpb.KV/Put", request.SerializeAsString(), {}, kPatience,
                 [this, client, number](const rpc::GrpcReply& reply) {
                   --under_way_;
                   if (reply.code == Code::ok) acknowledged_.insert(number);
                   if (reply.code == Code::resource_exhausted) ++refused_;
                   if (reply.code == Code::ok) return next(client);
                   if (reply.code != Code::resource_exhausted) ++unknown_;
                   pause_and_put(client);
                 });
  }
  void next(rpc::GrpcClient* client) {
    if (writing_) put(client);
  }
  void pause_and_put(rpc::GrpcClient* client) {
    const auto timer = std::make_shared<boost::asio::steady_timer>(io_, kPauseAfterFailure);
    timer->async_wait([this, client, timer, round = round_](const auto&) {
      if (round == round_) next(client);  // else the client is gone
    });
  }

  bool ask(std::string_view path, const std::string& request, std::string* answer) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    for (std::size_t at = 0; std::chrono::steady_clock::now() < end; ++at) {
      io_.restart();
      rpc::GrpcResult got = rpc::call_and_wait(io_, *clients_[at % clients_.size()], path, request);
      if (got.code == Code::ok) return *answer = std::move(got.message), true;
      why_ = got.status_message;
      std::this_thread::sleep_for(kPauseAfterFailure);
    }
    return false;
  }
  bool page(const std::string& from, etcdserverpb::RangeResponse* response) {
    etcdserverpb::RangeRequest request;
    request.set_key(from);
    request.set_range_end(prefix_end());
    request.set_limit(
        static_cast<std::int64_t>(std::clamp<std::size_t>(kPageBytes / values_.bytes(), 1, 1000)));
    std::string answer;
    return ask("/etcdserverpb.KV/Range", request.SerializeAsString(), &answer) &&
           response->ParseFromString(answer);
  }

  const std::string prefix_ = "flight/";
  const std::vector<std::string> endpoints_;
  boost::asio::io_context io_;
  std::vector<std::unique_ptr<rpc::GrpcClient>> clients_;
  Values values_;
  std::uint64_t last_ = 0;
  std::set<std::uint64_t> acknowledged_;
  std::size_t refused_ = 0, unknown_ = 0, under_way_ = 0;
  std::uint64_t round_ = 0;  // of connections
  bool writing_ = false;
  std::string why_;  // the last question was not answered
};

std::string obey(Load* load, const std::string& line) {
  std::istringstream words(line);
  std::string command;
  std::size_t count = 0, bytes = 0;
  words >> command >> count >> bytes;
  if (command == "write" && count > 0 && bytes > 0) return load->write(count, bytes);
  if (command == "count") return load->count();
  if (command == "stop") return load->stop();
  if (command == "check") return load->check();
  if (command == "forget") return load->forget();
  return "what?";
}

// Lines come one at a time: whoever writes them waits for the answer.
bool line_is_there(bool wait) {
  pollfd input{0, POLLIN, 0};
  return ::poll(&input, 1, wait ? -1 : 0) > 0;
}

int run(Load* load) {
  for (;;) {
    if (load->is_writing()) load->go_on();
    if (!line_is_there(!load->is_writing())) continue;
    std::string line;
    if (!std::getline(std::cin, line)) return 0;
    std::cout << obey(load, line) << std::endl;
  }
}

}  // namespace
}  // namespace cairn::load

int main(int argc, char** argv) {
  CLI::App app("writes that are under way when everything ends");
  std::vector<std::string> endpoints;
  app.add_option("--endpoints", endpoints, "host:port,...")->required()->delimiter(',');
  CLI11_PARSE(app, argc, argv);
  cairn::load::Load load(std::move(endpoints));
  return cairn::load::run(&load);
}
