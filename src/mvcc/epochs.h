// Epochs: decides when memory that views may still read is freed, without a counter in every node.
//
// Everything a view can reach carries the epoch in which it was made (applied index + 1). A view pins one
// epoch and sees exactly what was made up to it and not yet replaced. So the writer may change a node in
// place when it is younger than the newest pin, and may free a replaced one when no pin lies between its
// making and its replacement. A replaced item waits with the newest pin that can see it; when that pin goes,
// it moves to the next older pin that can see it, or is freed. Frees are spread over calls of free_some(), so
// that the end of a long-lived view never stalls a write.
//
// Owner: the storage shared by a StateMachine and its views. Threading: one writer thread calls everything,
// except Pin::release, which any thread may call once. Bound: what is kept is at most the part of the state
// that was replaced while a view lived.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace cairn::mvcc {

class Epochs {
 public:
  using Free = void (*)(void*);
  // For what does not know when it was made: any view may see it.
  static constexpr std::uint64_t kFirst = 1;

  class Pin {
   public:
    Pin(std::uint64_t epoch, std::int64_t compact_revision)
        : epoch_(epoch), compact_revision_(compact_revision) {}
    // The owner reads nothing of the state after this.
    void release() { released_.store(true, std::memory_order_release); }

   private:
    friend class Epochs;
    struct Item {
      void* memory;
      Free free;
      std::uint64_t made;
    };
    const std::uint64_t epoch_;
    const std::int64_t compact_revision_;
    std::atomic<bool> released_ = false;
    std::vector<Item> waiting_;
  };

  Epochs() = default;
  Epochs(const Epochs&) = delete;
  Epochs& operator=(const Epochs&) = delete;
  ~Epochs();

  // Starts the epoch in which new nodes are made; collects what released pins leave behind.
  void begin(std::uint64_t epoch);
  std::uint64_t current() const { return current_; }
  // True when no view sees a node made in that epoch: it may be changed in place.
  bool owned(std::uint64_t made) const { return made > frozen_; }

  // Pins the state as it is now. Epochs never decrease.
  Pin* pin(std::int64_t compact_revision);
  // `memory` is no longer part of the newest state; it is freed when no view can reach it.
  void retire(void* memory, Free free, std::uint64_t made);
  void free_some(std::size_t items_max);
  bool has_doomed() const { return !doomed_.empty(); }  // for free_some()

  // The lowest compact revision of any live view, or `otherwise` when there is none.
  std::int64_t oldest_compact_revision(std::int64_t otherwise) const {
    return pins_.empty() ? otherwise : pins_.front()->compact_revision_;
  }

 private:
  void collect();
  void release_pin(std::size_t position);

  std::uint64_t current_ = kFirst;
  std::uint64_t frozen_ = 0;                // the newest pin's epoch, 0 for none
  std::vector<std::unique_ptr<Pin>> pins_;  // by epoch, ascending
  std::vector<std::vector<Pin::Item>> doomed_;
};

}  // namespace cairn::mvcc
