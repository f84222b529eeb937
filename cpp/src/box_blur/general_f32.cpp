// The general blur of float32.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "box_blur/general_f32.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "box_blur/doubling-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::box {
namespace HWY_NAMESPACE {

void BlurSingle(const GeneralJob<float>& job, const Rectangle& part, std::byte* scratch, Band& band) {
  if (job.alpha == Alpha::kPremultiplied)
    return DoublingBlur<float, FloatMean<float>, true>(job, part, scratch).run(band);
  DoublingBlur<float, FloatMean<float>, false>(job, part, scratch).run(band);
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
