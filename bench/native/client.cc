#include "client.h"

#include <cerrno>

namespace load {
namespace {

constexpr std::int64_t kRetryNs = 20'000'000;
constexpr std::size_t kMostOpening = 64;
constexpr int kBadAnswer = -1;
constexpr int kEnded = -2;
char payload[1 << 18];

}  // namespace

void Errors::add(int error) noexcept {
  switch (error) {
    case kBadAnswer: ++bad_answer; break;
    case kEnded: ++eof; break;
    case ECONNREFUSED: ++refused; break;
    case ECONNRESET:
    case EPIPE: ++reset; break;
    case ETIMEDOUT: ++timeout; break;
    default: ++other;
  }
}

void Errors::merge(const Errors& o) noexcept {
  refused += o.refused, reset += o.reset, timeout += o.timeout, bad_answer += o.bad_answer, eof += o.eof, other += o.other;
}

// The threads' schedules interlock.
std::int64_t Client::due_ns(std::uint64_t number) const noexcept {
  const double each = 1e9 / plan_.per_second;
  return plan_.start_ns + static_cast<std::int64_t>((static_cast<double>(number) * plan_.threads + index_) * each);
}

void Client::run() {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  now_ = now_ns();
  for (unsigned place = index_; place < plan_.connections; place += plan_.threads) {
    conns_.push_back(std::make_unique<Conn>());
    conns_.back()->place = place;
  }
  turn_ = index_;
  if (plan_.mode == Mode::idle) unopened_ = conns_.size();
  else if (plan_.mode == Mode::burst) burst_open();
  else
    for (auto& conn : conns_) open(*conn);
  epoll_event events[256];
  while (!stop.load(std::memory_order_relaxed)) {
    while (unopened_ > 0 && opening_ < kMostOpening) {
      ++opening_;
      open(*conns_[--unopened_]);
    }
    std::int64_t until = plan_.end_ns;
    if (plan_.mode == Mode::rate && !free_.empty()) until = std::min(until, due_ns(next_));
    for (const auto& [at, conn] : retries_) until = std::min(until, at);
    now_ = now_ns();
    if (now_ >= plan_.end_ns) break;
    const std::int64_t wait = std::min<std::int64_t>(until - now_, 50'000'000);
    const timespec limit{0, wait > 0 ? wait : 0};
    const int count = ::epoll_pwait2(epoll_, events, 256, &limit, nullptr);
    now_ = now_ns();
    for (int i = 0; i < count; ++i) on_event(*static_cast<Conn*>(events[i].data.ptr), events[i].events);
    if (plan_.mode == Mode::rate) send_due();
    for (std::size_t i = 0; i < retries_.size();) {
      if (retries_[i].first > now_) { ++i; continue; }
      Conn* conn = retries_[i].second;
      retries_[i] = retries_.back();
      retries_.pop_back();
      open(*conn);
    }
    // Its sockets stay open: the process holds them until its input ends.
    if (plan_.mode == Mode::idle && unopened_ == 0 && opening_ == 0) break;
    if (plan_.mode == Mode::burst && totals.done + totals.errors.refused + totals.errors.reset + totals.errors.eof +
            totals.errors.timeout + totals.errors.bad_answer + totals.errors.other >= conns_.size()) break;
  }
  if (plan_.mode == Mode::rate && due_ns(next_) < plan_.end_ns) {
    while (due_ns(next_ + totals.unsent) < plan_.end_ns) ++totals.unsent;
  }
  if (plan_.mode != Mode::idle)
    for (auto& conn : conns_) conn->wire.close();
}

void Client::open(Conn& c) {
  c.state = Conn::State::connecting;
  c.wire.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c.wire.fd < 0) return failed(c, errno);
  set_option(c.wire.fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (!plan_.from.empty()) {
    const sockaddr_in& from = plan_.from[turn_ / plan_.to.size() % plan_.from.size()];
    set_option(c.wire.fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    if (::bind(c.wire.fd, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0) return failed(c, errno);
  }
  const sockaddr_in& to = plan_.to[turn_++ % plan_.to.size()];
  c.since_ns = now_;
  if (::connect(c.wire.fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 && errno != EINPROGRESS) return failed(c, errno);
  if (plan_.context != nullptr) {
    c.wire.ssl = SSL_new(plan_.context);
    SSL_set_fd(c.wire.ssl, c.wire.fd);
    SSL_set_connect_state(c.wire.ssl);
  }
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &c;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, c.wire.fd, &event);
}

// All sockets first, then all connects: as fast as one thread can.
void Client::burst_open() {
  for (auto& c : conns_) {
    c->wire.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->wire.fd < 0) fail("cannot open all sockets: too few descriptors");
    set_option(c->wire.fd, IPPROTO_TCP, TCP_NODELAY, 1);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = c.get();
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, c->wire.fd, &event);
  }
  const std::int64_t start = now_ns();
  for (auto& c : conns_) {
    const sockaddr_in& to = plan_.to[turn_++ % plan_.to.size()];
    c->state = Conn::State::connecting;
    c->since_ns = start;
    if (::connect(c->wire.fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 && errno != EINPROGRESS) failed(*c, errno);
  }
}

void Client::on_event(Conn& c, std::uint32_t events) {
  if (c.wire.fd < 0) return;
  if (c.state == Conn::State::connecting) {
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0) return;
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(c.wire.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return failed(c, error);
    if ((events & EPOLLHUP) != 0 && (events & EPOLLERR) == 0 && (events & EPOLLIN) == 0) return;  // not connected yet
    if (plan_.mode == Mode::bulk) {
      epoll_event event{};
      event.events = (plan_.down ? EPOLLIN : 0u) | (plan_.up ? EPOLLOUT : 0u) | EPOLLRDHUP;
      event.data.ptr = &c;
      ::epoll_ctl(epoll_, EPOLL_CTL_MOD, c.wire.fd, &event);
      c.state = Conn::State::sending;
      c.sent = 0;
    } else if (plan_.mode == Mode::rate) {
      c.state = Conn::State::ready;
      free_.push_back(&c);
      return;
    } else {
      const bool is_whole = plan_.mode == Mode::connections || plan_.mode == Mode::burst;
      start_request(c, is_whole ? c.since_ns : now_);
      return;
    }
  }
  drive(c);
}

void Client::start_request(Conn& c, std::int64_t since_ns) {
  c.since_ns = since_ns;
  c.state = Conn::State::sending;
  c.sent = 0;
  c.in_body = false;
  c.head.clear();
  drive(c);
}

void Client::drive(Conn& c) {
  if (c.state == Conn::State::sending && !send_some(c)) return;
  if (plan_.mode == Mode::bulk) return stream(c);
  if (c.state == Conn::State::ready || c.state == Conn::State::answering || c.state == Conn::State::ending) {
    while (c.wire.fd >= 0 && read_some(c)) {
    }
  }
}

bool Client::send_some(Conn& c) {
  while (c.sent < plan_.request.size()) {
    const ssize_t put = c.wire.write(plan_.request.data() + c.sent, plan_.request.size() - c.sent);
    if (put < 0) {
      if (errno != EAGAIN) failed(c, errno);
      return false;
    }
    if (put == 0) {
      failed(c, kEnded);
      return false;
    }
    c.sent += static_cast<std::size_t>(put);
    totals.all_bytes += static_cast<std::uint64_t>(put);
    totals.bytes_out += counts() ? static_cast<std::uint64_t>(put) : 0;
  }
  c.state = Conn::State::answering;
  // The answer cannot be there yet: its coming makes an edge. TLS may have had it in its own buffers.
  return c.wire.ssl != nullptr || plan_.mode == Mode::bulk;
}

// False: nothing more for now.
bool Client::read_some(Conn& c) {
  const ssize_t got = c.wire.read(buffer_.get(), kBuffer);
  if (got < 0) {
    if (errno != EAGAIN) failed(c, errno);
    return false;
  }
  if (got == 0) {
    if (c.state == Conn::State::ending) again(c);
    else failed(c, kEnded);
    return false;
  }
  const auto size = static_cast<std::size_t>(got);
  totals.all_bytes += size;
  totals.bytes_in += counts() ? size : 0;
  if (c.state != Conn::State::answering || !take(c, buffer_.get(), size)) {
    failed(c, kBadAnswer);
    return false;
  }
  // A short read has drained the socket; an end that came with it makes an edge of its own, or has made this one.
  return c.wire.fd >= 0 && (c.state == Conn::State::ending || size == kBuffer || c.wire.ssl != nullptr);
}

// False: not an answer.
bool Client::take(Conn& c, const char* bytes, std::size_t size) {
  if (!c.in_body) {
    c.head.append(bytes, std::min<std::size_t>(size, 512));
    const auto end = c.head.find("\r\n\r\n");
    if (end == std::string::npos) return c.head.size() < 512;
    if (c.head.rfind("HTTP/1.1 200", 0) != 0) return false;
    const auto at = c.head.find("Content-Length: ");
    if (at == std::string::npos || std::strtoull(c.head.c_str() + at + 16, nullptr, 10) != plan_.bytes) return false;
    const std::size_t before = c.head.size() - std::min<std::size_t>(size, 512);
    size -= end + 4 - before;
    c.in_body = true;
    c.left = plan_.bytes;
  }
  if (size > c.left) return false;
  c.left -= size;
  if (c.left == 0) completed(c);
  return true;
}

void Client::completed(Conn& c) {
  now_ = now_ns();
  ++totals.all_done;
  if (counts() || plan_.mode == Mode::burst || plan_.mode == Mode::idle) {
    ++totals.done;
    totals.latency.add(now_ - c.since_ns);
  }
  c.in_body = false;
  switch (plan_.mode) {
    case Mode::requests: start_request(c, now_); break;
    case Mode::rate:
      c.state = Conn::State::ready;
      free_.push_back(&c);
      break;
    case Mode::connections:
      if (plan_.client_closes) again(c);
      else c.state = Conn::State::ending;
      break;
    case Mode::idle:
      c.state = Conn::State::ready;
      ++totals.open;
      --opening_;
      break;
    case Mode::burst:
      c.state = Conn::State::ready;
      ++totals.open;
      break;
    case Mode::bulk: break;
  }
}

void Client::again(Conn& c) {
  c.wire.close();
  open(c);
}

void Client::failed(Conn& c, int error) {
  if (counts() || plan_.mode == Mode::burst || plan_.mode == Mode::idle) totals.errors.add(error);
  std::erase(free_, &c);
  c.wire.close();
  c.state = Conn::State::none;
  if (plan_.mode == Mode::idle) --opening_;
  if (plan_.mode == Mode::burst || plan_.mode == Mode::idle) return;
  retries_.push_back({now_ + kRetryNs, &c});
}

// One read and one write at a time, level-triggered: no stream keeps the others waiting.
void Client::stream(Conn& c) {
  if (plan_.down) {
    const ssize_t got = c.wire.read(buffer_.get(), kBuffer);
    if (got == 0) return failed(c, kEnded);
    if (got < 0 && errno != EAGAIN) return failed(c, errno);
    totals.all_bytes += got > 0 ? static_cast<std::uint64_t>(got) : 0;
    totals.bytes_in += got > 0 && counts() ? static_cast<std::uint64_t>(got) : 0;
  }
  if (plan_.up) {
    const ssize_t put = c.wire.write(payload, sizeof payload);
    if (put < 0 && errno != EAGAIN) return failed(c, errno);
    totals.all_bytes += put > 0 ? static_cast<std::uint64_t>(put) : 0;
    totals.bytes_out += put > 0 && counts() ? static_cast<std::uint64_t>(put) : 0;
  }
}

void Client::send_due() {
  while (!free_.empty() && due_ns(next_) <= now_) {
    Conn& c = *free_.back();
    free_.pop_back();
    const std::int64_t due = due_ns(next_++);
    if (counts()) totals.late_ns = std::max(totals.late_ns, now_ - due);
    start_request(c, due);
  }
}

}  // namespace load
