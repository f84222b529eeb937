# Where Highway, Eigen and GoogleTest come from: the system (or a package manager) first, else FetchContent,
# pinned by commit hash. See docs for the why of each.
include(FetchContent)

# ---- Highway: one source for all SIMD targets, chosen at run time ----------------------------
find_package(hwy 1.0.3 CONFIG QUIET)
if(hwy_FOUND)
  message(STATUS "Highway ${hwy_VERSION}: ${hwy_DIR}")
else()
  message(STATUS "Highway: fetching 1.0.3 (or install libhwy-dev)")
  set(HWY_ENABLE_TESTS OFF CACHE BOOL "")
  set(HWY_ENABLE_EXAMPLES OFF CACHE BOOL "")
  set(HWY_ENABLE_CONTRIB OFF CACHE BOOL "")
  set(HWY_ENABLE_INSTALL OFF CACHE BOOL "")
  set(CMAKE_POLICY_VERSION_MINIMUM 3.10)
  FetchContent_Declare(highway
    GIT_REPOSITORY https://github.com/google/highway.git
    GIT_TAG 58746ca5b9f9444a2a3549704602ecc6239f8f41)  # 1.0.3
  FetchContent_MakeAvailable(highway)
  unset(CMAKE_POLICY_VERSION_MINIMUM)
  if(NOT TARGET hwy::hwy)
    add_library(hwy::hwy ALIAS hwy)
  endif()
  set(hwy_VERSION 1.0.3)
endif()

# Three targets on x86: SSE4, AVX2, AVX3_DL (AVX-512 with VBMI and VNNI: Ice Lake, Zen 4 and later). Plain AVX3
# would cost compile time and size for Skylake-X alone, which runs AVX2 as well.
# NEON on ARM; not SVE, whose vectors have no size at compile time.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
  set(FASTCV_DISABLED "HWY_AVX3")
  if(hwy_VERSION VERSION_GREATER_EQUAL 1.0.4)
    string(APPEND FASTCV_DISABLED "|HWY_AVX3_ZEN4|HWY_AVX3_SPR")
  endif()
  set(FASTCV_HWY_DEFINITIONS HWY_WANT_AVX3_DL HWY_BASELINE_TARGETS=HWY_SSE4 "HWY_DISABLED_TARGETS=(${FASTCV_DISABLED})")
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  set(FASTCV_HWY_DEFINITIONS "HWY_DISABLED_TARGETS=(HWY_SVE|HWY_SVE2|HWY_SVE_256|HWY_SVE2_128)")
else()
  message(FATAL_ERROR "fastcv builds for x86-64 and 64-bit ARM, not for ${CMAKE_SYSTEM_PROCESSOR}")
endif()

# ---- Eigen: small dense algebra, for the families that need it -------------------------------
# The PyPI package cmeel-eigen puts its CMake files under <site-packages>/cmeel.prefix, where CMake does not
# look by itself. Search once, in the right order: a second search would keep the first one's include path.
function(fastcv_find_eigen)
  find_package(Python 3.11 QUIET COMPONENTS Interpreter)
  set(prefixes ${Python_SITELIB} ${Python_SITEARCH})
  foreach(prefix IN LISTS CMAKE_PREFIX_PATH prefixes)
    if(IS_DIRECTORY "${prefix}/cmeel.prefix")
      list(PREPEND CMAKE_PREFIX_PATH "${prefix}/cmeel.prefix")
    endif()
  endforeach()
  find_package(Eigen3 3.4 CONFIG QUIET)
  if(Eigen3_FOUND)
    get_target_property(include Eigen3::Eigen INTERFACE_INCLUDE_DIRECTORIES)
    message(STATUS "Eigen ${Eigen3_VERSION}: ${include}")
  else()
    message(STATUS "Eigen: fetching 3.4.0 (or install cmeel-eigen, libeigen3-dev)")
    FetchContent_Declare(eigen
      GIT_REPOSITORY https://gitlab.com/libeigen/eigen.git
      GIT_TAG 3147391d946bb4b6c68edd901f2add6ac1f31f8c  # 3.4.0
      SOURCE_SUBDIR headers-only)  # no such folder: its own CMake file is not run
    FetchContent_MakeAvailable(eigen)
    set(include ${eigen_SOURCE_DIR})
  endif()
  set(FASTCV_EIGEN_INCLUDE ${include} PARENT_SCOPE)
endfunction()

# ---- GoogleTest ------------------------------------------------------------------------------
macro(fastcv_find_googletest)
  find_package(GTest CONFIG QUIET)
  if(NOT GTest_FOUND)
    message(STATUS "GoogleTest: fetching 1.17.0 (or install libgtest-dev)")
    set(INSTALL_GTEST OFF CACHE BOOL "")
    FetchContent_Declare(googletest
      GIT_REPOSITORY https://github.com/google/googletest.git
      GIT_TAG 52eb8108c5bdec04579160ae17225d66034bd723)  # 1.17.0
    FetchContent_MakeAvailable(googletest)
  endif()
endmacro()
