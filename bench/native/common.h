// What the load client and its server share: arguments, time, addresses, a histogram.
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace load {

[[noreturn]] inline void fail(const std::string& problem) {
  std::printf("{\"ok\":false,\"problem\":\"%s\"}\n", problem.c_str());
  std::fflush(stdout);
  std::_Exit(1);
}

inline std::int64_t now_ns() noexcept {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

/** `--name value` pairs; a name may come several times; `--flag` alone has the value "". */
class Args {
 public:
  Args(int argc, char** argv, int first) {
    for (int i = first; i < argc; ++i) {
      if (std::strncmp(argv[i], "--", 2) != 0) fail(std::string("unexpected argument ") + argv[i]);
      const bool has_value = i + 1 < argc && std::strncmp(argv[i + 1], "--", 2) != 0;
      pairs_.push_back({argv[i] + 2, has_value ? argv[i + 1] : ""});
      if (has_value) ++i;
    }
  }
  [[nodiscard]] std::vector<std::string> all(const std::string& name) const {
    std::vector<std::string> found;
    for (const auto& [key, value] : pairs_)
      if (key == name) found.push_back(value);
    return found;
  }
  [[nodiscard]] bool has(const std::string& name) const { return !all(name).empty(); }
  [[nodiscard]] std::string text(const std::string& name, const std::string& otherwise) const {
    const auto found = all(name);
    return found.empty() ? otherwise : found.back();
  }
  [[nodiscard]] double number(const std::string& name, double otherwise, double least, double most) const {
    if (!has(name)) return otherwise;
    const std::string given = text(name, "");
    char* end = nullptr;
    const double value = std::strtod(given.c_str(), &end);
    if (given.empty() || *end != '\0' || !(value >= least && value <= most)) fail("--" + name + " is out of range: " + given);
    return value;
  }
  [[nodiscard]] unsigned count(const std::string& name, unsigned otherwise, unsigned least, unsigned most) const {
    return static_cast<unsigned>(number(name, otherwise, least, most));
  }

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

/** `A.B.C.D:PORT`, or an address alone with port 0. */
inline sockaddr_in address_of(const std::string& text) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  const auto colon = text.find(':');
  const std::string host = text.substr(0, colon);
  if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) fail("not an IPv4 address: " + text);
  if (colon != std::string::npos) address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(text.c_str() + colon + 1)));
  return address;
}

inline void set_option(int fd, int level, int name, int value) noexcept { ::setsockopt(fd, level, name, &value, sizeof value); }

inline void allow_descriptors() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

/** CPU seconds of all threads of this process, in user space and in the kernel. */
inline double cpu_seconds() noexcept {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

/** Nanoseconds in buckets of less than 1 % width: 128 to each power of two. */
class Histogram {
 public:
  void add(std::int64_t value) noexcept {
    const auto v = static_cast<std::uint64_t>(value < 0 ? 0 : value);
    ++buckets_[index(v)];
    ++count_;
    if (v > max_) max_ = v;
  }
  void merge(const Histogram& other) noexcept {
    for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
    if (other.max_ > max_) max_ = other.max_;
  }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] double max_us() const noexcept { return static_cast<double>(max_) / 1e3; }
  /** The smallest value that this part of the samples does not exceed, in microseconds. */
  [[nodiscard]] double quantile_us(double part) const noexcept {
    const double wanted = part * static_cast<double>(count_);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen > 0 && static_cast<double>(seen) >= wanted) return static_cast<double>(value_of(i)) / 1e3;
    }
    return 0;
  }

 private:
  static constexpr unsigned kBits = 7;
  static std::size_t index(std::uint64_t v) noexcept {
    if (v < (1u << kBits)) return v;
    const unsigned shift = static_cast<unsigned>(std::bit_width(v)) - 1 - kBits;
    return (std::size_t{shift} + 1) * (1u << kBits) + ((v >> shift) & ((1u << kBits) - 1));
  }
  static std::uint64_t value_of(std::size_t i) noexcept {
    if (i < (1u << kBits)) return i;
    const std::uint64_t shift = i / (1u << kBits) - 1;
    return (((1u << kBits) | (i % (1u << kBits))) << shift) + ((std::uint64_t{1} << shift) >> 1);
  }
  std::array<std::uint64_t, 58 * 128> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace load
