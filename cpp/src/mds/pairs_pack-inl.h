// A tile of distances on its way into the kernels' layout: averaged, checked and summed. And the sum of the parts'
// results.
#if defined(FASTCV_MDS_PAIRS_PACK) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_MDS_PAIRS_PACK
#undef FASTCV_MDS_PAIRS_PACK
#else
#define FASTCV_MDS_PAIRS_PACK
#endif

#include "mds/pairs_loss-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::mds {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// In squares of as many values as 16 bytes hold.
template <class T>
void Transpose(const char* from, ptrdiff_t pitch, T* to) {
  constexpr ptrdiff_t N = 16 / sizeof(T);
  const hn::FixedTag<T, N> d;
  const hn::FixedTag<uint8_t, 16> bytes;
  for (ptrdiff_t i = 0; i < kTile; i += N) {
    for (ptrdiff_t j = 0; j < kTile; j += N) {
      const auto row = [&](ptrdiff_t r) HWY_ATTR __attribute__((always_inline)) {
        const char* p = from + (i + r) * pitch + j * static_cast<ptrdiff_t>(sizeof(T));
        return hn::BitCast(d, hn::LoadU(bytes, reinterpret_cast<const uint8_t*>(p)));
      };
      T* out = to + j * kTile + i;
      const auto a = row(0), b = row(1);
      const auto low = hn::InterleaveLower(d, a, b), high = hn::InterleaveUpper(d, a, b);
      if constexpr (N == 2) {
        hn::StoreU(low, d, out);
        hn::StoreU(high, d, out + kTile);
      } else {
        const auto c = row(2), e = row(3);
        const auto low2 = hn::InterleaveLower(d, c, e), high2 = hn::InterleaveUpper(d, c, e);
        hn::StoreU(hn::ConcatLowerLower(d, low2, low), d, out);
        hn::StoreU(hn::ConcatUpperUpper(d, low2, low), d, out + kTile);
        hn::StoreU(hn::ConcatLowerLower(d, high2, high), d, out + 2 * kTile);
        hn::StoreU(hn::ConcatUpperUpper(d, high2, high), d, out + 3 * kTile);
      }
    }
  }
}

template <class T>
HWY_INLINE void RaiseTo(double* most, VecOf<T> v) {
  const double found = hn::GetLane(hn::MaxOfLanes(Lanes<T>(), v));
  if (found > *most) *most = found;
}

// Lanes of NaN become 0 in *v and false in the result. (Not Ne: of NaN it is false on some targets.)
template <class T>
HWY_INLINE auto Present(VecOf<T>* v) {
  const auto present = hn::Eq(*v, *v);
  *v = hn::IfThenElseZero(present, *v);
  return present;
}

// A whole tile without weights whose triangles are equal, so that no NaN is among them: most tiles. False: it is not.
template <class T>
HWY_INLINE bool PackEqualTile(const TileJob<T>& job, PairReport* report) {
  const Lanes<T> d;
  auto least = hn::Zero(d), largest = least, sum = least, squares = least, fourths = least;
  auto equal = hn::Eq(least, least);
  for (ptrdiff_t r = 0; r < kTile; r++) {
    T* to = job.distances + r / kBlock * job.pitch + r % kBlock * kTile;
    for (ptrdiff_t part = 0; part < kTile; part += kLanes<T>) {
      const auto v = hn::Load(d, job.upper + r * kTile + part), square = hn::Mul(v, v);
      equal = hn::And(equal, hn::Eq(v, hn::Load(d, job.lower + r * kTile + part)));
      least = hn::Min(least, v);
      largest = hn::Max(largest, v);
      sum = hn::Add(sum, v);
      squares = hn::Add(squares, square);
      fourths = hn::MulAdd(square, square, fourths);
      hn::Store(job.squares ? hn::Neg(square) : v, d, to + part);
    }
  }
  if (!hn::AllTrue(d, equal)) return false;
  report->negative |= !hn::AllFalse(d, hn::Lt(least, hn::Zero(d)));
  RaiseTo<T>(&report->largest, hn::Max(largest, hn::Neg(least)));
  report->infinite |= !hn::AllFalse(d, hn::Eq(hn::Max(largest, hn::Neg(least)), hn::Inf(d)));
  report->pairs += kTile * kTile;
  report->sum += SumInDouble<T>(sum);
  report->sum_squares += SumInDouble<T>(squares);
  report->sum_fourths += SumInDouble<T>(fourths);
  report->sum_weights += kTile * kTile;
  return true;
}

