// The fast solver: relaxed, accelerated Douglas-Rachford splitting whose linear step is one red-black sweep of
// Gauss-Seidel (after K. Bredies and H. Sun, "Accelerated Douglas-Rachford methods for the solution of convex-concave
// saddle-point problems", 2016). One iteration, with v, t and c divided by the weight:
//
//   u    <- one sweep over red, then black pixels of (1 + sigma grad* grad) u = rhs
//   v     = c + (relaxation sigma / weight) grad u,   q = v / max(1, |v|)
//   t     = q - theta (v - q),   c <- q + (1 - relaxation) theta (v - q),   rhs <- f + weight div t
//
// The state lies in records: of a row's next 2 N pixels (N: the target's lanes), the even and the odd ones of u, rhs,
// c's two components and f, ten vectors side by side; a joint problem puts its channels' records side by side. Red and
// black pixels of a row are then its even and odd vectors: no lane is masked and one pointer reaches all of a row.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "fastcv/runtime.hpp"
#include "tv/denoise_coarse.hpp"
#include "tv/denoise_memory.hpp"
#include "tv/denoise_plane.hpp"

namespace fastcv::tv {

enum Part : int { kU = 0, kRhs = 2, kC0 = 4, kC1 = 6, kF = 8, kRecordVectors = 10 };

// A rectangle of the image with a margin of its neighbours' pixels, in memory of its own. Row 0 and column 0 have even
// image coordinates.
template <class T>
struct Tile {
  T* state = nullptr;
  std::ptrdiff_t y0 = 0, x0 = 0;          // of its first pixel, in the image
  std::ptrdiff_t rows = 0, columns = 0;   // with margins
  std::ptrdiff_t records = 0;             // a row
  std::ptrdiff_t pitch = 0;               // values a row
  std::ptrdiff_t own_y0 = 0, own_y1 = 0;  // rows and records without margins
  std::ptrdiff_t own_m0 = 0, own_m1 = 0;
  int channels = 1;
  bool isotropic = true;
  // Where only the last `ring` rows are kept; 0: all are. `per_ring`: 2^32 / ring, rounded up.
  std::ptrdiff_t ring = 0, per_ring = 0;
  T* row(std::ptrdiff_t y) const { return state + (y - (y * per_ring >> 32) * ring) * pitch; }
};
constexpr std::ptrdiff_t kMostRingRows = std::ptrdiff_t{1} << 24;  // of an image: beyond, the division is not exact

// One iteration's numbers.
template <class T>
struct Stage {
  T from_rhs, from_sum;  // u = from_rhs * rhs + from_sum * (sum of four neighbours)
  T ascent;              // relaxation * sigma / weight
  T weight;
  T theta1, theta;   // 1 + theta, theta:           t = v ((1 + theta) r - theta), r = 1 / max(1, |v|)
  T keep_r, keep_v;  //                              c = v (keep_r r + keep_v)
  bool dual = true;  // false: u alone, the check does the rest
};

template <class T>
struct CheckJob {
  T weight, dual_weight;  // the second one: rounded down so far that |q| <= weight in spite of rounding
  T keep_r, keep_v;       // of the last iteration, to turn v back into c
  T ascent;               // of the last iteration where it was of u alone: c slots hold c before it. Else 0
  T low[4], high[4];      // u is held within, by channel
};

// A row of a start at half the size: of each coarse pixel u, and q of the fine pixels in it; q0 does not differ between
// even and odd ones. q1_odd[-1]: left of the first. May be read up to a whole record.
template <class T>
struct StartRow {
  const T *u, *q0_above, *q0, *q1_even, *q1_odd;
  T per_weight;  // 1 / weight
};

template <class T>
struct SplittingKernels {
  int lanes;
  // Widens [*low, *high] to hold the row.
  void (*range)(const T* row, std::ptrdiff_t count, T* low, T* high);
  // `columns` pixels of one channel into row y: u = rhs = f = pixels, c = 0. Widens [*low, *high] to hold them.
  void (*pack)(const Tile<T>& tile, std::ptrdiff_t y, int channel, const T* pixels, T* low, T* high);
  // Row y of one channel, packed before: u, c = q / weight, rhs = f + div q.
  void (*start)(const Tile<T>& tile, std::ptrdiff_t y, int channel, const StartRow<T>& from);
  // `count` iterations on the rows that a wavefront starting at row r reaches. t0: a row of dual values for each of
  // the iterations, zero before the first r. One call for each r = 0, kBlockRows, ... < rows + 2 count + kBlockRows.
  void (*wavefront)(const Tile<T>& tile, const Stage<T>* stages, int count, std::ptrdiff_t r, T* t0);
  // Row y, whose c slots hold v of the last iteration: its sums over own records, c made c again (unless the last
  // iteration was of u alone: then nothing goes on), u in pixel order to
  // pixels[channel] (`columns` rounded up to whole records), q to q0 and q1 where not null. `above`: q's first
  // component of row y - 1, replaced by that of row y. `own`: whether the row counts.
  void (*check)(const Tile<T>& tile, const CheckJob<T>& job, std::ptrdiff_t y, T* above, T* const* pixels, T* const* q0,
                T* const* q1, bool own, Sums* sums);
};

// The first sigma, and by how much of it each iteration raises it: 1 suits photographs, unless the weight is small
// beside the image's own slopes; `ratio`: weight / mean |grad f|. With a start from half the size (`coarse_ratio`: that
// of the half, else 0) little is left to do but what moves slowly, and a heavy weight gains from larger steps.
inline double weight_ratio(double weight, double slope) { return slope > 0 ? weight / slope : 1; }
constexpr double kSplittingSlope = 0.2, kSplittingRelaxation = 1.6;
inline double splitting_sigma(double ratio, double coarse_ratio) {
  return std::min(1.0, 1.4 * ratio) * std::clamp(coarse_ratio / 8, 1.0, 4.0);
}

constexpr int kBlockRows = 4;  // rows that one iteration takes at a visit

template <class T>
SplittingKernels<T> splitting_kernels(int channels, bool isotropic);  // channels: 1 or 3

template <class T>
Certificate certify_splitting(const Sums& total, const PlaneShape& shape, const Range<T>& range, double weight) {
  double reach = 4 * weight;
  for (int c = 0; c < shape.channels; c++) {
    reach = std::max(reach, 4 * weight + static_cast<double>(range.high[c]) - range.low[c]);
  }
  return certify<T>(total, shape, weight, reach);
}

// The state of one plane (or of three joint ones), cut into tiles: strips of columns that fit the cache, and bands of
// rows for threads. The margins are as wide as `depth` iterations reach, so that the result is the same for any cut.
template <class T>
class SplittingSolver {
 public:
  // In `room`, where that is large enough.
  SplittingSolver(const PlaneShape& shape, int depth, int threads, std::span<T> room = {});
  // Its state's memory, which others may use before load().
  std::span<T> room() const { return {state_->data(), static_cast<std::size_t>(values_)}; }
  // For pass() alone, of so many iterations: keeps the rows at work, and has no state before or after.
  struct Passing {
    int iterations;
  };
  SplittingSolver(const PlaneShape& shape, Passing passing, int threads);
  // Whether pass() is the sooner way; `last`: no more iterations may follow, so that none is done again.
  static bool can_pass(const PlaneShape& shape, std::int64_t iterations, bool last) {
    return iterations <= (last ? kMostPassing : kMostGuessing) && shape.rows < kMostRingRows;
  }
  // In memory of the caller's, of values() values aligned to a cache line, cut into strips only: for a plane in parts.
  struct Elsewhere {};
  SplittingSolver(const PlaneShape& shape, int threads, Elsewhere);
  void place(T* memory);
  std::ptrdiff_t values() const { return values_; }
  const std::vector<Tile<T>>& tiles() const { return tiles_; }

