// Metrics: counters, gauges and histograms, created once by name and rendered in Prometheus' text format.
// The hot path is one relaxed atomic operation on a reference kept by whoever counts; names, labels and the
// text are looked at only when the metric is created or rendered. Owner: server/. Threading: any thread
// creates, counts and renders. What is returned lives as long as Metrics. Bounded: kSeriesMax series a name;
// beyond, all further label values share one series labelled "other".
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cairn {

inline constexpr std::size_t kSeriesMax = 1000;
inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

class Counter {
 public:
  void add(std::uint64_t count = 1) { value_.fetch_add(count, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
  void set(double value) { value_.store(value, std::memory_order_relaxed); }
  void add(double difference) {
    double before = value();
    while (!value_.compare_exchange_weak(before, before + difference, std::memory_order_relaxed)) {
    }
  }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds);  // ascending upper bounds, without infinity
  void observe(double value);

  struct Snapshot {
    std::vector<std::uint64_t> cumulative;  // one per bound, then the total
    double sum = 0;
  };
  Snapshot snapshot() const;
  const std::vector<double>& bounds() const { return bounds_; }

 private:
  const std::vector<double> bounds_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> counts_;  // one per bound, then the rest
  Gauge sum_;
};

// first, first * factor, ... as etcd spaces its own.
std::vector<double> exponential_bounds(double first, double factor, std::size_t count);
// Of the time a request takes: those of Prometheus' own libraries, and finer ones below.
std::vector<double> request_bounds();

using Labels = std::vector<std::pair<std::string, std::string>>;

class Metrics {
 public:
  Metrics();
  ~Metrics();

  // The same name and labels give the same object; help, type and bounds are those of the first call
  // (CHECKed).
  Counter& counter(std::string_view name, std::string_view help, const Labels& labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, const Labels& labels = {});
  Histogram& histogram(std::string_view name, std::string_view help, const std::vector<double>& bounds,
                       const Labels& labels = {});
  // Read while rendering, on the rendering thread. For values that something else keeps already.
  void gauge_from(std::string_view name, std::string_view help, const Labels& labels,
                  std::function<double()> read);
  void counter_from(std::string_view name, std::string_view help, const Labels& labels,
                    std::function<double()> read);
  // The same for series that come and go: each time rendered, those that `read` answers with, and no others.
  void counters_from(std::string_view name, std::string_view help,
                     std::function<std::vector<std::pair<Labels, double>>()> read);

  std::string render() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// process_cpu_seconds_total, process_resident_memory_bytes, process_open_fds and so on, read when rendered.
void add_process_metrics(Metrics* metrics);

}  // namespace cairn
