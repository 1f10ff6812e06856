// Records of a hand-over, as another process may send them: all of it is taken, or nothing, and no descriptor is lost.
// The first byte says how many descriptors come along.
#include <dirent.h>
#include <sys/eventfd.h>

#include "../src/handover.h"
#include "check.h"

using namespace vipd;

namespace {

int lowest_free() {
  const int fd = ::eventfd(0, EFD_CLOEXEC);
  ::close(fd);
  return fd;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const int before = lowest_free();
  {
    std::vector<Fd> descriptors;
    for (unsigned i = 0; i < data[0] % 16u; ++i) descriptors.emplace_back(::eventfd(0, EFD_CLOEXEC));
    const std::size_t given = descriptors.size();
    const std::vector<std::uint8_t> bytes(data + 1, data + size);
    const std::optional<std::vector<Adoption>> taken = read_handed(bytes.data(), bytes.size(), std::move(descriptors));
    if (taken) {
      std::size_t used = 0;
      std::size_t read = 0;
      for (const Adoption& one : *taken) {
        CHECK(one.descriptors.size() == one.record.descriptors());
        CHECK(one.held.size() == std::size_t{one.record.held[0]} + one.record.held[1]);
        for (const Fd& fd : one.descriptors) CHECK(fd.open());
        (void)one.record.client.address().text();
        (void)one.record.listener.address().text();
        used += one.descriptors.size();
        read += sizeof(HandedSession) + one.held.size();
      }
      CHECK(used == given);
      CHECK(read == bytes.size());
    }
  }
  CHECK(lowest_free() == before);
  return 0;
}
