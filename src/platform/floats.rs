//! The floating-point environment of a thread: rounding, what is trapped, what has been flagged.
//!
//! Two registers of x86-64: MXCSR, and the control and status words of the x87, which `long double`
//! uses. Our own code touches the first alone, and only its flags. Elsewhere nothing is kept.

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
    /// The bits that mask exceptions.
    const MASKS: u32 = 0x1f80;

    /// This thread's.
    pub fn of_this_thread() -> Floats {
        Floats { sse: registers::sse(), x87: registers::x87(), x87_flags: registers::x87_flags() }
    }

    /// A new thread inherits the environment of the one that made it: this one is as a process
    /// starts.
    pub fn make_plain() {
        Floats::PLAIN.settle();
    }

    /// A task may have left something behind: this thread is as this was taken.
    #[inline]
    pub fn settle(&self) {
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
}

/// While it lives, our code calculates on a thread of the host's: afterwards nothing is flagged
/// that was not before.
#[derive(Debug)]
pub struct Calculating {
    #[cfg(target_arch = "x86_64")]
    before: u32,
}

#[cfg(target_arch = "x86_64")]
impl Calculating {
    /// Begins; nothing is trapped meanwhile, whatever the host traps.
    #[inline]
    pub fn new() -> Calculating {
        let before = registers::sse();
        if before & Floats::MASKS != Floats::MASKS {
            registers::set_sse(before | Floats::MASKS);
        }
        Calculating { before }
    }

    /// Begins; what the host traps is trapped, since it is the host's code that runs.
    pub fn for_host_code() -> Calculating {
        Calculating { before: registers::sse() }
    }
}

#[cfg(target_arch = "x86_64")]
impl Drop for Calculating {
    #[inline]
    fn drop(&mut self) {
        if registers::sse() != self.before {
            registers::set_sse(self.before);
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
impl Calculating {
    #[inline]
    pub fn new() -> Calculating {
        Calculating {}
    }

    pub fn for_host_code() -> Calculating {
        Calculating {}
    }
}
