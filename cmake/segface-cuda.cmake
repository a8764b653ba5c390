# segface::cuda: what a program links that includes segface/cuda.cuh. The build and the installed package
# include this. cuBLASLt is not linked: it is loaded when a GPU is asked for. Nor is the CUDA runtime, which comes with
# the language CUDA, in the form that CMAKE_CUDA_RUNTIME_LIBRARY names.
add_library(segface_cuda INTERFACE)
add_library(segface::cuda ALIAS segface_cuda)
target_link_libraries(segface_cuda INTERFACE segface::segface CUDA::toolkit ${CMAKE_DL_LIBS})
