// denoise_tv by its certificate, worked out anew from the definition; denoise_tv_chambolle iterate by iterate.
#include "fastcv/tv.hpp"
#include "fuzz.hpp"
#include "tv_chambolle_reference.hpp"
#include "tv_reference.hpp"

namespace fastcv::fuzz {
namespace {

// The problem of one plane: all channels of the image, or one of them.
template <class T>
testing::tv::Problem problem_of(const Image<T>& image, const DenoiseTvOptions& o, std::ptrdiff_t channel) {
  const ImageView<const T> view = image.input();
  testing::tv::Problem p;
  p.rows = view.height;
  p.columns = view.width;
  p.channels = o.joint ? view.channels : 1;
  p.isotropic = o.isotropic;
  for (std::ptrdiff_t c = 0; c < p.channels; c++)
    for (std::ptrdiff_t i = 0; i < p.pixels(); i++)
      p.f.push_back(static_cast<double>(view.row(i / p.columns)[i % p.columns * view.channels + channel + c]));
  p.weight.assign(static_cast<std::size_t>(p.pixels()), o.weight);
  return p;
}

template <class T>
void certified(Input& input) {
  const std::ptrdiff_t height = input.between(1, 20), width = input.between(1, 40), channels = input.between(1, 4);
  DenoiseTvOptions o;
  constexpr double kWeights[] = {0, 1e-4, 0.01, 0.1, 0.5, 3, 1e4};
  const double range = std::is_integral_v<T> ? static_cast<double>(std::numeric_limits<T>::max()) : 1;
  o.weight = range * input.pick(kWeights);
  constexpr double kTols[] = {0.1, 1e-2, 1e-3, 1e-4};
  o.tol = input.pick(kTols);
  o.max_iter = 3000;
  o.joint = input.flag();
  o.isotropic = input.flag();
  Image<T> image(input, height, width, channels), out(input, height, width, channels);
  image.fill(input);
  using Work = TvWork<T>;
  std::vector<Work> dual(static_cast<std::size_t>(2 * height * width * channels));
  o.dual = dual.data();
  DenoiseTvInfo info;

  const auto run = [&](int threads) {
    DenoiseTvOptions with = o;
    with.num_threads = threads;
    info = denoise_tv<T>(image.in(), out.out(), with);
    if (!out.untouched_around()) fail("denoise_tv wrote beside a row");
    return out.values();
  };
  const auto check = [&](const std::vector<T>& got) {
    if (!std::isfinite(info.gap) || info.gap < 0) fail("denoise_tv gives no gap");
    double gap = 0, objective = 0;
    const std::ptrdiff_t planes = o.joint ? 1 : channels;
    for (std::ptrdiff_t plane = 0; plane < planes; plane++) {
      const testing::tv::Problem p = problem_of(image, o, plane);
      std::vector<double> u, q(p.f.size() * 3, 0.0);
      for (std::ptrdiff_t c = 0; c < p.channels; c++)
        for (std::ptrdiff_t i = 0; i < p.pixels(); i++) {
          const double v = static_cast<double>(got[i * channels + plane + c]);
          if (!(v >= p.low(c) && v <= p.high(c))) fail("denoise_tv leaves the image's range");
          u.push_back(v);
          for (int axis = 0; axis < 2; axis++) {
            q[p.dual_index(c, axis + 1, i)] = static_cast<double>(dual[((plane + c) * 2 + axis) * p.pixels() + i]);
          }
        }
      if (std::is_integral_v<T>) continue;  // rounded since
      if (o.weight > 0 && testing::tv::dual_norm(p, q) > 1 + 1e-6) fail("the dual field is no proof");
      gap += testing::tv::gap(p, u, q);
      objective += testing::tv::objective(p, u);
    }
    if (std::is_integral_v<T>) return;
    if (gap > info.gap * (1 + 1e-9) + 1e-12 * (1 + objective)) fail("the gap is larger than was said");
    if (info.converged && info.gap > o.tol * info.objective * (1 + 1e-9)) fail("not converged, and said so");
    if (std::fabs(objective - info.objective) > 1e-4 * objective + 1e-9) fail("the objective is another");
  };
  on_every_target(false, run, check);
}

template <class T>
void iterated(Input& input) {
  const std::ptrdiff_t height = input.between(1, 24), width = input.between(1, 70);
  ChambolleOptions o;
  constexpr double kWeights[] = {1e-3, 0.05, 0.1, 1, 30};
  o.weight = input.pick(kWeights);
  o.eps = 0;
  o.max_num_iter = input.between(0, 12);
  o.block = static_cast<int>(input.between(0, 4));
  o.measure = true;
  Image<T> image(input, height, width, 1), out(input, height, width, 1);
  image.fill(input);
  const std::ptrdiff_t shape[] = {height, width};
  const std::ptrdiff_t in_strides[] = {image.view().row_stride, static_cast<std::ptrdiff_t>(sizeof(T))};
  const std::ptrdiff_t out_strides[] = {out.view().row_stride, static_cast<std::ptrdiff_t>(sizeof(T))};
  const ChannelsView<const T> in{{image.view().data, 2, shape, in_strides}, 1, 0};
  const ChannelsView<T> to{{out.view().data, 2, shape, out_strides}, 1, 0};
  const std::vector<T> pixels = image.values();
  const auto expected = reference::chambolle({{height, width}}, {pixels.begin(), pixels.end()}, o);

  const auto run = [&](int threads) {
    ChambolleOptions with = o;
    with.num_threads = threads;
    denoise_tv_chambolle<T, T>(in, to, with, nullptr);
    if (!out.untouched_around()) fail("denoise_tv_chambolle wrote beside a row");
    return out.values();
  };
  const double tolerance = sizeof(T) == 4 ? 2e-5 : 1e-12;
  const auto check = [&](const std::vector<T>& got) {
    for (std::size_t i = 0; i < got.size(); i++) {
      if (!(std::fabs(static_cast<double>(got[i]) - expected.u[i]) <= tolerance)) fail("not Chambolle's iteration");
    }
  };
  on_every_target(false, run, check);
}

}  // namespace
}  // namespace fastcv::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fastcv::fuzz;
  Input input(data, size);
  switch (input.byte() % 6) {
    case 0:
      certified<double>(input);
      break;
    case 1:
      certified<std::uint8_t>(input);
      break;
    case 2:
      certified<std::uint16_t>(input);
      break;
    case 3:
      iterated<float>(input);
      break;
    case 4:
      iterated<double>(input);
      break;
    default:
      certified<float>(input);
  }
  return 0;
}