template <class T>
void PackTile(const TileJob<T>& job, PairReport* report) {
  if (!job.diagonal && job.rows == kTile && job.columns == kTile && job.weights == nullptr && !job.upper_weights &&
      PackEqualTile<T>(job, report))
    return;
  using V = VecOf<T>;
  constexpr ptrdiff_t N = kLanes<T>;
  const Lanes<T> d;
  const V zero = hn::Zero(d), half = hn::Set(d, T(0.5)), one = hn::Set(d, T(1)), inf = hn::Inf(d);
  V largest = zero, asymmetry = zero, weight_asymmetry = zero, sum = zero, squares = zero, fourths = zero,
    sum_weights = zero;
  auto negative = hn::Lt(zero, zero), infinite = negative, bad = negative;
  for (ptrdiff_t r = 0; r < kTile; r++) {
    const ptrdiff_t to = r / kBlock * job.pitch + r % kBlock * kTile;
    for (ptrdiff_t part = 0; part < kTile; part += N) {
      const auto lane = hn::Iota(d, static_cast<T>(part));
      auto pair = hn::Lt(lane, hn::Set(d, static_cast<T>(r < job.rows ? job.columns : 0)));
      if (job.diagonal) pair = hn::And(pair, hn::Gt(lane, hn::Set(d, static_cast<T>(r))));
      V weight = one;
      if (job.upper_weights != nullptr) {
        const V a = hn::Load(d, job.upper_weights + r * kTile + part),
                b = hn::Load(d, job.lower_weights + r * kTile + part);
        weight = hn::MulAdd(half, a, hn::Mul(half, b));
        weight_asymmetry = hn::Max(weight_asymmetry, hn::IfThenElseZero(pair, hn::Abs(hn::Sub(a, b))));
        const auto good = hn::And(hn::And(hn::Ge(a, zero), hn::Ge(b, zero)), hn::Lt(weight, inf));
        bad = hn::Or(bad, hn::AndNot(good, pair));
        weight = hn::IfThenElseZero(good, weight);
      }
      pair = hn::And(pair, hn::Gt(weight, zero));
      V a = hn::Load(d, job.upper + r * kTile + part), b = hn::Load(d, job.lower + r * kTile + part);
      const auto has_a = Present<T>(&a), has_b = Present<T>(&b);
      const auto both = hn::And(pair, hn::And(has_a, has_b)), any = hn::And(pair, hn::Or(has_a, has_b));
      if (!hn::AllTrue(d, hn::Or(both, hn::Not(pair)))) {
        report->missing += hn::CountTrue(d, hn::AndNot(any, pair));
        report->one_sided += hn::CountTrue(d, hn::AndNot(both, any));
      }
      negative = hn::Or(negative, hn::And(any, hn::Lt(hn::Min(a, b), zero)));
      infinite = hn::Or(infinite, hn::And(any, hn::Eq(hn::Max(hn::Abs(a), hn::Abs(b)), inf)));
      asymmetry = hn::Max(asymmetry, hn::IfThenElseZero(both, hn::Abs(hn::Sub(a, b))));
      // Where one is missing it is 0 here.
      const V mean =
          hn::IfThenElseZero(any, hn::IfThenElse(both, hn::MulAdd(half, a, hn::Mul(half, b)), hn::Add(a, b)));
      weight = hn::IfThenElseZero(any, weight);
      largest = hn::Max(largest, hn::Abs(mean));
      const V weighted = hn::Mul(weight, mean);
      sum = hn::Add(sum, weighted);
      squares = hn::MulAdd(weighted, mean, squares);
      fourths = hn::MulAdd(hn::Mul(weighted, mean), hn::Mul(mean, mean), fourths);
      sum_weights = hn::Add(sum_weights, weight);
      report->pairs += hn::CountTrue(d, any);
      hn::Store(job.squares ? hn::Neg(hn::Mul(mean, mean)) : mean, d, job.distances + to + part);
      if (job.weights != nullptr) hn::Store(weight, d, job.weights + to + part);
    }
  }
  report->negative |= !hn::AllFalse(d, negative);
  report->infinite |= !hn::AllFalse(d, infinite);
  report->bad_weight |= !hn::AllFalse(d, bad);
  RaiseTo<T>(&report->largest, largest);
  RaiseTo<T>(&report->asymmetry, asymmetry);
  RaiseTo<T>(&report->weight_asymmetry, weight_asymmetry);
  report->sum += SumInDouble<T>(sum);
  report->sum_squares += SumInDouble<T>(squares);
  report->sum_fourths += SumInDouble<T>(fourths);
  report->sum_weights += SumInDouble<T>(sum_weights);
}

template <class T>
void AddUp(const T* parts, ptrdiff_t step, int count, T factor, T* out, ptrdiff_t begin, ptrdiff_t end) {
  const Lanes<T> d;
  for (ptrdiff_t i = begin; i < end; i += kLanes<T>) {
    auto sum = hn::Load(d, parts + i);
    for (int k = 1; k < count; k++) sum = hn::Add(sum, hn::Load(d, parts + k * step + i));
    hn::StoreU(hn::Mul(sum, hn::Set(d, factor)), d, out + i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::mds
HWY_AFTER_NAMESPACE();
#endif
