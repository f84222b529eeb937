// Lane operations that Highway 1.0.3 (Debian 12) lacks, under Highway's later names where it has them now. Each
// may be deleted when the minimum version brings it. The only place for intrinsics.
// Include above HWY_BEFORE_NAMESPACE(), after hwy/highway.h: the guard lets every SIMD target in once.
#if defined(FASTCV_SIMD_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_SIMD_INL
#undef FASTCV_SIMD_INL
#else
#define FASTCV_SIMD_INL
#endif

#include <cstddef>
#include <cstdint>
#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace fastcv {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A register array. GCC copies a plain struct of vectors through the stack in 16-byte halves; the copy operations
// written out lane by lane keep it in registers. The default constructor must stay trivial.
template <class V, int kCount>
struct Pack {
  V v[kCount];
  Pack() = default;
  HWY_INLINE Pack(const Pack& o) { HWY_PRAGMA(GCC unroll 16) for (int i = 0; i < kCount; i++) v[i] = o.v[i]; }
  HWY_INLINE Pack& operator=(const Pack& o) {
    HWY_PRAGMA(GCC unroll 16) for (int i = 0; i < kCount; i++) v[i] = o.v[i];
    return *this;
  }
};

// Stops GCC from loading the same address once for each of two users.
template <class V>
HWY_INLINE void KeepInRegister(V& v) {
#if HWY_TARGET <= HWY_AVX3
  asm volatile("" : "+v"(v.raw));
#elif HWY_ARCH_X86
  asm volatile("" : "+x"(v.raw));
#else
  (void)v;
#endif
}

// The kN lanes that end kLanes before the end of `cur`, `prev` standing before it. 16-bit lanes.
#if HWY_TARGET <= HWY_AVX3
alignas(64) constexpr uint16_t kLaneNumbers[64] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                                   16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
                                                   32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
                                                   48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
#undef FASTCV_HAVE_SLIDE_BY
#define FASTCV_HAVE_SLIDE_BY 1
template <class V>
HWY_INLINE V SlideIndex(size_t lanes) {
  return V{_mm512_loadu_si512(kLaneNumbers + 32 - lanes)};
}
template <class V>
HWY_INLINE V SlideUpFromBy(V prev, V cur, V index) {
  return V{_mm512_permutex2var_epi16(prev.raw, index.raw, cur.raw)};
}
#else
#undef FASTCV_HAVE_SLIDE_BY
#define FASTCV_HAVE_SLIDE_BY 0
#endif
template <int kLanes, class V>
HWY_INLINE V SlideUpFrom(V prev, V cur) {
  constexpr int kN = HWY_MAX_BYTES / 2;
  static_assert(kLanes >= 0 && kLanes <= kN);
  if constexpr (kLanes == 0) {
    return cur;
  } else if constexpr (kLanes == kN) {
    return prev;
  } else {
#if HWY_TARGET <= HWY_AVX3
    if constexpr (kLanes % 2 == 0) {
      return V{_mm512_alignr_epi32(cur.raw, prev.raw, 16 - kLanes / 2)};
    } else {
      return SlideUpFromBy(prev, cur, SlideIndex<V>(kLanes));
    }
#elif HWY_TARGET == HWY_AVX2
    const __m256i middle = _mm256_permute2x128_si256(prev.raw, cur.raw, 0x21);
    if constexpr (kLanes == 8) {
      return V{middle};
    } else if constexpr (kLanes < 8) {
      return V{_mm256_alignr_epi8(cur.raw, middle, 16 - 2 * kLanes)};
    } else {
      return V{_mm256_alignr_epi8(middle, prev.raw, 32 - 2 * kLanes)};
    }
#else
    const hn::ScalableTag<uint16_t> d;
    return hn::CombineShiftRightBytes<16 - 2 * kLanes>(d, cur, prev);
#endif
  }
}

// The last lane of `prev`, then all lanes of `cur` but the last; and all lanes of `cur` but the first, then the
// first of `next`. Lanes of 32 or 64 bits.
template <class D, class V>
HWY_INLINE V PreviousLanes(D d, V prev, V cur) {
  const hn::Repartition<uint16_t, D> d16;
  return hn::BitCast(d, SlideUpFrom<sizeof(hn::TFromD<D>) / 2>(hn::BitCast(d16, prev), hn::BitCast(d16, cur)));
}
template <class D, class V>
HWY_INLINE V NextLanes(D d, V cur, V next) {
  const hn::Repartition<uint16_t, D> d16;
  constexpr int kLanes = (HWY_MAX_BYTES - static_cast<int>(sizeof(hn::TFromD<D>))) / 2;
  return hn::BitCast(d, SlideUpFrom<kLanes>(hn::BitCast(d16, cur), hn::BitCast(d16, next)));
}

