#include "load/await_all.h"

namespace cairn::load {

void await_all(boost::asio::io_context& io, std::uint64_t wanted, const std::function<std::uint64_t()>& come,
               const std::string& problem, std::chrono::seconds patience) {
  const auto waits = [&] { return come() < wanted && problem.empty(); };
  std::uint64_t before = 0;
  do {
    before = come();
    io.restart();
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (waits() && io.run_one_until(deadline) > 0) continue;
  } while (waits() && come() > before);
  io.restart();
}

}  // namespace cairn::load
