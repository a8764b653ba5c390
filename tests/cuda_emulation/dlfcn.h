// Libraries that are loaded by name: there is cuBLASLt alone, whose functions are the emulator's. The C library keeps
// its own functions, for what else the program loads.
#pragma once

#include_next <dlfcn.h>

void* emulated_dlopen(const char* name, int flags);
void* emulated_dlsym(void* library, const char* name);
const char* emulated_dlerror();

#define dlopen emulated_dlopen
#define dlsym emulated_dlsym
#define dlerror emulated_dlerror
