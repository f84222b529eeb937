// The general blur of uint16.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "box_blur/general_u16.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "box_blur/doubling-inl.h"
#include "box_blur/general_integer-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::box {
namespace HWY_NAMESPACE {

template <class Column, class Sum, bool kPremultiplied>
void Run16(const GeneralJob<uint16_t>& job, const Rectangle& part, std::byte* scratch, Band& band) {
  const GeneralMemory memory = plan_part(job, part, scratch);
  IntegerBlur<uint16_t, Column, Sum, kPremultiplied> blur(job, memory, part);
  BlurPart(blur, band);
}

void Blur16(const GeneralJob<uint16_t>& job, const Rectangle& part, std::byte* scratch, Band& band) {
  if (doubling_applies(job)) {
    const double area = static_cast<double>(job.rows->ksize * job.columns->ksize);
    if (HWY_NATIVE_FMA && Uint16Mean<true>(job, area).in_float.magic.exact) {
      return DoublingBlur<uint16_t, Uint16Mean<true>>(job, part, scratch).run(band);
    }
    return DoublingBlur<uint16_t, Uint16Mean<false>>(job, part, scratch).run(band);
  }
  if (job.alpha == Alpha::kPremultiplied) return Run16<uint64_t, uint64_t, true>(job, part, scratch, band);
  const SumWidth width = sum_width(job);
  if (width == SumWidth::k32Then32) return Run16<uint32_t, uint32_t, false>(job, part, scratch, band);
  if (width == SumWidth::k32Then64) return Run16<uint32_t, uint64_t, false>(job, part, scratch, band);
  Run16<uint64_t, uint64_t, false>(job, part, scratch, band);
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::box
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fastcv::box {
HWY_EXPORT(Blur16);

template <>
void general_blur(const GeneralJob<uint16_t>& job, const Rectangle& part, std::byte* scratch, Band& band) {
  HWY_DYNAMIC_DISPATCH(Blur16)(job, part, scratch, band);
}

}  // namespace fastcv::box
#endif
