//go:build !cgo

package ts

// The library is linked through cgo. This says so in place of a long list of what is undefined.
var _ = task_scheduling_needs_cgo__set_CGO_ENABLED_to_1_and_install_a_C_compiler
