#include "addon/hub_tenant.h"

#include <utility>

#include "addon/thread_host.h"

namespace tickwire::addon {
namespace {

constexpr size_t kBacklogBytes = 32u << 20;

template <class T>
double number(T value) noexcept {
  return static_cast<double>(value);
}

std::string_view view(std::span<const uint8_t> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Result<std::unique_ptr<HubTenant>> HubTenant::create(feed::Channel& channel, const hub::HubOptions& options,
                                                     uint32_t threads, uint16_t handle) {
  std::unique_ptr<HubTenant> tenant(new HubTenant(channel, handle));
  std::vector<Loop*> loops{&channel.loop()};
  for (uint32_t i = 1; i < threads; ++i) {
    auto thread = ThreadHost::start({});
    if (!thread.ok()) return thread.error();
    loops.push_back(&thread.value()->loop());
    tenant->threads_.push_back(std::move(thread.value()));
  }
  auto hub = hub::Hub::create(options, loops, *tenant);
  if (!hub.ok()) return hub.error();
  tenant->hub_ = std::move(hub.value());
  return tenant;
}

HubTenant::~HubTenant() {
  ended_.store(true, std::memory_order_relaxed);
  channel_.stop_waiting(*this);
  if (!hub_) return;
  // The front first: it hands connections to the loops. Its own record of them goes last, as the loops still report
  // their ends.
  if (front_) front_->close();
  for (uint32_t i = 0; i < threads_.size(); ++i) {
    threads_[i]->run_and_wait([this, i] { hub_->release(i + 1); });
  }
  hub_->release(0);
  front_.reset();
  hub_.reset();
}

Result<void> HubTenant::listen(hub::FrontOptions options) {
  auto front = hub::Front::open(*hub_, std::move(options), *this);
  if (!front.ok()) return front.error();
  front_ = std::move(front.value());
  return {};
}

void HubTenant::close(int64_t grace_ns) {
  if (front_) front_->close();
  hub_->close(grace_ns);
}

int64_t HubTenant::cpu_time_ns() const noexcept {
  int64_t sum = 0;
  for (const auto& thread : threads_) sum += thread->cpu_time_ns();
  return sum;
}

// ---- what happens

void HubTenant::on_connected(const hub::SubscriberInfo& info) {
  const double numbers[] = {number(info.id), number(info.lane), number(info.remote_port),
                            info.deflate.has_value() ? 1.0 : 0.0};
  const std::string_view texts[] = {info.remote_address, info.path};
  tell(HubEvent::kConnected, info.id, numbers, texts);
}

void HubTenant::on_disconnected(const hub::Disconnected& event) {
  if (front_) front_->forget(event.id);
  const Error none;
  const Error& why = event.why != nullptr ? *event.why : none;
  const double numbers[] = {number(event.id),       number(why.code),    number(why.detail),  event.clean ? 1 : 0.,
                            number(event.messages), number(event.bytes), number(event.missed)};
  const std::string_view texts[] = {why.text};
  tell(HubEvent::kDisconnected, event.id, numbers, texts);
}

void HubTenant::on_subscription(hub::SubscriberId id, std::string_view topic, bool subscribed) {
  const double numbers[] = {number(id), subscribed ? 1.0 : 0.0};
  tell(HubEvent::kSubscription, id, numbers, {&topic, 1});
}

void HubTenant::on_slow(const hub::SlowEvent& event) {
  // Topic, first, last and count of each range, as 4 × f64.
  std::vector<double> ranges;
  ranges.reserve(event.ranges.size() * 4);
  for (const hub::MissedRange& range : event.ranges) {
    ranges.insert(ranges.end(), {number(range.topic), number(range.from), number(range.to), number(range.count)});
  }
  const double numbers[] = {number(event.id), number(event.phase), number(event.policy), number(event.pending_bytes),
                            number(event.missed)};
  const std::string_view text{reinterpret_cast<const char*>(ranges.data()), ranges.size() * sizeof(double)};
  tell(HubEvent::kSlow, event.id, numbers, {&text, 1});
}

void HubTenant::on_message(hub::SubscriberId id, ws::Opcode opcode, std::span<const uint8_t> data) {
  const double numbers[] = {number(id), opcode == ws::Opcode::kBinary ? 1.0 : 0.0};
  const std::string_view text = view(data);
  tell(HubEvent::kMessage, id, numbers, {&text, 1});
}

void HubTenant::on_snapshot_needed(hub::TopicId topic, std::string_view name) {
  const double numbers[] = {number(topic)};
  tell(HubEvent::kSnapshotNeeded, 0, numbers, {&name, 1});
}

void HubTenant::on_drain() { tell(HubEvent::kDrain, 0, {}, {}); }

void HubTenant::on_measured(uint64_t request, std::span<const hub::SubscriberLag> some, bool last) {
  std::vector<double> numbers{number(request), last ? 1.0 : 0.0};
  numbers.reserve(2 + some.size() * 7);
  for (const hub::SubscriberLag& lag : some) {
    numbers.insert(numbers.end(),
                   {number(lag.id), number(lag.ring_bytes), number(lag.own_bytes), number(lag.kernel_bytes),
                    number(lag.messages), number(lag.bytes), number(lag.missed)});
  }
  tell(HubEvent::kMeasured, 0, numbers, {});
}

void HubTenant::on_closed() { tell(HubEvent::kClosed, 0, {}, {}); }

void HubTenant::on_authorize(const hub::AuthorizeRequest& r) {
  const double numbers[] = {number(r.id),           number(r.protocol),      r.secure ? 1.0 : 0.0, number(r.port),
                            r.all_topics ? 1. : 0., number(r.topics.size()), number(r.keys.size())};
  std::vector<std::string_view> texts = {r.address,     r.path,  r.query, r.headers,    r.origin,
                                         r.subprotocol, r.token, r.name,  r.tls_subject};
  texts.insert(texts.end(), r.topics.begin(), r.topics.end());
  texts.insert(texts.end(), r.keys.begin(), r.keys.end());
  tell(HubEvent::kAuthorize, 0, numbers, texts);
}

void HubTenant::on_refused(const hub::Refused& r) {
  const double numbers[] = {number(r.why), number(r.http), number(r.port), number(r.suppressed)};
  const std::string_view texts[] = {r.address, r.text};
  tell(HubEvent::kRefused, 0, numbers, texts);
}

void HubTenant::on_accept_failed(size_t endpoint, const Error& error) {
  const double numbers[] = {number(endpoint), number(error.code), number(error.detail)};
  const std::string_view text = error.text;
  tell(HubEvent::kAcceptFailed, 0, numbers, {&text, 1});
}

// ---- to JS

void HubTenant::tell(HubEvent event, hub::SubscriberId about, std::span<const double> numbers,
                     std::span<const std::string_view> texts) {
  if (ended_.load(std::memory_order_relaxed)) return;  // while it is being destroyed
  Told told{event, about, hub_record(event, handle_, numbers, texts)};
  if (channel_.loop().on_loop_thread()) return deliver(std::move(told));
  const bool posted = channel_.loop().post([weak = std::weak_ptr<HubTenant*>(self_), told = std::move(told)]() mutable {
    if (const auto self = weak.lock()) (*self)->deliver(std::move(told));
  });
  if (!posted) lost_.fetch_add(1, std::memory_order_relaxed);  // the loop is closed: nobody listens either
}

void HubTenant::deliver(Told told) {
  if (backlog_.empty() && owed_.empty() && write(told.record)) {
    channel_.flush();
    return;
  }
  // The end of the hub is told whatever else waits, and whoever asks is answered.
  const bool owed = told.event == HubEvent::kClosed || told.event == HubEvent::kMeasured;
  const bool fits = backlog_bytes_ + told.record.size() <= kBacklogBytes || owed;
  if (told.record.size() > channel_.ring().max_record() || !fits) {
    give_up(told);
  } else {
    backlog_bytes_ += told.record.size();
    backlog_.push_back(std::move(told));
  }
  if (backlog_.size() + owed_.size() == 1) on_space();
}

void HubTenant::give_up(const Told& told) {
  lost_.fetch_add(1, std::memory_order_relaxed);
  if (told.event == HubEvent::kConnected) untold_.insert(told.about);
  if (told.event == HubEvent::kDisconnected && untold_.erase(told.about) == 0) owed_.push_back(told.about);
}

void HubTenant::pay_debts() {
  while (!owed_.empty()) {
    const double numbers[] = {number(owed_.front()), 0, 0, 0, 0, 0, 0};
    const std::string_view none;
    if (!write(hub_record(HubEvent::kDisconnected, handle_, numbers, {&none, 1}))) return;
    owed_.pop_front();
  }
}

bool HubTenant::write(const HubRecord& record) {
  uint8_t* const room = channel_.ring().reserve(static_cast<uint32_t>(record.size()));
  if (room == nullptr) return false;
  std::memcpy(room, record.data(), record.size());
  channel_.ring().commit(static_cast<uint32_t>(record.size()));
  return true;
}

void HubTenant::on_space() {
  // Registering comes before the last look: room may have been freed in between.
  for (int looks = 0; looks < 2 && (!backlog_.empty() || !owed_.empty()); ++looks) {
    while (!backlog_.empty() && write(backlog_.front().record)) {
      backlog_bytes_ -= backlog_.front().record.size();
      backlog_.pop_front();
    }
    if (backlog_.empty()) pay_debts();
    if (!backlog_.empty() || !owed_.empty()) channel_.wait_for_space(*this);
  }
  channel_.flush();
}

}  // namespace tickwire::addon
