// The general blur of float64.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "box_blur/general_f64.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "box_blur/doubling-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fastcv::box {
namespace HWY_NAMESPACE {

void BlurDouble(const GeneralJob<double>& job, const Rectangle& part, std::byte* scratch, Band& band) {
  if (job.alpha == Alpha::kPremultiplied)
    return DoublingBlur<double, FloatMean<double>, true>(job, part, scratch).run(band);
  DoublingBlur<double, FloatMean<double>, false>(job, part, scratch).run(band);
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
