//! How the shared library is linked.
//!
//! * its soname carries the ABI's number, so that two incompatible ones can be installed together;
//! * it is never unloaded: threads of ours may be running in it;
//! * a symbol that nobody defines is an error here, not in the host's program. Sanitizers, whose
//!   runtime comes with the program, are the exception.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let abi = 0;
    match std::env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("linux" | "android" | "freebsd" | "netbsd" | "openbsd" | "dragonfly") => {
            println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libtask_scheduling.so.{abi}");
            println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
            if !std::env::var("CARGO_ENCODED_RUSTFLAGS")
                .is_ok_and(|flags| flags.contains("sanitizer"))
            {
                println!("cargo:rustc-cdylib-link-arg=-Wl,-z,defs");
            }
        }
        Ok("macos" | "ios") => {
            println!(
                "cargo:rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libtask_scheduling.{abi}.dylib"
            );
        }
        _ => {}
    }
}
