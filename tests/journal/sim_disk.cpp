#include "sim_disk.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace ringbolt::ipc::test {

// ---- one file -------------------------------------------------------------------------------------------------------------

void SimDisk::Inode::change(std::size_t bytes) {
  if (cache.use_count() > 1) cache = std::make_shared<Bytes>(*cache);
  if (bytes > cache->size()) {
    cache->resize(bytes);
    resized = true;
  }
  const std::size_t sectors = (cache->size() + kSectorBytes - 1) / kSectorBytes;
  if (dirty.size() < sectors) dirty.resize(sectors);
}

void SimDisk::Inode::write(std::span<const std::byte> bytes, std::uint64_t offset) {
  if (bytes.empty()) return;
  change(offset + bytes.size());
  std::memcpy(cache->data() + offset, bytes.data(), bytes.size());
  const std::size_t last = (offset + bytes.size() - 1) / kSectorBytes;
  for (std::size_t sector = offset / kSectorBytes; sector <= last; ++sector) dirty[sector] = 1;
  any_dirty = true;
}

void SimDisk::Inode::forget_dirty() {
  std::ranges::fill(dirty, std::uint8_t{0});
  any_dirty = resized = false;
}

void SimDisk::Inode::sync() {
  if (!lies) {
    if (!clean()) disk = mapped ? std::make_shared<Bytes>(*cache) : cache;
    return forget_dirty();
  }
  disk = std::make_shared<Bytes>(*disk);
  if (resized) disk->resize(cache->size());
  for (std::size_t sector = 0; sector < dirty.size(); ++sector) {
    if (dirty[sector] == 0) continue;
    const std::size_t begin = sector * kSectorBytes;
    const std::size_t end = std::min(begin + kSectorBytes, cache->size());
    if (disk->size() < end) disk->resize(end);
    std::memcpy(disk->data() + begin, cache->data() + begin, end - begin);
  }
  forget_dirty();
}

void SimDisk::Inode::fail_sync(Random& random) {
  disk = after_power_cut(random);
  lies = true;
  const bool length_pending = disk->size() != cache->size();
  forget_dirty();
  resized = length_pending;
}

void SimDisk::Inode::write_back(Random& random) {
  if (!any_dirty || resized) return;
  disk = std::make_shared<Bytes>(*disk);
  if (disk->size() < cache->size()) disk->resize(cache->size());
  bool left = false;
  for (std::size_t sector = 0; sector < dirty.size(); ++sector) {
    if (dirty[sector] == 0) continue;
    if (random.one_in(2)) {
      left = true;
      continue;
    }
    const std::size_t begin = sector * kSectorBytes;
    std::memcpy(disk->data() + begin, cache->data() + begin, std::min(kSectorBytes, cache->size() - begin));
    dirty[sector] = 0;
  }
  any_dirty = left;
}

namespace {

// Where something that was interrupted ended, up to `most`: anywhere, or, as often, at a multiple of what a bus moves at once.
std::size_t cut_before(std::size_t most, Random& random) {
  constexpr std::size_t kBusBytes = 16;
  const std::size_t at = random.below(most + 1);
  return random.one_in(2) ? at : at / kBusBytes * kBusBytes;
}

// Makes `sector`, which has the old bytes, a mixture with the new ones: one cut, or several.
void mix(std::span<std::byte> sector, const std::byte* now, Random& random) {
  bool take_new = random.one_in(2);
  std::size_t at = 0;
  const std::uint64_t cuts = random.one_in(2) ? 1 : random.between(2, 5);
  for (std::uint64_t cut = 0; cut <= cuts && at < sector.size(); ++cut, take_new = !take_new) {
    const std::size_t end = cut == cuts ? sector.size() : std::max(at, cut_before(sector.size(), random));
    if (take_new && end > at) std::memcpy(sector.data() + at, now + at, end - at);
    at = end;
  }
}

}  // namespace

std::shared_ptr<SimDisk::Bytes> SimDisk::Inode::after_power_cut(Random& random) const {
  if (clean()) return disk;
  auto drawn = std::make_shared<Bytes>(*disk);
  if (drawn->size() < cache->size()) {
    if (random.one_in(2)) return drawn;  // neither the length nor, with it, what was written
    drawn->resize(cache->size());
  }
  enum class Mood : std::uint8_t { old, now, either, anything, in_order };
  const auto mood = static_cast<Mood>(random.below(5));
  std::size_t torn = 0;  // in order: what is before it is new, what is behind it old
  if (mood == Mood::in_order) {
    const auto first = static_cast<std::size_t>(std::ranges::find(dirty, 1) - dirty.begin());
    torn = random.one_in(2) ? first : random.between(first, dirty.size());
  }
  for (std::size_t sector = 0; sector < dirty.size(); ++sector) {
    if (dirty[sector] == 0) continue;
    const std::size_t begin = sector * kSectorBytes;
    const auto part = std::span(*drawn).subspan(begin, std::min(kSectorBytes, drawn->size() - begin));
    std::uint64_t choice = 0;  // old, new, mixed
    switch (mood) {
      case Mood::old: break;
      case Mood::now: choice = 1; break;
      case Mood::either: choice = random.below(2); break;
      case Mood::anything: choice = random.below(3); break;
      case Mood::in_order: choice = sector < torn ? 1 : 0; break;
    }
    if (choice == 1) std::memcpy(part.data(), cache->data() + begin, part.size());
    if (mood == Mood::in_order && sector == torn)
      std::memcpy(part.data(), cache->data() + begin, cut_before(part.size(), random));
    if (choice == 2) mix(part, cache->data() + begin, random);
  }
  return drawn;
}

