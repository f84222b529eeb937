// 16 pixels that lie pixel by pixel in vectors of floats, to memory: as they are, or one plane a channel.
#if defined(FASTCV_PREPROCESS_PARTING) == defined(HWY_TARGET_TOGGLE)
#ifdef FASTCV_PREPROCESS_PARTING
#undef FASTCV_PREPROCESS_PARTING
#else
#define FASTCV_PREPROCESS_PARTING
#endif

#include "preprocess/rows-inl.h"

#if FASTCV_HAVE_BYTE_WINDOWS  // around the namespace: Clang warns of one with attributes and no functions
HWY_BEFORE_NAMESPACE();
namespace fastcv::preprocess {
namespace HWY_NAMESPACE {

// Where channel k of pixel x stands among values pixel by pixel, at k * kBlock + x; `bytes`: after RoundedBytesOf4.
template <int kChannels>
struct PartingTables {
  alignas(64) uint32_t words[kChannels * kBlock];
  alignas(64) uint16_t halves[kChannels * kBlock];
  alignas(64) uint8_t planes[4 * kBlock];  // of bytes
  alignas(64) uint8_t pixels[4 * kBlock];  // of bytes, in the order of the values
  static constexpr int byte_of(int value) { return value % kBlock / 4 * 16 + value / kBlock * 4 + value % 4; }
  constexpr PartingTables() : words(), halves(), planes(), pixels() {
    for (int i = 0; i < kChannels * kBlock; i++) {
      const int value = i % kBlock * kChannels + i / kBlock;
      words[i] = static_cast<uint32_t>(value);
      halves[i] = static_cast<uint16_t>(value);
      planes[i] = static_cast<uint8_t>(byte_of(value));
      pixels[i] = static_cast<uint8_t>(byte_of(i));
    }
  }
};
template <int kChannels>
constexpr PartingTables<kChannels> kParting;

// Channel k of v, for planes of floats.
template <int kChannels>
HWY_INLINE VF PlaneOf(const VF (&v)[kChannels], int k) {
  const auto index = hn::Load(hn::ScalableTag<uint32_t>(), kParting<kChannels>.words + k * kBlock);
  if constexpr (kChannels == 3) {
    return TakeOf3(v[0], v[1], v[2], index,
                   hn::RebindMask(DF(), hn::Gt(hn::BitCast(D32(), index), hn::Set(D32(), 31))));
  } else {
    return hn::ConcatUpperLower(DF(), TakeOf2(v[2], v[3], index), TakeOf2(v[0], v[1], index));
  }
}

// Bytes as they are to lie: 16 of each plane, or pixel by pixel.
template <int kChannels, bool kPlanar, bool kWhole>
HWY_INLINE void StoreByteBlock(V8 bytes, void* const* to, ptrdiff_t x, ptrdiff_t count) {
  if constexpr (kPlanar) {
    const auto store = [=](auto block, void* plane) HWY_ATTR __attribute__((always_inline)) {
      StoreValue<kWhole>(block, hn::Full128<uint8_t>(), static_cast<uint8_t*>(plane) + x, count);
    };
    store(BlockOf<0>(bytes), to[0]);
    store(BlockOf<1>(bytes), to[1]);
    store(BlockOf<2>(bytes), to[2]);
    if constexpr (kChannels == 4) store(BlockOf<3>(bytes), to[3]);
  } else {
    StoreFirst(bytes, D8(), static_cast<uint8_t*>(to[0]) + x * kChannels, static_cast<size_t>(count * kChannels));
  }
}

template <int kChannels, bool kWhole>
HWY_INLINE void StoreHalfPlanes(const VF (&v)[kChannels], void* const* to, ptrdiff_t x, ptrdiff_t count) {
  const hn::ScalableTag<uint16_t> d;
  const hn::Half<decltype(d)> half;
  const DF df;
  const auto low = hn::Combine(d, HalfBits(df, v[1]), HalfBits(df, v[0]));
  const auto high = kChannels == 4 ? hn::Combine(d, HalfBits(df, v[kChannels - 1]), HalfBits(df, v[2]))
                                   : hn::ZeroExtendVector(d, HalfBits(df, v[2]));
  HWY_PRAGMA(GCC unroll 4) for (int k = 0; k < kChannels; k++) {
    const auto index = hn::ZeroExtendVector(d, hn::Load(half, kParting<kChannels>.halves + k * kBlock));
    const auto plane = TakeOf2(low, high, index);
    StoreValue<kWhole>(hn::LowerHalf(half, plane), half, static_cast<uint16_t*>(to[k]) + x, count);
  }
}

// Pixel by pixel.
template <int kChannels, PixelType kType, bool kWhole>
HWY_INLINE void StorePixelVectors(const VF (&v)[kChannels], void* to, ptrdiff_t x, ptrdiff_t count) {
  using T = typename Item<kType>::Type;
  T* pixels = static_cast<T*>(to) + x * kChannels;
  HWY_PRAGMA(GCC unroll 4) for (int i = 0; i < kChannels; i++) {
    const ptrdiff_t left = count * kChannels - i * kBlock;
    if (kWhole || left > 0) StoreValues<kType, kWhole>(v[i], pixels, i * kBlock, left);
  }
}

// `count` pixels, kBlock if kWhole, from x on.
template <int kChannels, PixelType kType, bool kPlanar, bool kWhole>
HWY_INLINE void StoreParted(const VF (&v)[kChannels], void* const* to, ptrdiff_t x, ptrdiff_t count) {
  if constexpr (kChannels == 1) {
    StoreValues<kType, kWhole>(v[0], to[0], x, count);
  } else if constexpr (kType == PixelType::kUint8) {
    const uint8_t* order = kPlanar ? kParting<kChannels>.planes : kParting<kChannels>.pixels;
    const V8 bytes = TakeBytes(RoundedBytesOf4(v[0], v[1], v[2], v[kChannels - 1]), hn::Load(D8(), order));
    StoreByteBlock<kChannels, kPlanar, kWhole>(bytes, to, x, count);
  } else if constexpr (!kPlanar) {
    StorePixelVectors<kChannels, kType, kWhole>(v, to[0], x, count);
  } else if constexpr (kType == PixelType::kFloat16) {
    StoreHalfPlanes<kChannels, kWhole>(v, to, x, count);
  } else {
    HWY_PRAGMA(GCC unroll 4)
    for (int k = 0; k < kChannels; k++) StoreValues<kType, kWhole>(PlaneOf<kChannels>(v, k), to[k], x, count);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::preprocess
HWY_AFTER_NAMESPACE();
#endif
#endif