// 1 / sqrt(v): of float32 as the processor estimates it (relative error below 4e-4), of float64 to 1e-8.
template <class D, class V>
HWY_INLINE V ReciprocalSqrt(D d, V v) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    return hn::ApproximateReciprocalSqrt(v);
  } else {
#if HWY_TARGET <= HWY_AVX3
    const V r{_mm512_rsqrt14_pd(v.raw)};  // one Newton step doubles its 14 bits
    return hn::Mul(r, hn::NegMulAdd(hn::Mul(hn::Mul(v, r), r), hn::Set(d, 0.5), hn::Set(d, 1.5)));
#else
    return hn::Div(hn::Set(d, 1.0), hn::Sqrt(v));
#endif
  }
}

// a - b where the mask holds, else `no`. Unsigned 16-bit lanes.
template <class V, class M>
HWY_INLINE V MaskedSubOr(V no, M mask, V a, V b) {
#if HWY_TARGET <= HWY_AVX3
  return V{_mm512_mask_sub_epi16(no.raw, mask.raw, a.raw, b.raw)};
#else
  return hn::IfThenElse(mask, hn::Sub(a, b), no);
#endif
}

// The sum of each two neighbouring signed 16-bit lanes, as 32 bits.
template <class V16>
HWY_INLINE auto SumsOf2(V16 v) {
  const hn::ScalableTag<int32_t> d;
  using V32 = hn::Vec<decltype(d)>;
#if HWY_TARGET <= HWY_AVX3
  return V32{_mm512_madd_epi16(v.raw, _mm512_set1_epi16(1))};
#elif HWY_TARGET == HWY_AVX2
  return V32{_mm256_madd_epi16(v.raw, _mm256_set1_epi16(1))};
#else
  const V32 pair = hn::BitCast(d, v);
  return hn::Add(hn::ShiftRight<16>(hn::ShiftLeft<16>(pair)), hn::ShiftRight<16>(pair));
#endif
}

// Lane i becomes lane kN - kPeriod + (i mod kPeriod): the last kPeriod lanes, again and again. 16-bit lanes.
template <int kPeriod, class V>
HWY_INLINE V RepeatLast(V v) {
  struct Table {
    alignas(64) uint16_t lane[HWY_MAX_BYTES / 2];
    constexpr Table() : lane() {
      constexpr int kN = HWY_MAX_BYTES / 2;
      for (int i = 0; i < kN; i++) {
        // AVX-512 takes lane numbers, the others byte pairs within the last 16-byte block.
        const int from = kN - kPeriod + i % kPeriod;
        lane[i] = static_cast<uint16_t>(HWY_TARGET <= HWY_AVX3 ? from : (from % 8) * 2 + ((from % 8) * 2 + 1) * 256);
      }
    }
  };
  static constexpr Table kTable;
#if HWY_TARGET <= HWY_AVX3
  return V{_mm512_permutexvar_epi16(_mm512_load_si512(kTable.lane), v.raw)};
#elif HWY_TARGET == HWY_AVX2
  const __m256i last = _mm256_permute2x128_si256(v.raw, v.raw, 0x11);
  return V{_mm256_shuffle_epi8(last, _mm256_load_si256(reinterpret_cast<const __m256i*>(kTable.lane)))};
#else
  const hn::ScalableTag<uint16_t> d;
  const hn::ScalableTag<uint8_t> d8;
  return hn::BitCast(d, hn::TableLookupBytes(hn::BitCast(d8, v), hn::BitCast(d8, hn::Load(d, kTable.lane))));
#endif
}

// Stores bytes [first, last) of v to p + first .. p + last and touches no other byte.
template <class D8, class V>
HWY_INLINE void StoreBytes(V v, D8 d, uint8_t* p, size_t first, size_t last) {
#if HWY_TARGET <= HWY_AVX3
  const __mmask64 until = last >= 64 ? ~0ull : (1ull << last) - 1;
  (void)d;
  _mm512_mask_storeu_epi8(p, until & (~0ull << first), v.raw);
#else
  alignas(HWY_MAX_BYTES) uint8_t bytes[HWY_MAX_BYTES];
  hn::Store(v, d, bytes);
  memcpy(p + first, bytes + first, last - first);
#endif
}

