// E v for a stripe, and the sum of the parts' results.
#if defined(FASTCV_MDS_PAIRS_PRODUCT) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_MDS_PAIRS_PRODUCT
#undef FASTCV_MDS_PAIRS_PRODUCT
#else
#define FASTCV_MDS_PAIRS_PRODUCT
#endif

#include "mds/pairs-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::mds {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// No masks: the distances are 0 wherever there is no pair.
template <class T, int kColumns>
void ProductStripe(const PairJob<T>& job, ptrdiff_t stripe, const T* x, T* g) {
  using V = VecOf<T>;
  constexpr ptrdiff_t N = kLanes<T>;
  const Lanes<T> d;
  const ptrdiff_t pitch = block_values(stripe, job.stripes);
  for (ptrdiff_t block = 0; block < kTile / kBlock; block++) {
    const ptrdiff_t i = stripe * kTile + block * kBlock;
    if (i >= job.points) break;
    const T* tile = job.distances + stripe_offset(stripe, job.stripes) + block * pitch;
    Pack<V, kBlock> sums[kColumns];
    for (int c = 0; c < kColumns; c++)
      HWY_PRAGMA(GCC unroll 4) for (int r = 0; r < kBlock; r++) sums[c].v[r] = hn::Zero(d);
    for (ptrdiff_t at = stripe; at < job.stripes; at++, tile += kBlock * kTile) {
      PrefetchTile(tile);
      HWY_PRAGMA(GCC unroll 1) for (ptrdiff_t part = 0; part < kTile; part += N) {
        const ptrdiff_t j = at * kTile + part;
        Pack<V, kBlock> e;
        HWY_PRAGMA(GCC unroll 4) for (int r = 0; r < kBlock; r++) {
          const V distance = hn::Load(d, tile + r * kTile + part);
          e.v[r] = hn::Mul(distance, distance);
        }
        HWY_PRAGMA(GCC unroll 4) for (int c = 0; c < kColumns; c++) {
          const V xj = hn::LoadU(d, x + c * job.stride + j);
          V gj = hn::Load(d, g + c * job.stride + j);
          HWY_PRAGMA(GCC unroll 4) for (int r = 0; r < kBlock; r++) {
            sums[c].v[r] = hn::MulAdd(e.v[r], xj, sums[c].v[r]);
            gj = hn::MulAdd(e.v[r], hn::Set(d, x[c * job.stride + i + r]), gj);
          }
          hn::Store(gj, d, g + c * job.stride + j);
        }
      }
    }
    HWY_PRAGMA(GCC unroll 4) for (int c = 0; c < kColumns; c++) AddRowSums<T>(sums[c], g + c * job.stride + i);
  }
}

// Four columns at a time; a stripe's distances are still in the cache for the next four.
template <class T>
void ProductStripes(const PairJob<T>& job, ptrdiff_t stripe) {
  for (int c = 0; c < job.dimensions;) {
    const T* x = job.x + c * job.stride;
    T* g = job.g + c * job.stride;
    const int left = job.dimensions - c;
    if (left >= 4) {
      ProductStripe<T, 4>(job, stripe, x, g);
      c += 4;
    } else if (left >= 2) {
      ProductStripe<T, 2>(job, stripe, x, g);
      c += 2;
    } else {
      ProductStripe<T, 1>(job, stripe, x, g);
      c += 1;
    }
  }
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
