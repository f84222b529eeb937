// The general blur of float32.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "box_blur/general_f32.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "box_blur/doubling-inl.h"
#include "box_blur/general_float-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::box {
namespace HWY_NAMESPACE {

template <class Column, bool kPremultiplied>
void RunSingle(const GeneralJob<float>& job, const Rectangle& part, std::byte* scratch, Band& band) {
  const GeneralMemory memory = plan_part(job, part, scratch);
  FloatBlur<float, Column, kPremultiplied> blur(job, memory, part);
  BlurPart(blur, band);
}

void BlurSingle(const GeneralJob<float>& job, const Rectangle& part, std::byte* scratch, Band& band) {
  if (doubling_applies(job)) return DoublingBlur<float, FloatMean<float>>(job, part, scratch).run(band);
  if (job.alpha == Alpha::kPremultiplied) return RunSingle<double, true>(job, part, scratch, band);
  RunSingle<float, false>(job, part, scratch, band);
}

}  // namespace HWY_NAMESPACE
}  // namespace fastcv::box
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fastcv::box {
HWY_EXPORT(BlurSingle);

template <>
void general_blur(const GeneralJob<float>& job, const Rectangle& part, std::byte* scratch, Band& band) {
  HWY_DYNAMIC_DISPATCH(BlurSingle)(job, part, scratch, band);
}

}  // namespace fastcv::box
#endif