// The first `count` lanes from p, zeros behind; reads no other lane. (Highway 1.1: LoadN.)
template <class D, class T>
HWY_INLINE hn::Vec<D> LoadFirst(D d, const T* p, size_t count) {
#if HWY_TARGET <= HWY_AVX3
  return hn::MaskedLoad(hn::FirstN(d, count), d, p);
#else
  alignas(HWY_MAX_BYTES) T lanes[hn::MaxLanes(D())] = {};
  memcpy(lanes, p, (count < hn::MaxLanes(d) ? count : hn::MaxLanes(d)) * sizeof(T));
  return hn::Load(d, lanes);
#endif
}

// Stores the first `count` lanes to p and touches no other byte. (Highway 1.1: StoreN.)
template <class D, class T, class V>
HWY_INLINE void StoreFirst(V v, D d, T* p, size_t count) {
#if HWY_TARGET <= HWY_AVX3
  hn::BlendedStore(v, hn::FirstN(d, count), d, p);
#else
  alignas(HWY_MAX_BYTES) T lanes[hn::MaxLanes(D())];
  hn::Store(v, d, lanes);
  memcpy(p, lanes, (count < hn::MaxLanes(d) ? count : hn::MaxLanes(d)) * sizeof(T));
#endif
}

// The bits of floats as halves, rounded half to even. (Highway 1.0.3 truncates where the processor has no such
// instruction.)
template <class D, class V>
HWY_INLINE hn::Vec<hn::Rebind<uint16_t, D>> HalfBits(D d, V v) {
  const hn::Rebind<uint16_t, D> d16;
#if HWY_TARGET == HWY_SSE4
  const hn::RebindToUnsigned<D> du;
  const auto all = hn::BitCast(du, v), sign = hn::And(all, hn::Set(du, 0x80000000u)), bits = hn::Xor(all, sign);
  const auto bits_signed = hn::BitCast(hn::RebindToSigned<D>(), bits);
  const auto below = [&](uint32_t limit) HWY_ATTR {
    return hn::RebindMask(du, hn::Lt(bits_signed, hn::Set(hn::RebindToSigned<D>(), static_cast<int32_t>(limit))));
  };
  const auto odd = hn::And(hn::ShiftRight<13>(bits), hn::Set(du, 1));
  const auto normal = hn::ShiftRight<13>(hn::Add(hn::Add(bits, hn::Set(du, 0xC8000FFFu)), odd));
  // Below 2^-14 the sum with 1/2 has its last bit where the half has its own.
  const auto tiny = hn::Sub(hn::BitCast(du, hn::Add(hn::BitCast(d, bits), hn::Set(d, 0.5f))), hn::Set(du, 0x3F000000u));
  auto half = hn::IfThenElse(below(0x38800000u), tiny, normal);
  const auto huge = hn::IfThenElse(below(0x7F800001u), hn::Set(du, 0x7C00u), hn::Set(du, 0x7E00u));
  half = hn::IfThenElse(below(0x47800000u), half, huge);
  half = hn::Or(half, hn::ShiftRight<16>(sign));
  return hn::DemoteTo(d16, hn::BitCast(hn::RebindToSigned<D>(), half));
#else
  (void)d;
  return hn::BitCast(d16, hn::DemoteTo(hn::Rebind<hwy::float16_t, D>(), v));
#endif
}

// Floats as bytes: rounded half to even, saturated, NaN is 0.
template <class D, class V>
HWY_INLINE hn::Vec<hn::Rebind<uint8_t, D>> RoundedBytes(D d, V v) {
  const hn::Rebind<uint8_t, D> d8;
  v = hn::Max(v, hn::Zero(d));  // on x86 the second one where the first is NaN
#if HWY_TARGET <= HWY_AVX3
  (void)d8;  // what leaves 31 bits becomes 2^31, and 255 in the end
  return hn::Vec<decltype(d8)>{_mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(v.raw))};
#elif HWY_TARGET == HWY_AVX2
  const __m256i whole = _mm256_cvtps_epi32(_mm256_min_ps(v.raw, _mm256_set1_ps(255.0f)));
  const __m128i half = _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
  return hn::Vec<decltype(d8)>{_mm_packus_epi16(half, half)};
#else
  return hn::DemoteTo(d8, hn::NearestInt(hn::Min(v, hn::Set(d, 255.0f))));
#endif
}

#if HWY_TARGET <= HWY_AVX3
// 1 / v within 2^-14 of it. 64-bit lanes.
template <class V>
HWY_INLINE V ApproximateReciprocal14(V v) {
  return V{_mm512_rcp14_pd(v.raw)};
}

