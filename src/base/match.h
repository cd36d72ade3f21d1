// Match: std::visit with one function per alternative: std::visit(Match{[](A&) {...}, [](B&) {...}},
// variant).
#pragma once

namespace cairn {

template <class... Functions>
struct Match : Functions... {
  using Functions::operator()...;
};
template <class... Functions>
Match(Functions...) -> Match<Functions...>;

}  // namespace cairn
