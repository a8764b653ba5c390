// Sets aside, up to host_macros_end.hpp, the macros of other headers whose names are names here: Status, Bool, None and
// Success of <X11/Xlib.h>; min, max, near, far, small and hyper of <windows.h>; check and verify of Unreal Engine and of
// Apple's <AssertMacros.h>; error of many programs. Headers that programs include begin and end with this pair, which
// may be nested: it makes no difference what a program includes first. tests/package/macros.sh tries them.
#pragma push_macro("Bool")
#undef Bool
#pragma push_macro("None")
#undef None
#pragma push_macro("Status")
#undef Status
#pragma push_macro("Success")
#undef Success
#pragma push_macro("check")
#undef check
#pragma push_macro("error")
#undef error
#pragma push_macro("far")
#undef far
#pragma push_macro("hyper")
#undef hyper
#pragma push_macro("max")
#undef max
#pragma push_macro("min")
#undef min
#pragma push_macro("near")
#undef near
#pragma push_macro("small")
#undef small
#pragma push_macro("verify")
#undef verify
