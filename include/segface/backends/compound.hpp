// The vocabulary, second rank: every compound with its default. See backends/README.md for the list.
#pragma once

#include "segface/backends/compound/inverted_residual.hpp"
#include "segface/backends/compound/labels.hpp"
#include "segface/backends/compound/photo.hpp"
#include "segface/backends/compound/window_attention.hpp"
