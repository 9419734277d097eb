//! The floating-point environment of a thread: rounding, what is trapped, what has been flagged.
//!
//! Two registers of x86-64: MXCSR, and the control and status words of the x87, which `long double`
//! uses. Our own code touches the first alone, and where it calculates it puts that back
//! ([`calculate`]). Elsewhere nothing is kept.

/// What a thread's arithmetic does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floats {
    #[cfg(target_arch = "x86_64")]
    sse: u32,
    #[cfg(target_arch = "x86_64")]
    x87: u16,
    #[cfg(target_arch = "x86_64")]
    x87_flags: u16,
}

#[cfg(target_arch = "x86_64")]
mod registers {
    use std::arch::asm;

    #[inline(always)]
    pub fn sse() -> u32 {
        let mut value = 0u32;
        // SAFETY: writes the four bytes that it is given.
        unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut value, options(nostack, preserves_flags)) };
        value
    }

    #[inline(always)]
    pub fn set_sse(value: u32) {
        // SAFETY: a value that came out of the register, perhaps with more exceptions masked.
        unsafe {
            asm!("ldmxcsr [{}]", in(reg) &raw const value, options(nostack, preserves_flags))
        };
    }

    #[inline(always)]
    pub fn x87() -> u16 {
        let mut value = 0u16;
        // SAFETY: writes the two bytes that it is given.
        unsafe { asm!("fnstcw [{}]", in(reg) &raw mut value, options(nostack, preserves_flags)) };
        value
    }

    /// The exceptions that the x87 has flagged.
    #[inline(always)]
    pub fn x87_flags() -> u16 {
        let value: u16;
        // SAFETY: writes the register.
        unsafe { asm!("fnstsw ax", out("ax") value, options(nomem, nostack, preserves_flags)) };
        value & 0x3f
    }

    /// The x87 has that control word and those flags.
    #[cold]
    pub fn set_x87(control: u16, flags: u16) {
        let mut environment = [0u32; 7];
        let place = &raw mut environment;
        // SAFETY: 28 bytes are written, and loaded again with two words changed.
        unsafe {
            asm!("fnstenv [{}]", in(reg) place, options(nostack, preserves_flags));
            (*place)[0] = u32::from(control);
            // The flags, and what says that one of them is to be trapped.
            (*place)[1] = (*place)[1] & !0x80ff | u32::from(flags);
            asm!("fldenv [{}]", in(reg) place, options(nostack, preserves_flags));
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl Floats {
    /// Every exception masked, none flagged, rounding to the nearest: as a process starts.
    const PLAIN: Floats = Floats { sse: 0x1f80, x87: 0x037f, x87_flags: 0 };
    /// The bits that mask exceptions, and those that flag them.
    const MASKS: u32 = 0x1f80;
    const FLAGS: u32 = 0x003f;

    /// This thread's.
    pub fn of_this_thread() -> Floats {
        Floats { sse: registers::sse(), x87: registers::x87(), x87_flags: registers::x87_flags() }
    }

    /// A new thread inherits the environment of the one that made it: this one is as a process
    /// starts.
    pub fn make_plain() {
        Floats::PLAIN.settle_all();
    }

    /// A task may have left something behind: this thread calculates as when this was taken. Flags
    /// stay: nearly every task with fractions raises that for an inexact result, and to write the
    /// register takes ten times as long as to read it.
    #[inline]
    pub fn settle(&self) {
        if (registers::sse() ^ self.sse) & !Floats::FLAGS != 0 {
            registers::set_sse(self.sse);
        }
        if registers::x87() != self.x87 {
            registers::set_x87(self.x87, self.x87_flags);
        }
    }

    /// As [`Floats::settle`], with the flags.
    pub fn settle_all(&self) {
        if registers::sse() != self.sse {
            registers::set_sse(self.sse);
        }
        if registers::x87() != self.x87 || registers::x87_flags() != self.x87_flags {
            registers::set_x87(self.x87, self.x87_flags);
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
impl Floats {
    pub fn of_this_thread() -> Floats {
        Floats {}
    }

    pub fn make_plain() {}

    #[inline]
    pub fn settle(&self) {}

    pub fn settle_all(&self) {}
}

/// Calculates for the library, on a thread that may be the host's: nothing is trapped meanwhile,
/// whatever the host traps, and afterwards nothing is flagged that was not before.
#[cfg(target_arch = "x86_64")]
#[inline]
pub fn calculate<T>(work: impl FnOnce() -> T) -> T {
    struct Back(u32);
    impl Drop for Back {
        #[inline]
        fn drop(&mut self) {
            if registers::sse() != self.0 {
                registers::set_sse(self.0);
            }
        }
    }
    let before = registers::sse();
    if before & Floats::MASKS != Floats::MASKS {
        registers::set_sse(before | Floats::MASKS);
    }
    let _back = Back(before);
    apart(work)
}

/// Elsewhere nothing is kept.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub fn calculate<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// So that the compiler, which does not know what the register has to do with it, moves nothing
/// out.
#[cfg(target_arch = "x86_64")]
#[inline(never)]
fn apart<T>(work: impl FnOnce() -> T) -> T {
    work()
}
