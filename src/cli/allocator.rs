//! How the system's allocator treats blocks.

/// Lets the C library keep freed blocks of a few megabytes for the next ones.
///
/// By default glibc returns each such block to the system and takes a new one, whose pages the kernel must clear: a
/// quarter of the time of a Parquet job with a cheap model. mallopt(3) documents the parameters.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn keep_freed_blocks() {
    /// The largest value that glibc takes.
    const LARGEST_FROM_HEAP: libc::c_int = 32 << 20;
    const KEPT_FREE: libc::c_int = 64 << 20;
    // SAFETY: mallopt only sets parameters of the allocator; it takes any values, may be called at any time, and its
    // failure leaves the defaults.
    #[expect(unsafe_code, reason = "there is no safe way to set the allocator's parameters from inside the process")]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGEST_FROM_HEAP);
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT_FREE);
    }
}

/// Other allocators are left as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn keep_freed_blocks() {}