// Lane i = lane index[i] of a and, from where a ends, of b. Lanes of 16 and of 32 bits.
template <class V, class VI>
HWY_INLINE V TakeOf2(V a, V b, VI index) {
  if constexpr (sizeof(hn::TFromV<VI>) == 2) {
    return V{_mm512_permutex2var_epi16(a.raw, index.raw, b.raw)};
  } else {
    return V{_mm512_permutex2var_ps(a.raw, index.raw, b.raw)};
  }
}
// The same of three vectors of floats, `third` being where the last one is meant.
template <class V, class VI, class M>
HWY_INLINE V TakeOf3(V a, V b, V c, VI index, M third) {
  return V{_mm512_mask_permutexvar_ps(TakeOf2(a, b, index).raw, third.raw, index.raw, c.raw)};
}

// RoundedBytes of four vectors: block b holds their lanes 4 b to 4 b + 3, vector after vector.
template <class V>
HWY_INLINE auto RoundedBytesOf4(V a, V b, V c, V d) {
  const __m512 most = _mm512_set1_ps(255.0f);
  const auto whole = [most](V v) HWY_ATTR __attribute__((always_inline)) {
    return _mm512_cvtps_epi32(_mm512_min_ps(most, v.raw));  // the second one where it is NaN: -2^31, and 0 in the end
  };
  return hn::Vec<hn::ScalableTag<uint8_t>>{
      _mm512_packus_epi16(_mm512_packs_epi32(whole(a), whole(b)), _mm512_packs_epi32(whole(c), whole(d)))};
}
template <int kBlock, class V>
HWY_INLINE auto BlockOf(V v) {
  return hn::Vec128<hn::TFromV<V>>{_mm512_extracti32x4_epi32(v.raw, kBlock)};
}

// The even or odd 16-byte blocks of two vectors of four: those of lo, then those of hi. (Later Highway:
// ConcatEvenBlocks.)
template <class D, class V>
HWY_INLINE V EvenBlocksOf(D d, V hi, V lo) {
  const hn::Repartition<uint32_t, D> d32;
  using V32 = hn::Vec<decltype(d32)>;
  return hn::BitCast(d, V32{_mm512_shuffle_i32x4(hn::BitCast(d32, lo).raw, hn::BitCast(d32, hi).raw, 0x88)});
}
template <class D, class V>
HWY_INLINE V OddBlocksOf(D d, V hi, V lo) {
  const hn::Repartition<uint32_t, D> d32;
  using V32 = hn::Vec<decltype(d32)>;
  return hn::BitCast(d, V32{_mm512_shuffle_i32x4(hn::BitCast(d32, lo).raw, hn::BitCast(d32, hi).raw, 0xDD)});
}
#endif

// ---- bytes chosen by number, and sums of products: what resizing is made of ------------------------------------

#undef FASTCV_HAVE_BYTE_DOTS
#if HWY_ARCH_X86
#define FASTCV_HAVE_BYTE_DOTS 1
// Signed 16-bit lane i = a[2i] * b[2i] + a[2i + 1] * b[2i + 1], saturated; a unsigned, b signed bytes. (Later Highway:
// SatWidenMulPairwiseAdd.)
template <class V8>
HWY_INLINE auto BytePairDots(V8 a, V8 b) {
  const hn::ScalableTag<int16_t> d;
#if HWY_TARGET <= HWY_AVX3
  return hn::Vec<decltype(d)>{_mm512_maddubs_epi16(a.raw, b.raw)};
#elif HWY_TARGET == HWY_AVX2
  return hn::Vec<decltype(d)>{_mm256_maddubs_epi16(a.raw, b.raw)};
#else
  return hn::Vec<decltype(d)>{_mm_maddubs_epi16(a.raw, b.raw)};
#endif
}
// 32-bit lane i = a[2i] * b[2i] + a[2i + 1] * b[2i + 1] of signed 16-bit lanes. (Later Highway: WidenMulPairwiseAdd.)
template <class V16>
HWY_INLINE auto PairDots(V16 a, V16 b) {
  const hn::ScalableTag<int32_t> d;
#if HWY_TARGET <= HWY_AVX3
  return hn::Vec<decltype(d)>{_mm512_madd_epi16(a.raw, b.raw)};
#elif HWY_TARGET == HWY_AVX2
  return hn::Vec<decltype(d)>{_mm256_madd_epi16(a.raw, b.raw)};
#else
  return hn::Vec<decltype(d)>{_mm_madd_epi16(a.raw, b.raw)};
#endif
}

// sum + PairDots(a, b).
template <class V32, class V16>
HWY_INLINE V32 AddPairDots(V32 sum, V16 a, V16 b) {
#if HWY_TARGET <= HWY_AVX3_DL
  // Part of the target, and asked for when it is chosen; its compiler flags lack the name.
  asm("vpdpwssd %2, %1, %0" : "+v"(sum.raw) : "v"(a.raw), "v"(b.raw));
  return sum;
#else
  return hn::Add(sum, PairDots(a, b));
#endif
}

