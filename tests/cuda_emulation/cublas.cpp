// The functions that cublasLt.h declares, and dlfcn.h, which find them by their names.
#include <Eigen/Core>
#include <cstring>
#include <string>

#include "access.hpp"
#include "cublasLt.h"
#include "cuda_fp16.h"
#include "dlfcn.h"
#include "emulation.hpp"

struct cublasLtContext {};

namespace {

using emulation::Permission;
using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic>;  // columns first, as cuBLAS has them
using Layout = cublasLtMatrixLayoutOpaque_t;
using Operation = cublasLtMatmulDescOpaque_t;

template <class Call>
cublasStatus_t permitted(const Call& call) {
  return emulation::ask() == Permission::granted ? call() : CUBLAS_STATUS_EXECUTION_FAILED;
}

template <class T>
cublasStatus_t set(T& place, const void* value, std::size_t bytes) {
  if (value == nullptr || bytes != sizeof(T)) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&place, value, bytes);
  return CUBLAS_STATUS_SUCCESS;
}

std::size_t bytes_of(cudaDataType_t type) {
  return type == CUDA_R_16F ? sizeof(__half) : sizeof(float);
}
bool has(cublasLtEpilogue_t epilogue, cublasLtEpilogue_t part) {
  return (epilogue & part) != 0;
}

float element(const void* data, cudaDataType_t type, std::int64_t at) {
  return type == CUDA_R_16F ? static_cast<float>(static_cast<const __half*>(data)[at])
                            : static_cast<const float*>(data)[at];
}
void store(void* data, cudaDataType_t type, std::int64_t at, float value) {
  if (type == CUDA_R_16F) {
    static_cast<__half*>(data)[at] = __float2half_rn(value);
  } else {
    static_cast<float*>(data)[at] = value;
  }
}
// A float as tensor cores read it where TF32 is allowed: ten bits of fraction.
float tf32(float value) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  bits = (bits + 0x1000u) & ~0x1fffu;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

Matrix numbers(const void* data, const Layout& layout, std::int64_t image) {
  return Matrix::NullaryExpr(static_cast<Eigen::Index>(layout.rows), static_cast<Eigen::Index>(layout.columns),
                             [&](Eigen::Index row, Eigen::Index column) {
                               return element(data, layout.type, image * layout.step + column * layout.stride + row);
                             });
}

bool fits(const void* data, const Layout& layout) {
  if (layout.stride < static_cast<std::int64_t>(layout.rows)) return false;
  const std::int64_t last = (layout.count - 1) * layout.step +
                            (static_cast<std::int64_t>(layout.columns) - 1) * layout.stride +
                            static_cast<std::int64_t>(layout.rows);
  return emulation::on_device(data, static_cast<std::size_t>(last) * bytes_of(layout.type));
}

// Of all matrices, each once.
double bytes(const Layout& layout) {
  const auto elements = static_cast<double>(layout.rows * layout.columns) * (layout.step == 0 ? 1 : layout.count);
  return elements * static_cast<double>(bytes_of(layout.type));
}

// What an algorithm is chosen by, apart from alignments.
std::uint64_t digest(const Operation& operation, const Layout& a, const Layout& b, const Layout& c, const Layout& d) {
  std::uint64_t sum = 0xcbf29ce484222325u;
  const auto add = [&](auto number) { sum = (sum ^ static_cast<std::uint64_t>(number)) * 0x100000001b3u; };
  add(operation.compute);
  add(operation.operation_a);
  add(operation.epilogue);
  for (const Layout* layout : {&a, &b, &c, &d}) {
    add(layout->type);
    add(layout->rows);
    add(layout->columns);
    add(layout->stride);
    add(layout->count);
    add(layout->step);
  }
  return sum;
}

}  // namespace

