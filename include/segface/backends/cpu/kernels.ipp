// Every kernel body on floats, for the vector type that was included before. Included by instruction_set.ipp only.

#include "segface/backends/cpu/gemm.ipp"
//
#include "segface/backends/cpu/strassen.ipp"
//
#include "segface/backends/cpu/attention.ipp"
#include "segface/backends/cpu/depthwise.ipp"
#include "segface/backends/cpu/labels.ipp"
#include "segface/backends/cpu/rows.ipp"
#include "segface/backends/cpu/window.ipp"
#include "segface/backends/cpu/winograd.ipp"
