// Images in parts, cut anywhere, against the whole: the same bytes, sums included, on every SIMD target.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "fastcv/runtime.hpp"
#include "fastcv/tv.hpp"
#include "simd_targets.hpp"
#include "tv/denoise_splitting.hpp"

namespace fastcv::testing {
namespace {

template <class T>
std::vector<T> pixels(std::ptrdiff_t count) {
  std::mt19937 random(static_cast<unsigned>(count));
  std::normal_distribution<double> noise(0, 0.1);
  std::vector<T> values;
  for (std::ptrdiff_t i = 0; i < count; i++) {
    values.push_back(static_cast<T>(0.3 + 0.4 * static_cast<double>(i / 9 % 2) + noise(random)));
  }
  return values;
}

// Where an axis of that length may be cut: into every part of `step`, and unevenly.
std::vector<std::vector<std::ptrdiff_t>> cuts(std::ptrdiff_t length, std::ptrdiff_t step) {
  std::vector<std::vector<std::ptrdiff_t>> all{{0, length}};
  std::vector<std::ptrdiff_t> fine;
  for (std::ptrdiff_t at = 0; at < length; at += step) fine.push_back(at);
  fine.push_back(length);
  all.push_back(fine);
  if (length > 5 * step) all.push_back({0, step, 4 * step, length});
  return all;
}

template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

template <class T>
class TvPart : public ::testing::Test {};
using FloatTypes = ::testing::Types<float, double>;
TYPED_TEST_SUITE(TvPart, FloatTypes);

// ---- Chambolle -----------------------------------------------------------------------------------

// An image or volume in memory of its own, and what its passes have led to.
template <class T>
struct Field {
  std::vector<std::ptrdiff_t> shape;
  std::vector<T> image, u, q;    // q: axis by axis
  std::vector<double> energies;  // of the last pass, by row
  double change = 0;

