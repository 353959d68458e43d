#include "textflag.h"

// func currentGoroutine() goroutine
TEXT ·currentGoroutine(SB), NOSPLIT, $0-8
	MOVD g, ret+0(FP)
	RET
