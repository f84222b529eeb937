// The general blur of uint8.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "box_blur/general_u8.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "box_blur/general_integer-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::box {
namespace HWY_NAMESPACE {

template <class Column, class Sum, bool kPremultiplied>
void Run8(const GeneralJob<uint8_t>& job, const Rectangle& part, std::byte* scratch, Band& band) {
  const GeneralMemory memory = plan_part(job, part, scratch);
  IntegerBlur<uint8_t, Column, Sum, kPremultiplied> blur(job, memory, part);
  BlurPart(blur, band);
}

void Blur8(const GeneralJob<uint8_t>& job, const Rectangle& part, std::byte* scratch, Band& band) {
  const SumWidth width = sum_width(job);
  if (job.alpha == Alpha::kPremultiplied) {
    const auto run = width == SumWidth::k32Then64 ? Run8<uint32_t, uint64_t, true> : Run8<uint64_t, uint64_t, true>;
    return run(job, part, scratch, band);
  }
  if (width == SumWidth::k16Then32) return Run8<uint16_t, uint32_t, false>(job, part, scratch, band);
  if (width == SumWidth::k32Then32) return Run8<uint32_t, uint32_t, false>(job, part, scratch, band);
  // Sums this large are rare: one kernel for both widths of their columns.
  Run8<uint64_t, uint64_t, false>(job, part, scratch, band);
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::box
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fastcv::box {
HWY_EXPORT(Blur8);

template <>
void general_blur(const GeneralJob<uint8_t>& job, const Rectangle& part, std::byte* scratch, Band& band) {
  HWY_DYNAMIC_DISPATCH(Blur8)(job, part, scratch, band);
}

}  // namespace fastcv::box
#endif
