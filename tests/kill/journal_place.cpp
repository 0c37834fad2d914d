#include "kill/journal_place.hpp"

#include <ringbolt/core/journal_layout.hpp>

#include "kill/operation.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

namespace ringbolt::kill {

using scenario::require;

std::string journal_in(const std::string& place) { return place + "/journal"; }

void lead_to_own_journal(const std::string& place) {
  const int fd = ::open((Operation::ring_in(place) + "/journal").c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void* const memory = ::mmap(nullptr, sizeof(core::JournalPage), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  require(memory != MAP_FAILED, "cannot map a journal's page");
  auto& page = *static_cast<core::JournalPage*>(memory);
  page.directory = {};
  std::ranges::copy(journal_in(place), page.directory.begin());
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(&page);
  page.checksum = core::fnv1a(reinterpret_cast<const std::uint8_t*>(page.directory.data()), page.directory.size(),
                              core::fnv1a(bytes, offsetof(core::JournalPage, checksum)));
  ::munmap(memory, sizeof(core::JournalPage));
}

}  // namespace ringbolt::kill
