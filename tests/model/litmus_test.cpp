// The explorer itself: what the C++ memory model allows is found, what it forbids never is. The small programs are those that
// everybody uses: store buffering, message passing, independent readers, coherence, with orders and with fences.
#include <gtest/gtest.h>

#include <array>
#include <set>

#include "explorer.hpp"

namespace ringbolt::model {
namespace {

using core::fence_acquire;
using core::fence_seq_cst;
using core::Word64;

std::array<Word64, 3> word;
std::array<std::uint64_t, 4> seen;
std::set<std::array<std::uint64_t, 4>> outcomes;

void begin(Scene& scene) {
  for (Word64& each : word) each.store_relaxed(0);
  seen = {};
  scene.finally([] { outcomes.insert(seen); });
}

// All outcomes of a program.
std::set<std::array<std::uint64_t, 4>> run(void (*setup)(Scene&)) {
  outcomes.clear();
  const Result result = explore({"litmus", 8, setup});
  EXPECT_EQ(result.violation, "");
  EXPECT_TRUE(result.exhaustive);
  return outcomes;
}

TEST(Litmus, StoreBufferingIsSeen) {
  const auto found = run([](Scene& scene) {
    begin(scene);
    scene.thread([] { word[0].store_release(1), seen[0] = word[1].load_acquire(); });
    scene.thread([] { word[1].store_release(1), seen[1] = word[0].load_acquire(); });
  });
  EXPECT_EQ(found.size(), 4U);
  EXPECT_TRUE(found.contains({0, 0, 0, 0}));
}

TEST(Litmus, SequentiallyConsistentFencesForbidStoreBuffering) {
  const auto found = run([](Scene& scene) {
    begin(scene);
    scene.thread([] { word[0].store_relaxed(1), fence_seq_cst(), seen[0] = word[1].load_relaxed(); });
    scene.thread([] { word[1].store_relaxed(1), fence_seq_cst(), seen[1] = word[0].load_relaxed(); });
  });
  EXPECT_EQ(found.size(), 3U);
  EXPECT_FALSE(found.contains({0, 0, 0, 0}));
}

TEST(Litmus, OneFenceOfTwoIsNotEnough) {
  const auto found = run([](Scene& scene) {
    begin(scene);
    scene.thread([] { word[0].store_relaxed(1), fence_seq_cst(), seen[0] = word[1].load_relaxed(); });
    scene.thread([] { word[1].store_relaxed(1), seen[1] = word[0].load_relaxed(); });
  });
  EXPECT_TRUE(found.contains({0, 0, 0, 0}));
}

TEST(Litmus, AFenceInAllThreadsIsEnoughForOneSide) {
  const auto found = run([](Scene& scene) {
    begin(scene);
    scene.thread([] { word[0].store_relaxed(1), fence_everywhere(), seen[0] = word[1].load_relaxed(); });
    scene.thread([] { word[1].store_relaxed(1), seen[1] = word[0].load_relaxed(); });
  });
  EXPECT_EQ(found.size(), 3U);
  EXPECT_FALSE(found.contains({0, 0, 0, 0}));
}

TEST(Litmus, AReleaseIsSeenByAnAcquire) {
  const auto found = run([](Scene& scene) {
    begin(scene);
    scene.thread([] { word[0].store_relaxed(7), word[1].store_release(1); });
    scene.thread([] { seen[0] = word[1].load_acquire(), seen[1] = word[0].load_relaxed(); });
  });
  EXPECT_FALSE(found.contains({1, 0, 0, 0}));
  EXPECT_TRUE(found.contains({1, 7, 0, 0}));
  EXPECT_TRUE(found.contains({0, 7, 0, 0}));
}

TEST(Litmus, WithoutEitherOfThemItIsNot) {
  const auto relaxed_store = run([](Scene& scene) {
    begin(scene);
    scene.thread([] { word[0].store_relaxed(7), word[1].store_relaxed(1); });
    scene.thread([] { seen[0] = word[1].load_acquire(), seen[1] = word[0].load_relaxed(); });
  });
  EXPECT_TRUE(relaxed_store.contains({1, 0, 0, 0}));
  const auto relaxed_load = run([](Scene& scene) {
    begin(scene);
    scene.thread([] { word[0].store_relaxed(7), word[1].store_release(1); });
    scene.thread([] { seen[0] = word[1].load_relaxed(), seen[1] = word[0].load_relaxed(); });
  });
  EXPECT_TRUE(relaxed_load.contains({1, 0, 0, 0}));
}

TEST(Litmus, FencesDoTheSameForRelaxedAccesses) {
  const auto found = run([](Scene& scene) {
    begin(scene);
    scene.thread([] { word[0].store_relaxed(7), fence_seq_cst(), word[1].store_relaxed(1); });
    scene.thread([] { seen[0] = word[1].load_relaxed(), fence_acquire(), seen[1] = word[0].load_relaxed(); });
  });
  EXPECT_FALSE(found.contains({1, 0, 0, 0}));
  EXPECT_TRUE(found.contains({0, 0, 0, 0}));
}

// Two who read two independent words need not agree on which was written first.
TEST(Litmus, IndependentReadersNeedNotAgree) {
  const auto found = run([](Scene& scene) {
    begin(scene);
    scene.thread([] { word[0].store_release(1); });
    scene.thread([] { word[1].store_release(1); });
    scene.thread([] { seen[0] = word[0].load_acquire(), seen[1] = word[1].load_acquire(); });
    scene.thread([] { seen[2] = word[1].load_acquire(), seen[3] = word[0].load_acquire(); });
  });
  EXPECT_TRUE(found.contains({1, 0, 1, 0}));
}

TEST(Litmus, AWordNeverGoesBack) {
  const auto found = run([](Scene& scene) {
    begin(scene);
    scene.thread([] { word[0].store_relaxed(1), word[0].store_relaxed(2); });
    scene.thread([] { seen[0] = word[0].load_relaxed(), seen[1] = word[0].load_relaxed(); });
  });
  EXPECT_FALSE(found.contains({2, 1, 0, 0}));
  EXPECT_FALSE(found.contains({1, 0, 0, 0}));
  EXPECT_TRUE(found.contains({1, 1, 0, 0}));
  EXPECT_TRUE(found.contains({0, 2, 0, 0}));
}

// Two who write two words need not leave both to the same one of them.
TEST(Litmus, TwoWritersNeedNotAgreeWhoWasLast) {
  const auto program = [](void (*between)()) {
    static void (*fence)();
    fence = between;
    return run([](Scene& scene) {
      begin(scene);
      scene.thread([] { word[0].store_release(1), fence(), word[1].store_release(2); });
      scene.thread([] { word[1].store_release(1), fence(), word[0].store_release(2); });
      scene.finally([] { outcomes.insert({newest(word[0]), newest(word[1]), 0, 0}); });
    });
  };
  EXPECT_TRUE(program([] {}).contains({1, 1, 0, 0}));
  const auto fenced = program([] { fence_seq_cst(); });
  EXPECT_EQ(fenced.size(), 3U);
  EXPECT_FALSE(fenced.contains({1, 1, 0, 0}));
}

TEST(Litmus, AStoreComesAfterWhatItsThreadHasSeen) {
  const auto found = run([](Scene& scene) {
    begin(scene);
    scene.thread([] { word[0].store_relaxed(1); });
    scene.thread([] { seen[0] = word[0].load_relaxed(), word[0].store_relaxed(2), seen[1] = word[0].load_relaxed(); });
    scene.finally([] { outcomes.insert({seen[0], seen[1], newest(word[0]), 0}); });
  });
  EXPECT_TRUE(found.contains({0, 2, 1, 0}));
  EXPECT_TRUE(found.contains({0, 1, 1, 0}));
  EXPECT_TRUE(found.contains({1, 2, 2, 0}));
  EXPECT_FALSE(found.contains({1, 1, 1, 0}));
  EXPECT_FALSE(found.contains({1, 2, 1, 0}));
}

TEST(Litmus, NothingComesBetweenAnAdditionAndWhatItAddsTo) {
  const auto found = run([](Scene& scene) {
    begin(scene);
    scene.thread([] { word[0].fetch_add(1); });
    scene.thread([] { word[0].store_relaxed(7); });
    scene.finally([] { outcomes.insert({newest(word[0]), 0, 0, 0}); });
  });
  EXPECT_EQ(found.size(), 2U);
  EXPECT_TRUE(found.contains({7, 0, 0, 0}));
  EXPECT_TRUE(found.contains({8, 0, 0, 0}));
}

// What a thread learns by way of another is known to it: a release goes on through a third.
TEST(Litmus, ReleasesAddUp) {
  const auto found = run([](Scene& scene) {
    begin(scene);
    scene.thread([] { word[0].store_relaxed(7), word[1].store_release(1); });
    scene.thread([] { word[2].store_release(word[1].load_acquire()); });
    scene.thread([] { seen[0] = word[2].load_acquire(), seen[1] = word[0].load_relaxed(); });
  });
  EXPECT_FALSE(found.contains({1, 0, 0, 0}));
}

TEST(Litmus, AReadModifyWriteGoesOnWithTheReleaseSequence) {
  const auto found = run([](Scene& scene) {
    begin(scene);
    scene.thread([] { word[0].store_relaxed(7), word[1].store_release(1); });
    scene.thread([] { word[1].fetch_add(1); });
    scene.thread([] { seen[0] = word[1].load_acquire(), seen[1] = word[0].load_relaxed(); });
  });
  EXPECT_FALSE(found.contains({2, 0, 0, 0}));
  EXPECT_TRUE(found.contains({2, 7, 0, 0}));
}

TEST(Litmus, NoneOfTwoAdditionsIsLost) {
  const auto found = run([](Scene& scene) {
    begin(scene);
    scene.thread([] { word[0].fetch_add(1); });
    scene.thread([] { word[0].fetch_add(1); });
    scene.finally([] { outcomes.insert({newest(word[0]), 0, 0, 0}); });
  });
  EXPECT_EQ(found.size(), 1U);
  EXPECT_TRUE(found.contains({2, 0, 0, 0}));
}

TEST(Litmus, APlainReadThatIsNotOverIsARace) {
  const auto setup = [](Scene& scene) {
    begin(scene);
    scene.thread([] { static_cast<void>(plain_read(&word[0])), word[1].store_relaxed(1); });
    scene.thread([] {
      if (word[1].load_acquire() == 1) plain_write(&word[0], 1);
    });
  };
  EXPECT_EQ(explore({"race", 8, setup}).violation, "a place is written over while it is read");
  const auto ordered = [](Scene& scene) {
    begin(scene);
    scene.thread([] { static_cast<void>(plain_read(&word[0])), word[1].store_release(1); });
    scene.thread([] {
      if (word[1].load_acquire() == 1) plain_write(&word[0], 1);
    });
  };
  EXPECT_EQ(explore({"no race", 8, ordered}).violation, "");
}

// The dead may have made its stores in another order, unless a release forbids it.
TEST(Litmus, ADeathLeavesALaterStoreWithoutAnEarlierOneThatIsNotReleased) {
  const auto program = [](void (*second)()) {
    static void (*store)();
    store = second;
    return run([](Scene& scene) {
      begin(scene);
      scene.mortal_thread([] { word[0].store_relaxed(1), store(), static_cast<void>(word[2].load_relaxed()); }, true);
      scene.finally([] { outcomes.insert({newest(word[0]), newest(word[1]), 0, 0}); });
    });
  };
  const auto relaxed = program([] { word[1].store_relaxed(1); });
  EXPECT_TRUE(relaxed.contains({0, 1, 0, 0}));
  EXPECT_EQ(relaxed.size(), 4U);
  const auto released = program([] { word[1].store_release(1); });
  EXPECT_FALSE(released.contains({0, 1, 0, 0}));
  const auto fenced = program([] { fence_seq_cst(), word[1].store_relaxed(1); });
  EXPECT_FALSE(fenced.contains({0, 1, 0, 0}));
}

TEST(Litmus, AllWhoWaitForEachOtherAreFound) {
  const auto setup = [](Scene& scene) {
    begin(scene);
    scene.thread([] { wait_until([] { return newest(word[0]) == 1; }); });
  };
  EXPECT_EQ(explore({"stuck", 8, setup}).violation, "all threads wait");
}

}  // namespace
}  // namespace ringbolt::model
