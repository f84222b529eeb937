// The general blur of float64.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "box_blur/general_f64.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "box_blur/doubling-inl.h"
#include "box_blur/general_float-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::box {
namespace HWY_NAMESPACE {

template <class Column, bool kPremultiplied>
void RunDouble(const GeneralJob<double>& job, const Rectangle& part, std::byte* scratch, Band& band) {
  const GeneralMemory memory = plan_part(job, part, scratch);
  FloatBlur<double, Column, kPremultiplied> blur(job, memory, part);
  BlurPart(blur, band);
}

void BlurDouble(const GeneralJob<double>& job, const Rectangle& part, std::byte* scratch, Band& band) {
  if (doubling_applies(job)) return DoublingBlur<double, FloatMean<double>>(job, part, scratch).run(band);
  if (job.alpha == Alpha::kPremultiplied) return RunDouble<double, true>(job, part, scratch, band);
  RunDouble<double, false>(job, part, scratch, band);
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::box
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fastcv::box {
HWY_EXPORT(BlurDouble);

template <>
void general_blur(const GeneralJob<double>& job, const Rectangle& part, std::byte* scratch, Band& band) {
  HWY_DYNAMIC_DISPATCH(BlurDouble)(job, part, scratch, band);
}

}  // namespace fastcv::box
#endif