  void load(const PlaneIo<T>& io);
  // The range alone, which pass() holds u within.
  void find_range(const PlaneIo<T>& io);
  // Starts from a dual field: u = f + div q.
  void start(const PlaneDual<T>& dual, double weight);
  // Starts from the optimum of the image at half its size. `first_row`: of this plane in an image of `image_rows`.
  void start(const HalfRows<T>& half, double weight, std::ptrdiff_t first_row, std::ptrdiff_t image_rows);
  void start(const CoarseStart<T>& coarse, double weight) { start(coarse.half(), weight, 0, shape_.rows); }
  // From the next iteration on; what was reached with another weight is scaled to this one.
  void set_weight(double weight, double first_sigma, double slope, double relaxation);
  // `before`: iterations since the start; check_follows: the next call is a check, which wants its numbers otherwise.
  void resume(std::int64_t before) { done_ = before; }
  void run(std::int64_t iterations, bool check_follows = true);
  // The certificate of u as it stands; u goes to io, q to `dual` where it is not null.
  Certificate check(const PlaneIo<T>& io, const PlaneDual<T>* dual);
  // load(), run() and check() in one walk through the pixels; `io` must not write where it reads.
  Certificate pass(const PlaneIo<T>& io, const PlaneDual<T>* dual);
  // For a plane in parts: what its rows are made of as the first iterations reach them. Pixels, and maybe a start from
  // half the size; or an earlier state, but for `reach` rows above `begin` and from `end` on, which are given.
  struct Feed {
    const PlaneIo<T>* pixels;
    const HalfRows<T>* half;
    std::ptrdiff_t first_row, image_rows;
    const T* state;
    std::ptrdiff_t begin, end, reach;
    const T *above, *below;  // or null
  };
  // As load(), start() and run(), and check_rows() where `look_io` is not null, with fewer walks through the memory.
  std::vector<Sums> run_part(const Feed& feed, std::ptrdiff_t iterations, const PlaneIo<T>* look_io,
                             const PlaneDual<T>* dual);
  // The sums alone, row by row and strip by strip.
  std::vector<Sums> check_rows(const PlaneIo<T>& io, const PlaneDual<T>* dual);
  const Range<T>& range() const { return range_; }
  void set_range(const Range<T>& range) { range_ = range; }

