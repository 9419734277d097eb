// Package archive is the folder of the static library, libtask_scheduling_<os>_<arch>.a, which make
// builds here. It has no code; a package, and so a folder that go mod vendor takes along.
package archive