  explicit Field(const std::vector<std::ptrdiff_t>& s) : shape(s) {
    image = pixels<T>(rows() * s.back());
    u.resize(image.size());
    q.resize(image.size() * s.size());
    energies.resize(rows());
  }
  std::ptrdiff_t rows() const { return shape[0] * slice_rows(); }
  std::ptrdiff_t slice_rows() const {
    std::ptrdiff_t n = 1;
    for (std::size_t a = 1; a + 1 < shape.size(); a++) n *= shape[a];
    return n;
  }
  T* row(int axis, std::ptrdiff_t y) { return q.data() + (axis * rows() + y) * shape.back(); }
};

// Some passes on slices [begin, end) of `from`, with as many neighbours' slices around; the result to `to`.
template <class T>
void run_part(Field<T>& from, Field<T>* to, std::ptrdiff_t begin, std::ptrdiff_t end, int passes, bool first, bool last,
              int threads) {
  const std::ptrdiff_t y0 = std::max<std::ptrdiff_t>(0, begin - passes), y1 = std::min(from.shape[0], end + passes);
  const std::ptrdiff_t each = from.slice_rows(), width = from.shape.back();
  ChambollePart<T> part{};
  part.shape = from.shape;
  part.shape[0] = y1 - y0;
  const ChambolleLayout layout = chambolle_layout<T>(part.shape);
  const int axes = static_cast<int>(from.shape.size());
  std::vector<T> before(layout.values), after(layout.values), u((end - begin) * each * width);
  const auto place = [&](std::vector<T>& memory, int axis, std::ptrdiff_t y) {
    return memory.data() + layout.lead + axis * layout.plane + y * layout.pitch;
  };
  for (int a = 0; a < axes; a++)
    for (std::ptrdiff_t y = 0; y < (y1 - y0) * each; y++)
      std::copy_n(from.row(a, y0 * each + y), width, place(before, a, y));
  std::vector<double> energies(passes * (end - begin) * each), changes(passes);
  part.begin = begin - y0;
  part.end = end - y0;
  part.image = from.image.data() + y0 * each * width;
  part.from = first ? nullptr : before.data();
  part.to = after.data();
  part.u = u.data();
  part.energies = energies.data();
  part.changes = changes.data();
  part.weight = 0.2;
  part.tau = 0.5 / axes;
  part.passes = passes;
  part.update_last = true;
  part.num_threads = threads;
  chambolle_part(part);
  for (int a = 0; a < axes; a++)
    for (std::ptrdiff_t y = begin * each; y < end * each; y++)
      std::copy_n(place(after, a, y - y0 * each), width, to->row(a, y));
  if (!last) return;
  std::copy(u.begin(), u.end(), to->u.begin() + begin * each * width);
  std::copy(energies.end() - (end - begin) * each, energies.end(), to->energies.begin() + begin * each);
  to->change = std::max(to->change, changes.back());
}

TYPED_TEST(TvPart, ChambolleIsTheWhole) {
  using T = TypeParam;
  constexpr std::ptrdiff_t kRounds = 3;
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    for (const auto& shape : std::vector<std::vector<std::ptrdiff_t>>{
             {1, 40}, {2, 2}, {7, 9}, {40, 33}, {61, 300}, {300, 17}, {7, 5, 33}, {3, 4, 5, 18}})
      for (const int passes : {1, 2, 5}) {
        if (passes > chambolle_layout<T>(shape).most_passes) continue;
        Field<T> whole(shape);
        const int axes = static_cast<int>(shape.size());
        std::vector<std::ptrdiff_t> strides(axes, sizeof(T));
        for (int a = axes - 1; a-- > 0;) strides[a] = strides[a + 1] * shape[a + 1];
        ChambolleOptions o;
        o.weight = 0.2;
        o.eps = 0;
        o.tau = 0.5 / axes;
        o.max_num_iter = passes * kRounds;
        o.stop = ChambolleStop::kDual;
        o.measure = true;
        ChambolleReport report;
        denoise_tv_chambolle<T, T>({{whole.image.data(), axes, shape.data(), strides.data()}},
                                   {{whole.u.data(), axes, shape.data(), strides.data()}}, o, &report);
        for (const auto& cut : cuts(shape[0], 1))
          for (const int threads : {1, 3}) {
            Field<T> now(shape), next(shape);
            for (int round = 0; round < kRounds; round++) {
              for (std::size_t i = 0; i + 1 < cut.size(); i++) {
                run_part(now, &next, cut[i], cut[i + 1], passes, round == 0, round + 1 == kRounds, threads);
              }
              std::swap(now.q, next.q);
            }
            double energy = 0;
            for (const double e : next.energies) energy += e;
            SCOPED_TRACE(::testing::Message() << target << " " << shape[0] << " slices of " << axes << " axes, parts "
                                              << cut.size() - 1 << " passes " << passes << " threads " << threads);
            ASSERT_TRUE(same(next.u, whole.u));
            ASSERT_EQ(energy / static_cast<double>(whole.rows()) / static_cast<double>(shape.back()), report.energy);
            ASSERT_EQ(next.change, report.change);
          }
      }
  }
}

// ---- the fast solver -----------------------------------------------------------------------------

constexpr double kWeight = 0.2, kSigma = 0.8, kSlope = 0.16;
constexpr int kRounds = 3, kIterations = 4;

// The whole image by its solver: u, channels last, q, and the sums by row and strip.
template <class T>
struct Whole {
  DenoisePartShape shape;
  std::vector<T> image, u, q;
  std::vector<double> sums;
  tv::Range<T> range{};

  static void read(const void* context, int c, std::ptrdiff_t y, std::ptrdiff_t x, std::ptrdiff_t count, T* to) {
    const Whole& w = *static_cast<const Whole*>(context);
    for (std::ptrdiff_t i = 0; i < count; i++) to[i] = w.image[w.index(c, y, x + i)];
  }
  static double write(const void* context, int c, std::ptrdiff_t y, std::ptrdiff_t x, std::ptrdiff_t count,
                      const T* from) {
    Whole& w = *static_cast<Whole*>(const_cast<void*>(context));
    for (std::ptrdiff_t i = 0; i < count; i++) w.u[w.index(c, y, x + i)] = from[i];
    return 0;
  }
  std::size_t index(int c, std::ptrdiff_t y, std::ptrdiff_t x) const {
    return static_cast<std::size_t>((y * shape.columns + x) * shape.channels + c);
  }

  explicit Whole(const DenoisePartShape& s) : shape(s), image(pixels<T>(s.rows * s.columns * s.channels)), u(image) {
    tv::PlaneShape plane;
    plane.rows = s.rows;
    plane.columns = s.columns;
    plane.channels = s.channels;
    plane.isotropic = s.isotropic;
    tv::SplittingSolver<T> solver(plane, 0, 1);
    const tv::PlaneIo<T> io{this, &read, &write};
    solver.load(io);
    solver.set_weight(kWeight, kSigma, kSlope, tv::kSplittingRelaxation);
    solver.run(kRounds * kIterations);
    q.resize(2 * u.size());
    const tv::PlaneDual<T> dual{q.data(), plane};
    for (const tv::Sums& row : solver.check_rows(io, &dual)) {
      for (const double sum : {row.residual, row.variation, row.gap}) sums.push_back(sum);
    }
    range = solver.range();
  }
};

constexpr std::ptrdiff_t kReach = 3 * kIterations;  // even, as a part begins

// Rows [begin, end) and their neighbours, from y0 on; the state of this round and of the one before.
template <class T>
struct PartState {
  std::ptrdiff_t begin, end, y0;
  DenoisePartShape shape;
  std::vector<Scratch> memory;
  T* state(int round) const { return reinterpret_cast<T*>(memory[round % 2].data()); }

