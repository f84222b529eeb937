// The runtime: sizes, memory, threads, interruption, SIMD targets.
#include "fastcv/runtime.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <mutex>
#include <set>
#include <thread>

#include "fastcv/image_view.hpp"

namespace fastcv {
namespace {

constexpr std::ptrdiff_t kMax = std::numeric_limits<std::ptrdiff_t>::max();

class Runtime : public ::testing::Test {
 protected:
  void SetUp() override { ignore_caps_for_test(true); }
  void TearDown() override {
    ignore_caps_for_test(false);
    set_interrupt_poll(nullptr);
    set_num_threads(0);
    simd_force("");
  }
};

// ---- sizes and memory -----------------------------------------------------------------------

TEST_F(Runtime, CheckedMul) {
  EXPECT_EQ(checked_mul(0, 0, "x"), 0);
  EXPECT_EQ(checked_mul(0, kMax, "x"), 0);
  EXPECT_EQ(checked_mul(kMax, 1, "x"), kMax);
  EXPECT_EQ(checked_mul(std::ptrdiff_t{1} << 31, std::ptrdiff_t{1} << 31, "x"), std::ptrdiff_t{1} << 62);
  EXPECT_EQ(checked_mul(kMax / 3, 3, "x"), kMax / 3 * 3);
  EXPECT_THROW(checked_mul(kMax, 2, "x"), std::length_error);
  EXPECT_THROW(checked_mul(kMax / 3 + 1, 3, "x"), std::length_error);
  EXPECT_THROW(checked_mul(std::ptrdiff_t{1} << 32, std::ptrdiff_t{1} << 31, "x"), std::length_error);
  EXPECT_THROW(checked_mul(kMax, kMax, "x"), std::length_error);
  try {
    checked_mul(kMax, kMax, "the image");
    FAIL();
  } catch (const std::length_error& e) {
    EXPECT_NE(std::string(e.what()).find("the image"), std::string::npos) << e.what();
  }
}

TEST_F(Runtime, ScratchIsAlignedAndWritable) {
  for (const std::size_t bytes :
       {std::size_t{0}, std::size_t{1}, std::size_t{63}, std::size_t{64}, std::size_t{1000003}}) {
    const Scratch scratch(bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(scratch.data()) % 64, 0u);
    std::fill_n(scratch.data(), bytes, std::byte{1});
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // there the allocator ends the process
TEST_F(Runtime, ScratchTooLarge) {
  EXPECT_THROW(Scratch(std::numeric_limits<std::size_t>::max()), std::bad_alloc);
  EXPECT_THROW(Scratch(std::numeric_limits<std::size_t>::max() / 2), std::bad_alloc);
}
#endif

TEST_F(Runtime, ViewsWalkInBytes) {
  std::uint16_t pixels[64] = {};
  const ImageView<std::uint16_t> down{pixels, 3, 4, 2, 21};
  EXPECT_EQ(reinterpret_cast<char*>(down.row(2)) - reinterpret_cast<char*>(pixels), 42);
  EXPECT_EQ(down.row_values(), 8);
  const ImageView<const std::uint16_t> up{pixels + 32, 3, 4, 2, -16};
  EXPECT_EQ(up.row(2), pixels + 16);
  const BatchView<std::uint16_t> batch{down, 2, 64};
  EXPECT_EQ(batch[1].data, pixels + 32);
  EXPECT_EQ(batch[1].height, 3);
}

// ---- threads --------------------------------------------------------------------------------

TEST_F(Runtime, BandCount) {
  for (std::ptrdiff_t rows = 1; rows <= 60; rows++)
    for (std::ptrdiff_t grain = 1; grain <= 70; grain++)
      for (const int threads : {1, 2, 3, 7, 64}) {
        const int bands = band_count(rows, grain, threads);
        ASSERT_GE(bands, 1);
        ASSERT_LE(bands, threads);
        if (bands > 1) {
          ASSERT_GE(rows / bands, grain) << rows << " rows, grain " << grain << ", " << threads << " threads";
        }
        if (rows >= grain * threads) {
          ASSERT_EQ(bands, threads) << rows << " rows, grain " << grain;
        }
      }
  EXPECT_EQ(band_count(kMax, 1, 8), 8);
  EXPECT_EQ(band_count(10, kMax, 8), 1);
}

TEST_F(Runtime, BandsCoverTheRowsOnce) {
  for (const std::ptrdiff_t rows : {1, 2, 3, 10, 64, 1000, 1001, 4099})
    for (const std::ptrdiff_t grain : {1, 2, 7, 100, 5000})
      for (const int threads : {1, 2, 3, 7, 16}) {
        std::vector<std::atomic<int>> seen(rows);
        std::mutex mutex;
        std::set<int> indices;
        parallel_rows(rows, grain, threads, [&](Band& band) {
          for (std::ptrdiff_t y = band.begin; y < band.end; y++) seen[y]++;
          const std::lock_guard lock(mutex);
          EXPECT_LT(band.begin, band.end);
          EXPECT_TRUE(indices.insert(band.index).second) << "two bands with one scratch index";
        });
        for (std::ptrdiff_t y = 0; y < rows; y++) ASSERT_EQ(seen[y], 1) << "row " << y << " of " << rows;
        const int bands = band_count(rows, grain, threads);
        EXPECT_EQ(static_cast<int>(indices.size()), bands);
        EXPECT_GE(*indices.begin(), 0);
        EXPECT_LT(*indices.rbegin(), bands);
      }
}

TEST_F(Runtime, NoRowsNoWork) {
  parallel_rows(0, 1, 4, [](Band& band) { EXPECT_EQ(band.begin, band.end); });
}

TEST_F(Runtime, HugeRowCounts) {
  std::atomic<std::int64_t> total{0};
  parallel_rows(kMax, 1, 3, [&](Band& band) { total += band.end - band.begin; });
  EXPECT_EQ(total, kMax);
}

TEST_F(Runtime, BandsRunSideBySide) {
  std::atomic<int> arrived{0};
  parallel_rows(4, 1, 4, [&](Band&) {
    arrived++;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (arrived < 4 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  });
  EXPECT_EQ(arrived, 4);
}

TEST_F(Runtime, OneBandRunsOnTheCaller) {
  const auto caller = std::this_thread::get_id();
  parallel_rows(100, 100, 8, [&](Band& band) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    EXPECT_EQ(band.begin, 0);
    EXPECT_EQ(band.end, 100);
    EXPECT_EQ(band.index, 0);
  });
}

TEST_F(Runtime, NestedCallsAreSerial) {
  std::atomic<int> rows{0};
  parallel_rows(4, 1, 4, [&](Band& outer) {
    const auto thread = std::this_thread::get_id();
    for (std::ptrdiff_t y = outer.begin; y < outer.end; y++)
      parallel_rows(50, 1, 4, [&](Band& inner) {
        EXPECT_EQ(std::this_thread::get_id(), thread);
        rows += static_cast<int>(inner.end - inner.begin);
      });
  });
  EXPECT_EQ(rows, 200);
}

TEST_F(Runtime, ExceptionsComeThrough) {
  for (const int threads : {1, 2, 7})
    for (int thrower = 0; thrower < threads; thrower++) {
      try {
        parallel_rows(700, 1, threads, [&](Band& band) {
          if (band.index == thrower) throw std::out_of_range("from band " + std::to_string(thrower));
        });
        FAIL() << "nothing thrown";
      } catch (const std::out_of_range& e) {
        EXPECT_EQ(std::string(e.what()), "from band " + std::to_string(thrower));
      }
    }
  EXPECT_THROW(parallel_rows(70, 1, 7, [](Band&) { throw 1; }), int);
  std::atomic<int> rows{0};  // and the next call works
  parallel_rows(70, 1, 7, [&](Band& band) { rows += static_cast<int>(band.end - band.begin); });
  EXPECT_EQ(rows, 70);
}

TEST_F(Runtime, ExceptionStopsTheOthers) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THROW(parallel_rows(4, 1, 4,
                             [&](Band& band) {
                               if (band.index == 1) throw std::out_of_range("stop");
                               while (std::chrono::steady_clock::now() - start < std::chrono::seconds(30))
                                 band.checkpoint();
                             }),
               std::out_of_range);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST_F(Runtime, ExceptionOfANestedCall) {
  EXPECT_THROW(parallel_rows(4, 1, 4,
                             [](Band& outer) {
                               parallel_rows(4, 1, 4, [&](Band& inner) {
                                 if (outer.index == 2 && inner.begin == 0) throw std::range_error("deep");
                               });
                             }),
               std::range_error);
}

TEST_F(Runtime, ManyCallersAtOnce) {
  std::atomic<std::int64_t> total{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 6; i++)
    callers.emplace_back([&] {
      for (int again = 0; again < 50; again++)
        parallel_rows(100, 1, 3, [&](Band& band) { total += band.end - band.begin; });
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(total, 6 * 50 * 100);
}

std::atomic<int> polls{0};
std::thread::id poller;

TEST_F(Runtime, InterruptStopsTheCall) {
  for (const int threads : {1, 2, 7}) {
    polls = 0;
    set_interrupt_poll([] {
      polls++;
      poller = std::this_thread::get_id();
      return true;
    });
    const auto start = std::chrono::steady_clock::now();
    EXPECT_THROW(parallel_rows(70, 1, threads,
                               [&](Band& band) {
                                 while (std::chrono::steady_clock::now() - start < std::chrono::seconds(30)) {
                                   band.checkpoint();
                                   std::this_thread::sleep_for(std::chrono::milliseconds(1));
                                 }
                               }),
                 Interrupted);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(1500)) << threads << " threads";
    EXPECT_EQ(polls, 1);
    EXPECT_EQ(poller, std::this_thread::get_id()) << "only the calling thread may ask";
  }
}

TEST_F(Runtime, NoInterruptNoStop) {
  polls = 0;
  set_interrupt_poll([] {
    polls++;
    return false;
  });
  const auto start = std::chrono::steady_clock::now();
  parallel_rows(7, 1, 2, [&](Band& band) {
    while (std::chrono::steady_clock::now() - start < std::chrono::milliseconds(400)) band.checkpoint();
  });
  EXPECT_GE(polls, 2);
  EXPECT_LE(polls, 9);  // about every 50 ms
}

TEST_F(Runtime, ThreadAuthority) {
  EXPECT_EQ(thread_count(1), 1);
  EXPECT_EQ(thread_count(7), 7);
  set_num_threads(3);
  EXPECT_EQ(get_num_threads(), 3);
  EXPECT_EQ(thread_count(0), 3);
  EXPECT_EQ(thread_count(5), 5) << "the argument speaks louder";
  set_num_threads(0);
  EXPECT_GE(get_num_threads(), 1);
  EXPECT_EQ(get_num_threads(), thread_count(0));
  EXPECT_THROW(set_num_threads(-1), std::invalid_argument);
  ignore_caps_for_test(false);
  const int cpus = runtime_report().affinity_cpus;
  if (cpus > 0) {
    EXPECT_LE(thread_count(100000), cpus);
  }
  EXPECT_GE(thread_count(100000), 1);
}

// ---- SIMD targets ---------------------------------------------------------------------------

TEST_F(Runtime, SimdTargets) {
  const std::vector<std::string> compiled = simd_compiled(), detected = simd_detected();
  ASSERT_FALSE(detected.empty());
  for (const std::string& name : detected)
    EXPECT_NE(std::find(compiled.begin(), compiled.end(), name), compiled.end()) << name;
  const std::string best = simd_active();
  for (const std::string& name : detected) {
    simd_force(name);
    EXPECT_EQ(simd_active(), name);
    EXPECT_EQ(simd_detected(), detected) << "forcing must not change what the processor has";
  }
  simd_force("");
  EXPECT_EQ(simd_active(), best);
  for (const char* name : {"avx1024", "AVX2 ", "none"}) EXPECT_THROW(simd_force(name), std::invalid_argument) << name;
  EXPECT_EQ(simd_active(), best);
}

TEST_F(Runtime, InitializeTwice) {
  initialize_runtime();
  initialize_runtime();
  EXPECT_FALSE(simd_active().empty());
}

TEST_F(Runtime, Report) {
  const RuntimeReport report = runtime_report();
  EXPECT_FALSE(report.version.empty());
  EXPECT_FALSE(report.compiler.empty());
  EXPECT_FALSE(report.thread_backend.empty());
  EXPECT_FALSE(report.threads_reason.empty());
  EXPECT_EQ(report.threads, thread_count(0));
}

}  // namespace
}  // namespace fastcv
