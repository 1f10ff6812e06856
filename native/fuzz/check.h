// What a fuzzer holds to be true: broken, the process ends, and the input is kept.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#define CHECK(what)                                                  \
  do {                                                               \
    if (!(what)) {                                                   \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what); \
      std::abort();                                                  \
    }                                                                \
  } while (false)

// On the heap, to the byte: a read beyond the end is seen.
class Exact {
 public:
  explicit Exact(std::string_view bytes) : data_(bytes.begin(), bytes.end()) { data_.shrink_to_fit(); }
  [[nodiscard]] std::string_view view() const { return {data_.data(), data_.size()}; }

 private:
  std::vector<char> data_;
};

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}
