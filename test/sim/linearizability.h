// Linearizability: is there one order of a history's operations that a sequential object could have answered
// with, and in which no operation comes before one that had returned when it was called? Algorithm: Wing and
// Gong's search with Lowe's cache of (linearized set, state) and P-compositionality, as made practical by
// Porcupine. The problem is NP-complete: the search is bounded by steps, never by time, so that a verdict is
// the same on every machine. Threading: none; pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace cairn::sim {

// The span of an operation in any unit that orders events. Two operations whose spans touch count as
// concurrent.
struct Span {
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
  std::int64_t call = 0;
  std::int64_t answered =
      kNever;  // kNever: the outcome is unknown, so it may take effect at any later time, or never
};

// The sequential object. Operations are known by their position in the history; a state is an opaque string
// whose equality means equality of the states.
struct Model {
  virtual ~Model() = default;
  virtual std::string initial() const = 0;
  // Whether `operation` may happen in *state with the output that was seen; then *state becomes the next
  // state.
  virtual bool step(std::string* state, std::size_t operation) const = 0;
};

enum class Verdict { linearizable, violated, unknown };
const char* to_string(Verdict verdict);

struct Linearization {
  Verdict verdict = Verdict::unknown;
  std::uint64_t steps = 0;
  std::vector<std::size_t>
      longest;  // the longest order found: when violated, the culprit comes right after it
};

constexpr std::uint64_t kStepsMax = 50'000'000;

Linearization check_linearizable(const std::vector<Span>& spans, const Model& model,
                                 std::uint64_t steps_max = kStepsMax);

}  // namespace cairn::sim
