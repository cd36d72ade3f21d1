#include "observe/metrics.h"

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <sstream>
#include <variant>

#include "base/check.h"

namespace cairn {

Histogram::Histogram(std::vector<double> bounds)
    : bounds_(std::move(bounds)), counts_(new std::atomic<std::uint64_t>[bounds_.size() + 1]()) {
  CHECK(std::is_sorted(bounds_.begin(), bounds_.end()));
}

void Histogram::observe(double value) {
  const auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  counts_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  sum_.add(value);
}

Histogram::Snapshot Histogram::snapshot() const {
  Snapshot result;
  std::uint64_t total = 0;
  for (std::size_t i = 0; i <= bounds_.size(); ++i) {
    total += counts_[i].load(std::memory_order_relaxed);
    result.cumulative.push_back(total);
  }
  result.sum = sum_.value();
  return result;
}

std::vector<double> exponential_bounds(double first, double factor, std::size_t count) {
  std::vector<double> bounds;
  for (double bound = first; bounds.size() < count; bound *= factor) bounds.push_back(bound);
  return bounds;
}

std::vector<double> request_bounds() {
  return {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
}

namespace {

using Read = std::function<double()>;
using ReadAll = std::function<std::vector<std::pair<Labels, double>>()>;
using Series =
    std::variant<std::unique_ptr<Counter>, std::unique_ptr<Gauge>, std::unique_ptr<Histogram>, Read>;

struct Family {
  std::string help;
  prometheus::MetricType type = prometheus::MetricType::Gauge;
  std::map<Labels, Series> series;
  ReadAll read_all;  // if not empty: these instead
};

prometheus::ClientMetric sample(const Labels& labels, const Series& series, prometheus::MetricType type) {
  prometheus::ClientMetric metric;
  for (const auto& [name, value] : labels) metric.label.push_back({name, value});
  if (const auto* counter = std::get_if<std::unique_ptr<Counter>>(&series)) {
    metric.counter.value = static_cast<double>((*counter)->value());
  } else if (const auto* gauge = std::get_if<std::unique_ptr<Gauge>>(&series)) {
    metric.gauge.value = (*gauge)->value();
  } else if (const auto* read = std::get_if<Read>(&series)) {
    (type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) = (*read)();
  } else {
    const Histogram& histogram = *std::get<std::unique_ptr<Histogram>>(series);
    const Histogram::Snapshot snapshot = histogram.snapshot();
    for (std::size_t i = 0; i < histogram.bounds().size(); ++i) {
      metric.histogram.bucket.push_back({snapshot.cumulative[i], histogram.bounds()[i]});
    }
    metric.histogram.sample_count = snapshot.cumulative.back();
    metric.histogram.sample_sum = snapshot.sum;
  }
  return metric;
}

}  // namespace

struct Metrics::Impl final : prometheus::Collectable {
  Series& at(std::string_view name, std::string_view help, prometheus::MetricType type,
             const Labels& labels) {
    const auto [found, fresh] = families.try_emplace(std::string(name));
    Family& family = found->second;
    if (fresh) {
      family.help = help;
      family.type = type;
    }
    CHECK(family.type == type);
    if (family.series.size() < kSeriesMax || family.series.contains(labels)) return family.series[labels];
    Labels other = labels;
    for (auto& [label, value] : other) value = "other";
    return family.series[other];
  }

  template <class Metric, class Make>
  Metric& own(std::string_view name, std::string_view help, prometheus::MetricType type, const Labels& labels,
              Make make) {
    const std::lock_guard lock(mutex);
    Series& series = at(name, help, type, labels);
    if (auto* held = std::get_if<std::unique_ptr<Metric>>(&series); held && *held) return **held;
    return *series.emplace<std::unique_ptr<Metric>>(make());
  }

  std::vector<prometheus::MetricFamily> Collect() const override {
    const std::lock_guard lock(mutex);
    std::vector<prometheus::MetricFamily> all;
    for (const auto& [name, family] : families) {
      prometheus::MetricFamily collected;
      collected.name = name;
      collected.help = family.help;
      collected.type = family.type;
      for (const auto& [labels, series] : family.series) {
        collected.metric.push_back(sample(labels, series, family.type));
      }
      if (family.read_all) {
        for (const auto& [labels, value] : family.read_all())
          collected.metric.push_back(sample(labels, Read([value = value] { return value; }), family.type));
      }
      all.push_back(std::move(collected));
    }
    return all;
  }

  mutable std::mutex mutex;  // names and series; never taken to count
  std::map<std::string, Family, std::less<>> families;
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::counter(std::string_view name, std::string_view help, const Labels& labels) {
  return impl_->own<Counter>(name, help, prometheus::MetricType::Counter, labels,
                             [] { return std::make_unique<Counter>(); });
}

Gauge& Metrics::gauge(std::string_view name, std::string_view help, const Labels& labels) {
  return impl_->own<Gauge>(name, help, prometheus::MetricType::Gauge, labels,
                           [] { return std::make_unique<Gauge>(); });
}

Histogram& Metrics::histogram(std::string_view name, std::string_view help, const std::vector<double>& bounds,
                              const Labels& labels) {
  return impl_->own<Histogram>(name, help, prometheus::MetricType::Histogram, labels,
                               [&] { return std::make_unique<Histogram>(bounds); });
}

void Metrics::gauge_from(std::string_view name, std::string_view help, const Labels& labels, Read read) {
  const std::lock_guard lock(impl_->mutex);
  impl_->at(name, help, prometheus::MetricType::Gauge, labels) = std::move(read);
}

void Metrics::counter_from(std::string_view name, std::string_view help, const Labels& labels, Read read) {
  const std::lock_guard lock(impl_->mutex);
  impl_->at(name, help, prometheus::MetricType::Counter, labels) = std::move(read);
}

void Metrics::counters_from(std::string_view name, std::string_view help, ReadAll read) {
  const std::lock_guard lock(impl_->mutex);
  Family& family = impl_->families[std::string(name)];
  CHECK(family.series.empty());
  family.help = help;
  family.type = prometheus::MetricType::Counter;
  family.read_all = std::move(read);
}

std::string Metrics::render() const {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, impl_->Collect());
  return out.str();
}

}  // namespace cairn