// 16 bytes from each of base + offset[0], offset[step], ...: one a block.
HWY_INLINE auto LoadBlocks(const uint8_t* base, const ptrdiff_t* offset, ptrdiff_t step) {
  const hn::ScalableTag<uint8_t> d;
  using V = hn::Vec<decltype(d)>;
  const auto block = [=](int i) HWY_ATTR __attribute__((always_inline)) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(base + offset[i * step]));
  };
#if HWY_TARGET <= HWY_AVX3
  const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(block(0)), block(1), 1);
  const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(block(2)), block(3), 1);
  return V{_mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1)};
#elif HWY_TARGET == HWY_AVX2
  return V{_mm256_inserti128_si256(_mm256_castsi128_si256(block(0)), block(1), 1)};
#else
  (void)step;
  return V{block(0)};
#endif
}

// Lane i = the four bytes at base + offset[i]. By insertion: memory written in parts and read as a whole would stall.
HWY_INLINE auto LoadDwords(const uint8_t* base, const ptrdiff_t* offset) {
  const hn::ScalableTag<uint32_t> d;
  using V = hn::Vec<decltype(d)>;
  const auto four = [=](int i) HWY_ATTR __attribute__((always_inline)) {
    int32_t v[4];
    for (int j = 0; j < 4; j++) memcpy(&v[j], base + offset[i + j], 4);
    return _mm_setr_epi32(v[0], v[1], v[2], v[3]);
  };
#if HWY_TARGET <= HWY_AVX3
  const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(four(0)), four(4), 1);
  const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(four(8)), four(12), 1);
  return V{_mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1)};
#elif HWY_TARGET == HWY_AVX2
  return V{_mm256_inserti128_si256(_mm256_castsi128_si256(four(0)), four(4), 1)};
#else
  return V{four(0)};
#endif
}
#else
#define FASTCV_HAVE_BYTE_DOTS 0
#endif

#undef FASTCV_HAVE_BYTE_WINDOWS
#if HWY_TARGET <= HWY_AVX3_DL && HWY_ARCH_X86
#define FASTCV_HAVE_BYTE_WINDOWS 1
// Any bytes of one vector.
template <class V>
HWY_INLINE V TakeBytes(V v, V index) {
  return V{_mm512_permutexvar_epi8(index.raw, v.raw)};
}

// kVectors vectors of memory, of which Lookup takes any bytes.
template <int kVectors>
struct ByteWindow {
  using V = hn::Vec<hn::ScalableTag<uint8_t>>;
  V a, b, c;
  HWY_INLINE void Load(const uint8_t* p) {
    const hn::ScalableTag<uint8_t> d;
    a = hn::LoadU(d, p);
    if constexpr (kVectors > 1) b = hn::LoadU(d, p + 64);
    if constexpr (kVectors > 2) c = hn::LoadU(d, p + 128);
  }
  HWY_INLINE V Lookup(V index) const {
    if constexpr (kVectors == 1) return V{_mm512_permutexvar_epi8(index.raw, a.raw)};
    const __m512i two = _mm512_permutex2var_epi8(a.raw, index.raw, b.raw);
    if constexpr (kVectors == 2) return V{two};
    return V{_mm512_mask_permutexvar_epi8(two, _mm512_movepi8_mask(index.raw), index.raw, c.raw)};
  }
  // The first byte of each 32-bit lane, or of each 16-bit lane; zeros for the others.
  HWY_INLINE V LookupWide(V index) const { return LookupSome<0x1111111111111111ull>(index); }
  HWY_INLINE V LookupPairs(V index) const { return LookupSome<0x5555555555555555ull>(index); }

 private:
  template <__mmask64 kWhich>
  HWY_INLINE V LookupSome(V index) const {
    if constexpr (kVectors == 1) return V{_mm512_maskz_permutexvar_epi8(kWhich, index.raw, a.raw)};
    const __m512i two = _mm512_maskz_permutex2var_epi8(kWhich, a.raw, index.raw, b.raw);
    if constexpr (kVectors == 2) return V{two};
    return V{_mm512_mask_permutexvar_epi8(two, _mm512_movepi8_mask(index.raw) & kWhich, index.raw, c.raw)};
  }
};
#else
#define FASTCV_HAVE_BYTE_WINDOWS 0
#endif

}  // namespace HWY_NAMESPACE
}  // namespace fastcv
HWY_AFTER_NAMESPACE();
#endif
