// SegFace on a GPU: what a program includes that is compiled by nvcc, beside parser_definitions.hpp or photo.hpp.
#pragma once

#include "segface/backends/cuda.cuh"
#include "segface/networks/segface/cuda.cuh"