  PartState(const DenoisePartShape& whole, std::ptrdiff_t b, std::ptrdiff_t e)
      : begin(b), end(e), y0(std::max<std::ptrdiff_t>(0, b - kReach)), shape(whole) {
    shape.rows = std::min(whole.rows, end + kReach) - y0;
    for (int i = 0; i < 2; i++) memory.emplace_back(denoise_part_layout<T>(shape).values * sizeof(T));
  }
};

// The image in parts, cut there: u, q and sums as in Whole.
template <class T>
void expect_whole(const Whole<T>& whole, const std::vector<std::ptrdiff_t>& cut, int threads) {
  const DenoisePartShape& s = whole.shape;
  const DenoisePartLayout layout = denoise_part_layout<T>(s);
  std::vector<PartState<T>> parts;
  for (std::size_t i = 0; i + 1 < cut.size(); i++) parts.emplace_back(s, cut[i], cut[i + 1]);

  std::vector<T> u(whole.u.size()), q(whole.q.size());
  std::vector<double> sums(whole.sums.size());
  // Own rows of all parts after a round, with room for neighbours above that do not exist.
  std::vector<T> rows((kReach + s.rows) * layout.row_values);
  const auto row = [&](std::ptrdiff_t y) { return rows.data() + (kReach + y) * layout.row_values; };
  for (int n = 0; n < kRounds; n++) {
    const DenoisePartRound round{kWeight, kSigma, kSlope, n * kIterations, kIterations, threads};
    const bool last = n + 1 == kRounds;
    for (const PartState<T>& p : parts) {
      DenoisePartSource<T> source;
      if (n == 0) {
        source.pixels = whole.image.data() + p.y0 * s.columns * s.channels;
      } else {
        source.before = p.state(n - 1);
        source.reach = kReach;
        if (p.begin > 0) source.above = row(p.begin - kReach);
        if (p.end < s.rows) source.below = row(p.end);
      }
      std::vector<T> field(2 * p.shape.rows * s.columns * s.channels);
      denoise_part_round(p.shape, round, source, whole.range.low, whole.range.high, p.begin - p.y0, p.end - p.y0,
                         p.state(n), last ? u.data() + p.begin * s.columns * s.channels : nullptr,
                         last ? sums.data() + 3 * p.begin * layout.strips : nullptr, last ? field.data() : nullptr);
      for (int plane = 0; last && plane < 2 * s.channels; plane++) {
        std::copy_n(field.data() + (plane * p.shape.rows + p.begin - p.y0) * s.columns, (p.end - p.begin) * s.columns,
                    q.data() + (plane * s.rows + p.begin) * s.columns);
      }
    }
    for (const PartState<T>& p : parts) {
      denoise_part_take(p.shape, p.state(n), p.begin - p.y0, p.end - p.begin, row(p.begin));
    }
  }
  ASSERT_TRUE(same(u, whole.u));
  ASSERT_TRUE(same(q, whole.q));
  ASSERT_TRUE(same(sums, whole.sums));
}

TYPED_TEST(TvPart, TheFastSolverIsTheWhole) {
  using T = TypeParam;
  for (const std::string& target : simd_detected()) {
    const Forced forced(target);
    for (const auto& [rows, columns] : {std::pair{1, 1}, std::pair{2, 3}, std::pair{5, 1}, std::pair{90, 40},
                                        std::pair{41, 130}, std::pair{30, 7001}})
      for (const int channels : {1, 3})
        for (const bool isotropic : {true, false}) {
          const Whole<T> whole({rows, columns, channels, isotropic});
          for (const auto& cut : cuts(rows, columns < 1000 ? 2 : 14))
            for (const int threads : {1, 3}) {
              SCOPED_TRACE(::testing::Message()
                           << target << " " << rows << " x " << columns << " x " << channels << " iso " << isotropic
                           << ", parts " << cut.size() - 1 << " threads " << threads);
              expect_whole(whole, cut, threads);
              if (this->HasFatalFailure()) return;
            }
        }
  }
}

}  // namespace
}  // namespace fastcv::testing
