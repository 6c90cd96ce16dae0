//! Plans and their instalments.