 private:
  struct Look {
    const PlaneIo<T>* io;
    const PlaneDual<T>* dual;
    CheckJob<T> job;
    std::vector<Sums>* sums;
  };
  static constexpr int kMostGuessing = 16, kMostPassing = 32;

  void cut(int depth, int threads, bool passing = false);
  template <class Fn>
  void each_tile(const Fn& fn) const {
    parallel_rows(static_cast<std::ptrdiff_t>(tiles_.size()), 1, threads_, [&](Band& band) {
      for (std::ptrdiff_t i = band.begin; i < band.end; i++) fn(band, static_cast<int>(i));
    });
  }
  // A tile's rows in between: t0 for each iteration of a block, and five for a look.
  T* rows_of(int tile) const { return reinterpret_cast<T*>(rows_->data()) + tile * (depth_ + 5) * row_values_; }
  void read_tiles(const PlaneIo<T>& io, bool pack);
  enum class Then : std::uint8_t { kGoOn, kCheck, kEnd };  // kEnd: with a check
  // How many of the iterations that are left make the next block: blocks are of nearly equal depth.
  int next_block(std::int64_t left) const {
    const std::int64_t blocks = (left + depth_ - 1) / depth_;
    return static_cast<int>((left + blocks - 1) / blocks);
  }
  void make_stages(int count, Then then);
  template <class ReadRow>
  void walk(const Tile<T>& t, int strip, T* rows, const ReadRow& read_row, const Look* look, Band& band) const;
  void feed_row(const Feed& feed, int tile, std::ptrdiff_t y, T* room, std::vector<T>* start_room) const;
  void start_row(const HalfRows<T>& half, const Tile<T>& t, std::ptrdiff_t y, std::ptrdiff_t first_row,
                 std::ptrdiff_t image_rows, T scale, std::vector<T>* room) const;
  Look look_into(const PlaneIo<T>& io, const PlaneDual<T>* dual, std::vector<Sums>* sums) const;
  void look_at(const Tile<T>& t, int strip, std::ptrdiff_t y, const Look& look, T* rows) const;
  Certificate certificate(const std::vector<Sums>& sums) const;
  void exchange();
  void fill_margin(int tile);
  void scale_rhs(T factor);

  PlaneShape shape_;
  int threads_, depth_ = 1, strips_ = 1;
  SplittingKernels<T> kernels_;
  std::vector<Tile<T>> tiles_;  // band by band
  std::optional<Values<T>> state_;
  std::optional<Scratch> rows_;
  std::vector<std::ptrdiff_t> offsets_;  // of the tiles in the state
  std::ptrdiff_t values_ = 0;            // of the state; of a passing solver: for one band of tiles
  std::ptrdiff_t row_values_ = 0;        // of a row of the widest tile, all channels
  std::vector<Stage<T>> stages_;         // of the block at work
  Range<T> range_{};
  double weight_ = 0, first_sigma_ = 1, slope_ = 0.2, relaxation_ = 1.6;
  std::int64_t done_ = 0;  // iterations since start
  Stage<T> last_{};        // the true constants of the last iteration
};

}  // namespace fastcv::tv
