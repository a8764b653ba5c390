// cuBLASLt, loaded when a GPU is asked for: a program that could compute on one, and does not, neither loads half a
// gigabyte of library nor needs to have it. The toolkit's header says what its functions take; the library must be of
// the same major version. On POSIX systems.
#pragma once

#include <cublasLt.h>
#include <dlfcn.h>

#include <memory>
#include <type_traits>

#include "segface/base/config.hpp"
#include "segface/base/status.hpp"

SEGFACE_BEGIN_CORE
namespace cuda {

struct CublasLtDeleter {
  decltype(&cublasLtDestroy) destroy = nullptr;
  void operator()(cublasLtHandle_t handle) const noexcept { static_cast<void>(destroy(handle)); }
};

// The functions in use, each under what follows cublasLt in its name. What the header has as a function of its own,
// ...Init, calls ...Init_internal with the bytes of what is to be made.
struct CublasLt {
  using Handle = std::unique_ptr<std::remove_pointer_t<cublasLtHandle_t>, CublasLtDeleter>;

  decltype(&cublasLtCreate) Create = nullptr;
  decltype(&cublasLtDestroy) Destroy = nullptr;
  decltype(&cublasLtGetStatusString) GetStatusString = nullptr;
  decltype(&cublasLtMatmulDescInit_internal) MatmulDescInit_internal = nullptr;
  decltype(&cublasLtMatmulDescSetAttribute) MatmulDescSetAttribute = nullptr;
  decltype(&cublasLtMatrixLayoutInit_internal) MatrixLayoutInit_internal = nullptr;
  decltype(&cublasLtMatrixLayoutSetAttribute) MatrixLayoutSetAttribute = nullptr;
  decltype(&cublasLtMatmulPreferenceInit_internal) MatmulPreferenceInit_internal = nullptr;
  decltype(&cublasLtMatmulPreferenceSetAttribute) MatmulPreferenceSetAttribute = nullptr;
  decltype(&cublasLtMatmulAlgoGetHeuristic) MatmulAlgoGetHeuristic = nullptr;
  decltype(&cublasLtMatmul) Matmul = nullptr;

  // The library stays loaded until the process ends. Errors: no_device.
  static Result<CublasLt> load() noexcept {
#define SEGFACE_TEXT(x) #x
#define SEGFACE_TEXT_OF(x) SEGFACE_TEXT(x)
    constexpr const char* kName = "libcublasLt.so." SEGFACE_TEXT_OF(CUBLAS_VER_MAJOR);
    constexpr const char* kToolkit = "/usr/local/cuda/lib64/libcublasLt.so." SEGFACE_TEXT_OF(CUBLAS_VER_MAJOR);
#undef SEGFACE_TEXT_OF
#undef SEGFACE_TEXT
    const auto missing = [&] {
      const char* const reason = dlerror();
      return error(Errc::no_device, "no cuBLASLt to compute on the GPU with: ", reason == nullptr ? kName : reason,
                   "; install cuBLAS of CUDA ", CUBLAS_VER_MAJOR,
                   " (part of NVIDIA's CUDA toolkit), or put the folder of ", kName,
                   " into LD_LIBRARY_PATH; or use the cpu backend");
    };
    void* library = dlopen(kName, RTLD_LAZY | RTLD_LOCAL);
    if (library == nullptr) library = dlopen(kToolkit, RTLD_LAZY | RTLD_LOCAL);
    if (library == nullptr) return missing();
    bool all = true;
    const auto find = [&](auto& function, const char* name) {
      function = reinterpret_cast<std::decay_t<decltype(function)>>(dlsym(library, name));
      all = all && function != nullptr;
    };
    CublasLt found;
#define SEGFACE_FIND(name) \
  if (all) find(found.name, "cublasLt" #name)
    SEGFACE_FIND(Create);
    SEGFACE_FIND(Destroy);
    SEGFACE_FIND(GetStatusString);
    SEGFACE_FIND(MatmulDescInit_internal);
    SEGFACE_FIND(MatmulDescSetAttribute);
    SEGFACE_FIND(MatrixLayoutInit_internal);
    SEGFACE_FIND(MatrixLayoutSetAttribute);
    SEGFACE_FIND(MatmulPreferenceInit_internal);
    SEGFACE_FIND(MatmulPreferenceSetAttribute);
    SEGFACE_FIND(MatmulAlgoGetHeuristic);
    SEGFACE_FIND(Matmul);
#undef SEGFACE_FIND
    if (!all) return missing();
    return found;
  }

  // Errors: those of check.
  Result<Handle> make_handle() const noexcept {
    cublasLtHandle_t handle = nullptr;
    SEGFACE_RETURN_IF_ERROR(check(Create(&handle), "cublasLtCreate"));
    return Result<Handle>(Handle(handle, {Destroy}));
  }

  // what: the call, for the message. Errors: out_of_memory, internal.
  Status check(cublasStatus_t outcome, const char* what) const noexcept {
    if (outcome == CUBLAS_STATUS_SUCCESS) return {};
    if (outcome == CUBLAS_STATUS_ALLOC_FAILED) return error(Errc::out_of_memory, "cuBLASLt is out of memory: ", what);
    return error(Errc::internal, "cuBLASLt failed: ", what, ": ", GetStatusString(outcome));
  }
};

}  // namespace cuda
SEGFACE_END_CORE