// ---- an open file ---------------------------------------------------------------------------------------------------------

class SimFile final : public StorageFile {
 public:
  SimFile(SimDisk& disk, SimDisk::InodePtr inode, bool writable)
      : disk_(&disk), inode_(std::move(inode)), generation_(disk.generation_), writable_(writable) {}

  int write(std::span<const std::byte> bytes, std::uint64_t offset) override {
    if (!writable_ || stale()) return EBADF;
    const bool was_dead = disk_->dead_;
    const int error = disk_->enter(Call::write);
    if (error != 0 && was_dead) return error;
    if (error != 0) bytes = bytes.first(cut_before(bytes.size(), disk_->random_));
    inode_->write(bytes, offset);
    return error;
  }

  int read(std::span<std::byte> bytes, std::uint64_t offset, std::size_t& got) override {
    got = 0;
    if (stale()) return EBADF;
    if (const int error = disk_->enter(Call::read); error != 0) return error;
    const std::vector<std::byte>& cache = *inode_->cache;
    if (offset < cache.size()) got = std::min(bytes.size(), cache.size() - offset);
    if (got != 0) std::memcpy(bytes.data(), cache.data() + offset, got);
    disk_->bytes_read_ += got;
    return 0;
  }

  int sync() override {
    if (stale()) return EBADF;
    const bool was_dead = disk_->dead_;
    const int error = disk_->enter(Call::sync);
    if (error == 0) {
      inode_->sync();
    } else if (!was_dead && !disk_->dead_) {
      inode_->fail_sync(disk_->random_);
      ++disk_->syncs_failed_;
    }
    return error;
  }

  int allocate(std::uint64_t bytes, bool zeroed) override {
    if (!writable_ || stale()) return EBADF;
    if (const int error = disk_->enter(Call::allocate); error != 0) return error;
    inode_->change(bytes);
    return zeroed ? sync() : 0;
  }

  int size(std::uint64_t& bytes) override {
    if (stale()) return EBADF;
    bytes = inode_->cache->size();
    return 0;
  }

  std::span<const std::byte> map(int& error) override {
    error = stale() ? EBADF : 0;
    if (error != 0) return {};
    if (!inode_->mapped) {
      inode_->change(0);
      inode_->mapped = true;
    }
    return *inode_->cache;
  }

 private:
  [[nodiscard]] bool stale() const noexcept { return generation_ != disk_->generation_; }

  SimDisk* disk_;
  SimDisk::InodePtr inode_;
  std::uint64_t generation_;
  bool writable_;
};

// ---- the directory --------------------------------------------------------------------------------------------------------

int SimDisk::enter(Call call) {
  if (dead_) return EIO;
  if (call != Call::read && call != Call::open) {
    if (watcher_ != nullptr) watcher_->before(call);
    if (kill_at_ != 0 && --kill_at_ == 0) {
      dead_ = true;
      return EIO;
    }
  }
  const auto kind = static_cast<std::size_t>(call);
  ++calls_[kind];
  Fault& fault = faults_[kind];
  if (fault.error == 0 || fault.after-- != 0) return 0;
  ++faults_met_;
  const int error = fault.error;
  fault.after = 0;
  if (--fault.times == 0) fault.error = 0;
  return error;
}

void SimDisk::fail(Call call, std::uint64_t after, int error, std::uint64_t times) noexcept {
  faults_[static_cast<std::size_t>(call)] = {error, after, times};
}

void SimDisk::restart() {
  ++generation_;
  dead_ = false;
  heal();
}

std::vector<SimDisk::Entry>::iterator SimDisk::find(std::vector<Entry>& entries, const std::string& name) {
  return std::ranges::find(entries, name, &Entry::name);
}

void SimDisk::apply(std::vector<Entry>& entries, const Operation& operation) {
  if (!operation.to.empty()) {
    if (const auto place = find(entries, operation.to); place != entries.end()) entries.erase(place);
  }
  if (!operation.from.empty()) {
    if (const auto place = find(entries, operation.from); place != entries.end()) entries.erase(place);
  }
  if (!operation.to.empty()) entries.push_back({operation.to, operation.inode});
}