const char* cublasLtGetStatusString(cublasStatus_t status) {
  return status == CUBLAS_STATUS_SUCCESS ? "success" : "execution failed";
}
cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  return permitted([&] {
    *handle = new cublasLtContext;
    emulation::count_handle(1);
    return CUBLAS_STATUS_SUCCESS;
  });
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  delete handle;
  emulation::count_handle(-1);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescInit_internal(cublasLtMatmulDesc_t operation, std::size_t bytes,
                                               cublasComputeType_t compute, cudaDataType_t scale) {
  if (bytes != sizeof *operation) return CUBLAS_STATUS_ALLOC_FAILED;
  *operation = {compute, CUBLAS_OP_N, CUBLASLT_EPILOGUE_DEFAULT, nullptr};
  return scale == CUDA_R_32F ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t operation, cublasLtMatmulDescAttributes_t which,
                                              const void* value, std::size_t bytes) {
  switch (which) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return set(operation->operation_a, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return set(operation->epilogue, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return set(operation->bias, value, bytes);
  }
  return CUBLAS_STATUS_INVALID_VALUE;
}
cublasStatus_t cublasLtMatrixLayoutInit_internal(cublasLtMatrixLayout_t layout, std::size_t bytes, cudaDataType_t type,
                                                 std::uint64_t rows, std::uint64_t columns, std::int64_t stride) {
  if (bytes != sizeof *layout) return CUBLAS_STATUS_ALLOC_FAILED;
  *layout = {type, rows, columns, stride, 1, 0};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout, cublasLtMatrixLayoutAttribute_t which,
                                                const void* value, std::size_t bytes) {
  if (which == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT) return set(layout->count, value, bytes);
  return set(layout->step, value, bytes);
}
cublasStatus_t cublasLtMatmulPreferenceInit_internal(cublasLtMatmulPreference_t preference, std::size_t bytes) {
  if (bytes != sizeof *preference) return CUBLAS_STATUS_ALLOC_FAILED;
  *preference = {0, {256, 256, 256, 256}};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t which, const void* value,
                                                    std::size_t bytes) {
  if (which == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES) return set(preference->workspace_bytes, value, bytes);
  return set(preference->alignment[which - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES], value, bytes);
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t operation,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int wanted,
                                              cublasLtMatmulHeuristicResult_t* results, int* count) {
  return permitted([&] {
    if (wanted < 1) return CUBLAS_STATUS_INVALID_VALUE;
    cublasLtMatmulAlgo_t algorithm = {{digest(*operation, *a, *b, *c, *d), preference->workspace_bytes}};
    std::copy_n(preference->alignment, 4, algorithm.data + 2);
    results[0] = {algorithm, preference->workspace_bytes, CUBLAS_STATUS_SUCCESS};
    *count = 1;
    return CUBLAS_STATUS_SUCCESS;
  });
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t operation, const void* alpha, const void* a,
                              cublasLtMatrixLayout_t a_layout, const void* b, cublasLtMatrixLayout_t b_layout,
                              const void* beta, const void* c, cublasLtMatrixLayout_t c_layout, void* d,
                              cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t* algorithm, void* workspace,
                              std::size_t workspace_bytes, cudaStream_t stream) {
  return permitted([&] {
    const Operation op = *operation;
    const Layout left = *a_layout, right = *b_layout, before = *c_layout, out = *d_layout;
    const bool transposed = op.operation_a == CUBLAS_OP_T, bias = has(op.epilogue, CUBLASLT_EPILOGUE_BIAS);
    const auto [rows, depth] = transposed ? std::pair(left.columns, left.rows) : std::pair(left.rows, left.columns);
    const void* const places[] = {a, b, c, d};
    bool valid = algorithm->data[0] == digest(op, left, right, before, out) && rows == out.rows &&
                 depth == right.rows && right.columns == out.columns && before.rows == out.rows &&
                 before.columns == out.columns && workspace_bytes >= algorithm->data[1] &&
                 (workspace_bytes == 0 || emulation::on_device(workspace, workspace_bytes)) && fits(a, left) &&
                 fits(b, right) && fits(c, before) && fits(d, out) &&
                 (!bias || emulation::on_device(op.bias, out.rows * bytes_of(out.type)));
    for (std::size_t i = 0; i < 4; ++i) {
      valid = valid && reinterpret_cast<std::uintptr_t>(places[i]) % algorithm->data[2 + i] == 0;
    }
    if (!valid) return CUBLAS_STATUS_INVALID_VALUE;
    const float scale = *static_cast<const float*>(alpha), keep = *static_cast<const float*>(beta);
    if (emulation::listener()) emulation::listener()("cublasLt");
    emulation::enqueue(stream, [=] {
      emulation::library_kernel("cublasLt", bytes(left) + bytes(right) + (keep == 0 ? 0 : bytes(before)) + bytes(out));
      for (std::int32_t image = 0; image < out.count; ++image) {
        Matrix x = numbers(a, left, image), y = numbers(b, right, image);
        if (op.compute == CUBLAS_COMPUTE_32F_FAST_TF32) {
          x = x.unaryExpr(&tf32);
          y = y.unaryExpr(&tf32);
        }
        const Matrix product = scale * (transposed ? Matrix(x.transpose() * y) : Matrix(x * y));
        for (Eigen::Index column = 0; column < product.cols(); ++column) {
          for (Eigen::Index row = 0; row < product.rows(); ++row) {
            float value = product(row, column);
            if (keep != 0) {
              value += keep * element(c, before.type, image * before.step + column * before.stride + row);
            }
            if (bias) value += element(op.bias, out.type, row);
            if (has(op.epilogue, CUBLASLT_EPILOGUE_RELU)) value = value < 0 ? 0 : value;
            store(d, out.type, image * out.step + column * out.stride + row, value);
          }
        }
      }
    });
    return CUBLAS_STATUS_SUCCESS;
  });
}

namespace {

// What the library, once installed, answers to a name; null for others.
bool installed = true;
std::string failure;
char library;

template <class Function>
void* address(Function* function) {
  return reinterpret_cast<void*>(function);
}
void* function(const std::string& name) {
#define FUNCTION(known) \
  if (name == #known) return address(&known)
  FUNCTION(cublasLtCreate);
  FUNCTION(cublasLtDestroy);
  FUNCTION(cublasLtGetStatusString);
  FUNCTION(cublasLtMatmulDescInit_internal);
  FUNCTION(cublasLtMatmulDescSetAttribute);
  FUNCTION(cublasLtMatrixLayoutInit_internal);
  FUNCTION(cublasLtMatrixLayoutSetAttribute);
  FUNCTION(cublasLtMatmulPreferenceInit_internal);
  FUNCTION(cublasLtMatmulPreferenceSetAttribute);
  FUNCTION(cublasLtMatmulAlgoGetHeuristic);
  FUNCTION(cublasLtMatmul);
#undef FUNCTION
  return nullptr;
}

}  // namespace

void emulation::set_cublas(bool now) {
  installed = now;
}
void* dlopen(const char* name, int) {
  if (installed && std::string(name) == "libcublasLt.so.13") return &library;
  failure = std::string(name) + ": cannot open shared object file: No such file or directory";
  return nullptr;
}
void* dlsym(void* handle, const char* name) {
  void* const found = handle == &library ? function(name) : nullptr;
  if (found == nullptr) failure = std::string("undefined symbol: ") + name;
  return found;
}
const char* dlerror() {
  return failure.c_str();
}