int SimDisk::create(const std::string& name, std::unique_ptr<StorageFile>& file) {
  if (const int error = enter(Call::create); error != 0) return error;
  if (find(entries_, name) != entries_.end()) return EEXIST;
  pending_.push_back({"", name, std::make_shared<Inode>()});
  apply(entries_, pending_.back());
  file = std::make_unique<SimFile>(*this, pending_.back().inode, true);
  return 0;
}

int SimDisk::open(const std::string& name, bool writable, std::unique_ptr<StorageFile>& file) {
  if (const int error = enter(Call::open); error != 0) return error;
  const auto place = find(entries_, name);
  if (place == entries_.end()) return ENOENT;
  file = std::make_unique<SimFile>(*this, place->inode, writable);
  return 0;
}

int SimDisk::rename(const std::string& from, const std::string& to) {
  if (const int error = enter(Call::rename); error != 0) return error;
  const auto place = find(entries_, from);
  if (place == entries_.end()) return ENOENT;
  pending_.push_back({from, to, place->inode});
  apply(entries_, pending_.back());
  return 0;
}

int SimDisk::remove(const std::string& name) {
  if (find(entries_, name) == entries_.end()) return dead_ ? EIO : ENOENT;
  if (const int error = enter(Call::remove); error != 0) return error;
  pending_.push_back({name, "", find(entries_, name)->inode});
  apply(entries_, pending_.back());
  return 0;
}

int SimDisk::sync_directory() {
  if (const int error = enter(Call::sync_directory); error != 0) return error;
  disk_entries_ = entries_;
  pending_.clear();
  return 0;
}

int SimDisk::list(std::vector<std::string>& names) {
  if (dead_) return EIO;
  names.clear();
  for (const Entry& entry : entries_) names.push_back(entry.name);
  return 0;
}

// ---- power ----------------------------------------------------------------------------------------------------------------

std::vector<SimDisk::Entry> SimDisk::directory_after_power_cut(Random& random) const {
  std::vector<Entry> drawn = disk_entries_;
  if (pending_.empty()) return drawn;
  if (random.one_in(2)) {
    const std::uint64_t count = random.below(pending_.size() + 1);
    for (std::size_t i = 0; i < count; ++i) apply(drawn, pending_[i]);
    return drawn;
  }
  std::vector<const Operation*> missing;
  for (const Operation& operation : pending_) {
    const auto builds_on = [&](const Operation* other) {
      const auto touches = [&](const std::string& name) {
        return !name.empty() && (name == operation.from || name == operation.to);
      };
      return operation.inode == other->inode || touches(other->from) || touches(other->to);
    };
    if (std::ranges::any_of(missing, builds_on) || random.one_in(2)) {
      missing.push_back(&operation);
    } else {
      apply(drawn, operation);
    }
  }
  return drawn;
}

void SimDisk::cut_power(Random& random, SimDisk& image) const {
  image.restart();
  image.pending_.clear();
  image.entries_ = directory_after_power_cut(random);
  for (Entry& entry : image.entries_) {
    auto inode = std::make_shared<Inode>();
    inode->cache = inode->disk = entry.inode->after_power_cut(random);
    entry.inode = std::move(inode);
  }
  image.disk_entries_ = image.entries_;
}

bool SimDisk::anything_unsynced() const noexcept {
  return !pending_.empty() || !std::ranges::all_of(entries_, [](const Entry& entry) { return entry.inode->clean(); });
}

void SimDisk::write_back() {
  for (const Entry& entry : entries_) entry.inode->write_back(random_);
  const std::uint64_t count = random_.below(pending_.size() + 1);
  for (std::size_t i = 0; i < count; ++i) apply(disk_entries_, pending_[i]);
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(count));
}

// ---- by hand --------------------------------------------------------------------------------------------------------------

std::span<const std::byte> SimDisk::look(const std::string& name) const {
  const auto place = std::ranges::find(entries_, name, &Entry::name);
  if (place == entries_.end()) return {};
  return *place->inode->cache;
}

void SimDisk::poke(const std::string& name, std::uint64_t offset, std::span<const std::byte> bytes) {
  Inode& inode = *find(entries_, name)->inode;
  inode.write(bytes, offset);
  inode.sync();
}

void SimDisk::truncate(const std::string& name, std::uint64_t bytes) {
  Inode& inode = *find(entries_, name)->inode;
  inode.change(0);
  inode.cache->resize(bytes);
  inode.dirty.assign((bytes + kSectorBytes - 1) / kSectorBytes, 0);
  inode.disk = std::make_shared<Bytes>(*inode.cache);
}

void SimDisk::copy_to(SimDisk& other) const {
  other.restart();
  other.pending_.clear();
  other.entries_ = entries_;
  for (Entry& entry : other.entries_) {
    auto inode = std::make_shared<Inode>();
    inode->cache = inode->disk = std::make_shared<Bytes>(*entry.inode->cache);
    entry.inode = std::move(inode);
  }
  other.disk_entries_ = other.entries_;
}

}  // namespace ringbolt::ipc::test
